"""The kinds of catalogues, a file each; their modules are loaded by those alone who ask them."""

import importlib

KINDS = {
    "odata": "OData",
    "ens": "Ens",
    "stac": "Stac",
    "folder": "Folder",
    "ads": "Ads",
    "cmems": "Cmems",
}


def open_catalogue(settings, client=None):
    """The catalogue of these settings. `client` asks it, see `asking`; a folder needs none.

    Raises ModuleNotFoundError where a kind needs a package that is not there.
    """
    module = importlib.import_module(f"{__package__}.{settings.kind}")
    return getattr(module, KINDS[settings.kind])(settings, client)


def optional(package):
    """A package that one kind alone needs. Raises ModuleNotFoundError that says how to get it."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"{package} is not installed, which this catalogue needs: pip install {package}"
        ) from None
