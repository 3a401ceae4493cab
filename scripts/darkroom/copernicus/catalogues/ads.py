"""The Atmosphere Data Store: CAMS analyses, a file for each day and variable, by cdsapi.

The store has no list of files: it makes what is asked for. So a search tells what will be asked, and asks nothing.
"""

import hashlib
import json
import os
from datetime import date, timedelta
from pathlib import Path

from darkroom import files
from darkroom.copernicus import names
from darkroom.copernicus.catalogues.registry import optional
from darkroom.copernicus.products import File, Product
from darkroom.transfer.remote import require_private

LOGIN = Path("~/.cdsapirc")  # cdsapi's own
VARIABLES = {  # short names of ECMWF, as files have them -> names of the store
    "aod550": "total_aerosol_optical_depth_550nm",
    "tcco": "total_column_carbon_monoxide",
    "tcno2": "total_column_nitrogen_dioxide",
    "tcso2": "total_column_sulphur_dioxide",
    "tchcho": "total_column_formaldehyde",
    "tc_ch4": "total_column_methane",
    "tc_c2h6": "total_column_ethane",
    "tc_c3h8": "total_column_propane",
    "tc_c5h8": "total_column_isoprene",
    "tc_h2o2": "total_column_hydrogen_peroxide",
    "tc_hno3": "total_column_nitric_acid",
    "tc_no": "total_column_nitrogen_monoxide",
    "tc_oh": "total_column_hydroxyl_radical",
    "tc_pan": "total_column_peroxyacetyl_nitrate",
    "gtco3": "total_column_ozone",
}
SHORT = {long: short for short, long in VARIABLES.items()}


class Ads:
    """A catalogue whose products are requests to the store."""

    def __init__(self, settings, client=None):
        self.settings = settings
        self.exact = True  # the store cuts out the area itself

    def search(self, query):
        """A product of each day of a query, and their number.

        Raises ValueError for a query without start, end and a variable as its type, and for more than its limit.
        """
        if not (query.start and query.end and query.type):
            raise ValueError(
                f"{self.settings.name}: a query needs start, end and a variable as its type, such as tcno2"
            )
        dataset = self.settings.collections["CAMS"][0]
        first, last = date.fromisoformat(query.start[:10]), date.fromisoformat(query.end[:10])
        days = [first + timedelta(at) for at in range((last - first).days + (query.end[11:19] > "00:00:00"))]
        if len(days) > query.limit:
            raise ValueError(f"{len(days)} days are more than the query's limit, {query.limit}; narrow start and end")
        return [self._product(dataset, day, query) for day in days], len(days)

    def state(self, product):
        """A product as it is: the store makes it when it is asked."""
        return product

    def whole(self, product):
        """The file of a request; `fetch` brings it."""
        return File(product.name, f"{self.settings.search}#{product.id}")

    def files(self, product):
        """The one file."""
        return [self.whole(product)]

    def order_request(self, product):
        """None: the store is asked by `fetch`, which waits."""
        return None

    def fetch(self, product, target):
        """Have the store make a product, and write it to a file.

        Raises ModuleNotFoundError without cdsapi, PermissionError for a login that others may read, OSError when the
        store does not give it.
        """
        cdsapi = optional("cdsapi")
        key = os.environ.get(f"{self.settings.name.upper()}_KEY")
        if not key and LOGIN.expanduser().exists():
            require_private(LOGIN.expanduser())
        client = cdsapi.Client(url=self.settings.search if key else None, key=key, quiet=True, progress=False)
        with files.replacing(target) as partial:
            try:
                client.retrieve(product.attributes["dataset"], product.attributes["request"], str(partial))
            except Exception as error:  # cdsapi raises Exception itself
                raise OSError(f"{product.name}: {self.settings.name}: {' '.join(str(error).split())[:300]}") from None

    def _product(self, dataset, day, query):
        variable = VARIABLES.get(query.type, query.type)
        request = {
            "variable": [variable],
            "date": [f"{day}/{day}"],
            "time": ["00:00", "12:00"],
            "leadtime_hour": ["0"],
            "type": ["analysis"],
            "data_format": "netcdf",
        }
        if query.area is not None:
            west, south, east, north = query.area.bounds
            request["area"] = [north, west, south, east]
        key = hashlib.sha256(json.dumps([dataset, request], sort_keys=True).encode()).hexdigest()[:12]
        begin = names.iso(f"{day:%Y%m%d}T000000")
        return Product(
            id=key,
            name=f"cams_{SHORT.get(variable, variable)}_{day:%Y%m%d}_{key}.nc",
            begin=begin,
            end=begin,
            catalogue=self.settings.name,
            collection="CAMS",
            type=query.type,
            attributes={"dataset": dataset, "request": request},
        )
