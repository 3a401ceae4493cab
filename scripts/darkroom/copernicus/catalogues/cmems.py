"""The Copernicus Marine Service: a cut-out of a dataset in time and space, by its own toolbox, copernicusmarine.

Cells that the border of the area cuts are taken whole, so that what comes is never narrower than what was asked for.
"""

from darkroom.copernicus.catalogues.made import MadeToOrder
from darkroom.copernicus.catalogues.registry import optional

SIDES = ("minimum_longitude", "minimum_latitude", "maximum_longitude", "maximum_latitude")


class Cmems(MadeToOrder):
    """A catalogue whose one product is a cut-out.

    The login is the toolbox's own: COPERNICUSMARINE_SERVICE_USERNAME and _PASSWORD, or what `copernicusmarine login`
    has saved.
    """

    collection, needs = "CMEMS", "the id of a dataset as its type"

    def _requests(self, query):
        request = {"dataset_id": query.type, "start_datetime": query.start, "end_datetime": query.end}
        if query.area is not None:
            request |= dict(zip(SIDES, query.area.bounds, strict=True))
        days = f"{query.start[:10]}_{query.end[:10]}".replace("-", "")
        yield f"{query.type}_{days}", query.start, query.end, request

    def _asker(self):
        copernicusmarine = optional("copernicusmarine")

        def ask(request, path):
            place = {"output_directory": str(path.parent), "output_filename": path.name, "overwrite": True}
            how = {"coordinates_selection_method": "outside", "disable_progress_bar": True, "file_format": "netcdf"}
            made = copernicusmarine.subset(**request, **place, **how)
            if made.file_path != path:  # it may put an ending of its own behind the name
                made.file_path.replace(path)

        return ask
