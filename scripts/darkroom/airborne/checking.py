"""What is found of the product of a granule: compared with its source, looked at, its metadata validated."""

import math
from pathlib import Path

from darkroom import files
from darkroom.airborne import cf, granules, product, quality


def tasks(made, described, folder, collections, schemas=""):
    """What `report_of` takes, for each granule of the lists of granules and of metadata that has a product."""
    of = {granule["id"]: granule for granule in described["granules"]}
    converted = [granule for granule in made["granules"] if granule["netcdf"]]
    return [(one, of.get(one["id"]), folder, Path(made["root"]), collections, schemas) for one in converted]


def require_schemas(schemas):
    """Raise FileNotFoundError where a folder of CMR's schemas lacks one; "" is none."""
    for name in quality.SCHEMAS.values() if schemas else ():
        if not Path(schemas, name).is_file():
            raise FileNotFoundError(f"{Path(schemas, name)}: no such schema of CMR")


def report_of(granule, described, folder, root, collections, schemas=""):
    """Write quality/<granule>.json; the report in it."""
    try:
        report = examine(granule, described, folder, root, collections, schemas)
    except Exception as error:  # whatever it is, it is that granule's
        report = {key: granule[key] for key in ("collection", "netcdf", "flags")} | {"granule": granule["id"]}
        report |= {"source": granule["files"], "error": granules.say(error, granule["netcdf"])}
    files.write_json(folder / f"quality/{granule['id']}.json", report, durable=False)
    return report


def examine(granule, described, folder, root, collections, schemas=""):
    """What is found of one granule: round trip, figures and flags of the product, problems of its metadata."""
    with product.opened(folder / granule["netcdf"]) as made:
        compared = round_trip(granule, made, root, collections)
        figures = quality.assess(made)
    problems = {}
    for kind, name in (described or {}).get("metadata", {}).items():
        problems[kind] = list(quality.invalid(folder / name, kind, schemas))
    return {
        "granule": granule["id"],
        "collection": granule["collection"],
        "netcdf": granule["netcdf"],
        "source": granule["files"],
        "round_trip": compared,
        **figures,
        "flags": granule["flags"] + figures["flags"],
        "metadata": {"schemas": bool(schemas), "problems": problems},
    }


def round_trip(granule, made, root, collections):
    """How many values of the source were compared with the netCDF, and where they differ; the source is read anew."""
    source = granules.load(granule["files"], granule["id"], collections, root)
    values = sum(math.prod(variable.shape) for variable in source.variables.values())
    return {"values": values, "differences": cf.round_trip(source, made)}


def failures(report):
    """What must not be: values that are not those of the source, metadata that is not valid, no check at all."""
    if "error" in report:
        yield f"not checked: {report['error']}"
        return
    for difference in report["round_trip"]["differences"]:
        yield f"{report['netcdf']} is not its source: {difference['variable']}: {difference['difference']}"
    for kind, lines in report["metadata"]["problems"].items():
        yield from (f"{kind}: {line}" for line in lines)
