"""The catalogue of `odata_server` for tests, in a virtual environment of its own; and filters for its parser."""

import json
import subprocess
import urllib.request
from pathlib import Path

from servers import loopback, venvs

LOCK = Path(__file__).with_name("odata.lock")
SERVER = Path(__file__).with_name("odata_server.py")
PARSE = """
import json, sys
from odata_query.grammar import ODataLexer, ODataParser
for line in json.load(sys.stdin):
    ODataParser().parse(ODataLexer().tokenize(line))
"""


class OData:
    """A running catalogue: `url` is what `search` of a catalogue wants; `top` and `skip` are the most it bears."""

    def __init__(self, folder, products, top=1000, skip=10_000):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "products.json").write_text(json.dumps(products))
        self.port, log = loopback.free_ports(1)[0], folder / "odata.log"
        command = [venvs.python(LOCK), str(SERVER), str(self.port), str(folder / "products.json"), str(top), str(skip)]
        self.process = loopback.start(command, log)
        loopback.wait_for_port(self.port, self.process, log, seconds=120)
        self.url = f"http://127.0.0.1:{self.port}/odata/v1"

    def control(self, **plan):
        """Spoil what follows, see `odata_server`."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/control", json.dumps(plan).encode())
        urllib.request.urlopen(request, timeout=10).read()

    def stop(self):
        loopback.stop(self.process)


def require_filters(filters):
    """Raise CalledProcessError where odata-query does not parse one of the filters."""
    given = json.dumps(filters).encode()
    subprocess.run([venvs.python(LOCK), "-c", PARSE], input=given, check=True, timeout=60, capture_output=True)
