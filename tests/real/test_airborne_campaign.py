"""A campaign of generated granules whose metadata are validated by CMR's own schemas, and the same by others' validators."""

import json

import jsonschema
import pytest
from lxml import etree

from campaign import Campaign
from darkroom.samples import airborne

RECORDS = ("umm_g.json", "echo10.xml", "meta.xml")


@pytest.fixture
def schemas(samples):
    return samples / "airborne/cmr-schemas"


@pytest.fixture
def folder(samples, tmp_path):
    """The results of a dataset of granules of all samples, made with `schemas`."""
    for write in airborne.SAMPLES.values():
        write(tmp_path)
    archive = {"endpoint": "https://data.example.org", "buckets": {"protected": "demo-protected"}}
    options = archive | {"schemas": str((samples / "airborne/cmr-schemas").resolve()), "filter": r".*\.(eol|ict|hdf5)$"}
    campaign = Campaign(tmp_path).write([("all", str(tmp_path), options)], pipeline="airborne")
    campaign.run()
    return campaign.results / "all"


def test_metadata_of_a_campaign_is_valid(folder, schemas):
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["skipped"] == []
    umm_g = jsonschema.Draft7Validator(json.loads((schemas / "umm-g-json-schema-v1.6.6.json").read_text()))
    echo10 = etree.XMLSchema(etree.parse(schemas / "Granule.xsd"))
    granules = json.loads((folder / "granules.json").read_text())["granules"]
    assert len(granules) == 5
    for granule in granules:
        quality = json.loads((folder / f"quality/{granule['id']}.json").read_text())
        assert quality["metadata"] == {"schemas": True, "problems": {kind: [] for kind in RECORDS}}
        assert not list(umm_g.iter_errors(json.loads((folder / f"metadata/{granule['id']}.umm_g.json").read_text())))
        for kind in RECORDS[1:]:
            echo10.assertValid(etree.parse(folder / f"metadata/{granule['id']}.{kind}"))
