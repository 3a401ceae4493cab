"""Catalogues whose products are made when they are asked for: a search tells what will be asked, and asks nothing."""

import hashlib
import json
from abc import ABC, abstractmethod

from darkroom import files
from darkroom.copernicus.products import File, Product


class MadeToOrder(ABC):
    """What such services have in common. A product's `attributes["request"]` is what the service is asked."""

    collection: str
    needs: str  # what a query has to have, as messages say it

    def __init__(self, settings, client=None):
        self.settings = settings
        self.exact = True  # the service cuts out the area itself

    def search(self, query):
        """What will be asked for a query, and how many products that is.

        Raises ValueError for a query without start, end and type, and for more products than its limit.
        """
        if not (query.start and query.end and query.type):
            raise ValueError(f"{self.settings.name}: a query needs start, end and {self.needs}")
        products = [self._product(query, *asked) for asked in self._requests(query)]
        return products, len(products)

    def state(self, product):
        """A product as it is: nothing is archived."""
        return product

    def whole(self, product):
        """The one file of a product; `fetch` brings it."""
        return File(product.name, f"{self.settings.search}#{product.id}")

    def files(self, product):
        """The one file."""
        return [self.whole(product)]

    def order_request(self, product):
        """None: the service is asked by `fetch`, which waits."""
        return None

    def fetch(self, product, target):
        """Have the service make a product, and write it to a file.

        Raises ModuleNotFoundError where its package is missing, PermissionError for a login that others may read,
        OSError when the service does not give it.
        """
        ask = self._asker()
        with files.replacing(target) as partial:
            try:
                ask(product.attributes["request"], partial)
            except Exception as error:  # these packages raise many of their own, and Exception itself
                raise OSError(f"{product.name}: {self.settings.name}: {' '.join(str(error).split())[:300]}") from None

    @abstractmethod
    def _requests(self, query):
        """For each product: a stem of its name, begin, end, and what to ask."""

    @abstractmethod
    def _asker(self):
        """A function that has the service write what a request asks for to a path."""

    def _product(self, query, stem, begin, end, request):
        key = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:12]
        return Product(
            id=key,
            name=f"{stem}_{key}.nc",
            begin=begin,
            end=end,
            catalogue=self.settings.name,
            collection=self.collection,
            type=query.type,
            attributes={"request": request},
        )
