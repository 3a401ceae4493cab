"""The `.meta.xml` beside a netCDF file that py-cumulus (2016) wrote: an ECHO10 granule of a few elements.

That program wrote a fixed address; here it is the address that the archive's file table gives, or none.
"""

from darkroom.airborne.metadata import echo10


def legacy_met(granule):
    """The document as bytes; `granule` is what `airborne_convert_metadata.describe` gives."""
    collection = granule["collection"]
    urls = [{"URL": entry["url"]} for entry in granule["urls"] if entry["type"] == "GET DATA"]
    tree = {
        "GranuleUR": granule["id"],
        "InsertTime": granule["produced"],
        "LastUpdate": granule["produced"],
        "Collection": {"ShortName": collection["short_name"], "VersionId": collection["version"]},
        "OnlineAccessURLs": {"OnlineAccessURL": urls},
        "Orderable": "true" if urls else "false",
    }
    return echo10.document("Granule", tree)
