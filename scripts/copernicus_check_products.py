"""Check the products that are here against what is promised of them; write what was found."""

import collections
from pathlib import Path

from darkroom import entrypoint, record
from darkroom import inventory as inventories
from darkroom.copernicus import checks, orders
from darkroom.copernicus.products import read_products


def copernicus_check_products(
    inventory: Path, products: Path, check: Path, *, order: Path | None = None, threads: int = 2
):
    """Write products_check.json: of each product what was compared with whom, what could not be, and what is left out.

    inventory -- of the products, as `copernicus_fetch` or `fetch_input` has written it
    products -- products.geojson of the search
    order -- order.json, which tells what could not be had; none where the products were there already

    Raises ValueError, once every product has been looked at, for a product that is not there, and for files that are
    not what the manifest or the catalogue promises.
    """
    listed, searched = inventories.read(inventory), read_products(products)
    notes, left_out = (record.read(order).notes or [], orders.left_out(order)) if order else ([], set())
    reports, missing = checks.report(listed, searched, left_out, threads)
    wrong = [f"{report['name']}: {line}" for report in reports for line in report["wrong"]]
    wrong += [f"{name}: found by the search and not here; fetch it again" for name in missing]
    if wrong:
        raise ValueError("; ".join(wrong[:3]) + (f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""))
    record.write(check, summary(reports, notes), {"products": reports})


def summary(reports, notes):
    """The record of the check for the manifest."""
    verified = collections.Counter()
    for report in reports:
        verified.update(report["verified"])
    notes = [*notes]
    for report in reports:
        if names := report["unverified"]:
            first = ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
            notes.append(f"{report['name']}: nothing is promised of {first}: only the size could be looked at")
        if report.get("left_out"):
            notes.append(
                f"{report['name']}: {len(report['left_out'])} files of its manifest are not among those fetched"
            )
    figures = {
        "passed": True,
        "products": len(reports),
        "files": sum(report["files"] for report in reports),
        "bytes": sum(report["bytes"] for report in reports),
        "verified": dict(sorted(verified.items())),
        "unverified": sum(len(report["unverified"]) for report in reports),
    }
    return record.Record(notes=notes, checks={"copernicus_check_products": figures})


if __name__ == "__main__":
    entrypoint.run(copernicus_check_products, globals().get("snakemake"))
