"""The Copernicus Marine Service: a cut-out of a dataset in time and space, by its own toolbox, copernicusmarine.

As with `ads`, a search tells what will be asked. Cells that the border of the area cuts are taken whole, so that what
comes is never narrower than what was asked for.
"""

import hashlib
import json

from darkroom import files
from darkroom.copernicus.catalogues.registry import optional
from darkroom.copernicus.products import File, Product


class Cmems:
    """A catalogue whose one product is a cut-out."""

    def __init__(self, settings, client=None):
        self.settings = settings
        self.exact = True  # the service cuts out the area itself

    def search(self, query):
        """The cut-out of a query, and one.

        Raises ValueError for a query without start, end and a dataset as its type.
        """
        if not (query.start and query.end and query.type):
            raise ValueError(f"{self.settings.name}: a query needs start, end and the id of a dataset as its type")
        request = {"dataset_id": query.type, "start_datetime": query.start, "end_datetime": query.end}
        if query.area is not None:
            ends = ("minimum_longitude", "minimum_latitude", "maximum_longitude", "maximum_latitude")
            request |= dict(zip(ends, query.area.bounds, strict=True))
        key = hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:12]
        days = f"{query.start[:10]}_{query.end[:10]}".replace("-", "")
        product = Product(
            id=key,
            name=f"{query.type}_{days}_{key}.nc",
            begin=query.start,
            end=query.end,
            catalogue=self.settings.name,
            collection="CMEMS",
            type=query.type,
            attributes={"request": request},
        )
        return [product], 1

    def state(self, product):
        """A product as it is: the service makes it when it is asked."""
        return product

    def whole(self, product):
        """The file of a cut-out; `fetch` brings it."""
        return File(product.name, f"{self.settings.search}#{product.id}")

    def files(self, product):
        """The one file."""
        return [self.whole(product)]

    def order_request(self, product):
        """None: nothing is archived here."""
        return None

    def fetch(self, product, target):
        """Have the service make a cut-out, and write it to a file.

        The login is the toolbox's own: COPERNICUSMARINE_SERVICE_USERNAME and _PASSWORD, or what `copernicusmarine
        login` has saved. Raises ModuleNotFoundError without copernicusmarine, OSError when it is not given.
        """
        copernicusmarine = optional("copernicusmarine")
        with files.replacing(target) as partial:
            given = {"output_directory": str(partial.parent), "output_filename": partial.name, "overwrite": True}
            given |= {"coordinates_selection_method": "outside", "disable_progress_bar": True, "file_format": "netcdf"}
            try:
                made = copernicusmarine.subset(**product.attributes["request"], **given)
            except Exception as error:  # the toolbox has many of its own
                raise OSError(f"{product.name}: {self.settings.name}: {' '.join(str(error).split())[:300]}") from None
            if made.file_path != partial:  # it may put an ending of its own behind the name
                made.file_path.replace(partial)
