"""The Atmosphere Data Store: CAMS analyses, a file for each day and variable, by cdsapi."""

import os
from datetime import date, timedelta
from pathlib import Path

from darkroom.copernicus import names
from darkroom.copernicus.catalogues.made import MadeToOrder
from darkroom.copernicus.catalogues.registry import optional
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


class Ads(MadeToOrder):
    """A catalogue whose products are requests to the store. The key is in ADS_KEY, or in cdsapi's own file."""

    collection, needs = "CAMS", "a variable as its type, such as tcno2"

    def _requests(self, query):
        first, last = date.fromisoformat(query.start[:10]), date.fromisoformat(query.end[:10])
        days = [first + timedelta(at) for at in range((last - first).days + (query.end[11:19] > "00:00:00"))]
        if len(days) > query.limit:
            raise ValueError(f"{len(days)} days are more than the query's limit, {query.limit}; narrow start and end")
        variable = VARIABLES.get(query.type, query.type)
        request = {
            "dataset": self.settings.collections["CAMS"][0],
            "variable": [variable],
            "time": ["00:00", "12:00"],
            "leadtime_hour": ["0"],
            "type": ["analysis"],
            "data_format": "netcdf",
        }
        if query.area is not None:
            west, south, east, north = query.area.bounds
            request["area"] = [north, west, south, east]
        for day in days:
            begin = names.iso(f"{day:%Y%m%d}T000000")
            yield (
                f"cams_{SHORT.get(variable, variable)}_{day:%Y%m%d}",
                begin,
                begin,
                request | {"date": [f"{day}/{day}"]},
            )

    def _asker(self):
        cdsapi = optional("cdsapi")
        key = os.environ.get(f"{self.settings.name.upper()}_KEY")
        if not key and LOGIN.expanduser().exists():
            require_private(LOGIN.expanduser())
        client = cdsapi.Client(url=self.settings.search if key else None, key=key, quiet=True, progress=False)

        def ask(request, path):
            client.retrieve(
                request["dataset"], {name: request[name] for name in request if name != "dataset"}, str(path)
            )

        return ask
