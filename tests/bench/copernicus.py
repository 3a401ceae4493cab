"""10,050 products of a catalogue on loopback: our search beside those of eodag and cdsetool, which ask the same server.

Run by hand or by `make bench`: `python tests/bench/copernicus.py [--products 10050] [--rounds 3]`. Each program runs in a
process of its own; seconds are of the search alone, on the clock and of its own CPU; memory is the most that its process
had. The question begins a day before the first product: eodag asks for what ends after it, and leaves out a moment that
begins with it. Nobody is asked first on a cold server.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts")]

import copernicus_catalogue as entries  # noqa: E402
from servers import odata, venvs  # noqa: E402

EODAG = ROOT / "tests/servers/eodag.lock"
TELL = """
seconds, cpu = round(time.monotonic() - began, 2), round(time.process_time() - spent, 2)
kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"products": len(found), "seconds": seconds, "cpu": cpu, "kilobytes": kilobytes}))
"""
OURS = """
import json, resource, sys, time
sys.path.insert(0, {scripts!r})
from darkroom.copernicus import asking, query, search, settings
from darkroom.copernicus.catalogues.registry import open_catalogue
service = settings.load("bench", {own!r})
catalogue = open_catalogue(service, asking.Client(service))
began, spent = time.monotonic(), time.process_time()
asked = {{"catalogue": "bench", "type": "S2MSI1C", "start": "2019-12-31", "end": "2021-01-01", "limit": 20000, "versions": "all"}}
found = search.search(query.resolve(asked, catalogues={own!r}), catalogue)[0]
"""
EODAGS = """
import json, resource, sys, time
from eodag import EODataAccessGateway
gateway = EODataAccessGateway()
ends = {{"search": {{"api_endpoint": "{url}/Products"}}, "auth": {{"oidc_config_url": "{url}/openid"}}}}
gateway.update_providers_config(dict_conf={{"cop_dataspace": ends}})
began, spent = time.monotonic(), time.process_time()
found = gateway.search_all(provider="cop_dataspace", collection="S2_MSI_L1C", start="2019-12-31", end="2021-01-02")
"""
CDSETOOLS = """
import json, resource, sys, time
from cdsetool.query import FeatureQuery
built = FeatureQuery._build_query_url  # its address is not to be set
catalogue = "https://catalogue.dataspace.copernicus.eu/odata/v1"
FeatureQuery._build_query_url = lambda self, **given: built(self, **given).replace(catalogue, {url!r})
began, spent = time.monotonic(), time.process_time()
asked = {{"contentDateStartGe": "2019-12-31T00:00:00Z", "contentDateStartLt": "2021-01-02T00:00:00Z", "productType": "S2MSI1C", "top": 1000}}
found = list(FeatureQuery("SENTINEL-2", asked, options={{"expand_attributes": True}}))
"""


def measured(python, text, folder):
    """What a program tells of its search, or why it did not run."""
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    done = subprocess.run([python, "-c", text + TELL], capture_output=True, text=True, env=environment, timeout=900)
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1][:200]}
    return json.loads(done.stdout.splitlines()[-1])


def main():
    line = argparse.ArgumentParser(description=__doc__)
    line.add_argument("--products", type=int, default=10_050)
    line.add_argument("--rounds", type=int, default=1)
    line.add_argument("--only", nargs="*", default=["darkroom", "eodag", "cdsetool"])
    given = line.parse_args()
    count = given.products
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = odata.OData(folder, list(entries.sentinel2(count, step=timedelta(minutes=45))))
        try:
            own = folder / "own.yaml"
            own.write_text(json.dumps({"bench": {"kind": "odata", "search": server.url}}))
            places = {"url": server.url, "own": str(own), "scripts": str(ROOT / "scripts")}
            peers = venvs.python(EODAG)
            programs = {"darkroom": (sys.executable, OURS), "eodag": (peers, EODAGS), "cdsetool": (peers, CDSETOOLS)}
            measured(sys.executable, OURS.format(**places), folder)
            for program in given.only * given.rounds:
                python, text = programs[program]
                print(f"{program:10}", measured(python, text.format(**places), folder), flush=True)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
