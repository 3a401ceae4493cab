"""A search from question to answer: ask, look at what came, choose among versions, and say what was left out."""

import json
from dataclasses import asdict

from darkroom import record as records
from darkroom.copernicus import areas, asking, settings, versions
from darkroom.copernicus.asked import load
from darkroom.copernicus.catalogues.registry import open_catalogue
from darkroom.copernicus.products import write_products
from darkroom.copernicus.query import refusal, resolve
from darkroom.files import versions as versions_of


def search(query, catalogue, strict=False):
    """Products for a query, how many the catalogue has, and what was left out: a name and a reason each.

    strict -- what a product does not tell counts against it, as the catalogue did not look

    Raises what the catalogue raises, and ValueError where nothing narrows the query and there is more than its limit.
    """
    listed, total = catalogue.search(query)
    left, kept = [], []
    for product in listed:
        why = refusal(query, product, strict) or (
            "" if catalogue.exact or query.names else outside(query, product, strict)
        )
        if why:
            left.append({"name": product.name, "why": why})
        else:
            kept.append(product)
    if query.versions == "latest":
        kept, older = versions.latest(kept)
        left += older
    kept, more = versions.kept(kept, query.keep)
    if query.names:
        present = {product.stem for product in listed}
        absent = [name for name in query.names if name not in present]
        left += [{"name": name, "why": "the catalogue has no such product"} for name in absent]
    return kept, total, left + more


def outside(query, product, strict=False):
    """Why a product is not over a query's area, or ""; its footprint is repaired before it is asked."""
    if query.area is None:
        return ""
    shape = areas.repaired(product.footprint) if product.footprint else None
    if shape is None:
        return "its footprint is not told" if strict else ""
    return "" if shape.intersects(query.area) else "outside the area"


def run(source, folder, catalogues="", root=None, now=None):
    """Search for what `source` asks, see `query.load`, and write the tables and search.json to a folder.

    catalogues -- a file of one's own catalogues; root -- a folder to search in place of the catalogue; now -- the time
    that relative dates are relative to

    Raises ValueError for what is wrong with the query, OSError for a catalogue that does not answer.
    """
    asked, beside = load(source)
    where = "query" if isinstance(source, dict) else str(source)
    query = resolve(asked, beside, where, catalogues, now)
    if root is not None:
        chosen = settings.Settings(name="folder", kind="folder", search=str(root))
    else:
        chosen = settings.load(query.catalogue, catalogues)
    client = asking.Client(chosen)
    catalogue = open_catalogue(chosen, client)
    kept, total, left = search(query, catalogue, strict=chosen.kind == "folder")
    exact = catalogue.exact or chosen.kind == "folder"
    write_products(folder, kept)
    told, others = record(asked, query, chosen, client.requests, kept, total, left, exact)
    records.write(folder / "search.json", told, others)
    return kept


def record(asked, query, chosen, requests, kept, total, left, exact):
    """What search.json holds: the record for the manifest, and the question as it was asked and as it was understood,
    every request, and every product that was left out."""
    understood = asdict(query) | {"area": None if query.area is None else areas.wkt(query.area)}
    notes = understood.pop("notes")
    if not exact:
        notes = [*notes, "the area was simplified for the request, and compared with the footprints here"]
    if not kept:
        notes = [*notes, "nothing was found" if not total else f"none of {total} products is left, see left_out"]
    elif left:
        notes = [*notes, f"{len(left)} of {total} products were left out, see left_out of search.json"]
    figures = {"passed": True, "catalogue": chosen.name, "counted": total, "products": len(kept), "left_out": len(left)}
    others = {
        "query": asked,
        "understood": json.loads(json.dumps(understood)),
        "catalogue": {"name": chosen.name, "kind": chosen.kind, "search": chosen.search},
        "requests": requests,
        "counts": {"catalogue": total, "products": len(kept), "left_out": len(left)},
        "bytes": sum(product.bytes or 0 for product in kept),
        "archived": [product.name for product in kept if not product.online],
        "left_out": left,
    }
    return records.Record(notes=notes, checks={"copernicus_search": figures}, software=versions_of("shapely")), others
