"""Measure downloads of products beside four curls and eodag, in one run from one nginx.

`python tests/bench/copernicus_downloads.py`: all fetch the same four files over four connections. Ours also logs in,
computes SHA-256, and holds what came against a checksum of the catalogue (BLAKE3 where it has both, as CDSE; else MD5),
which the peers do not. The server shares the machine: compare the ratios, not the rates; with `--rate` (MB/s for each
connection, as services have it) the line is the limit and not the processors. Wall and CPU time are those of whole
processes, their start included. Memory is that of our process for files of one size and of four times that. `--item` is
a STAC item of Sentinel-2, whose sizes tell what two bands and the metadata move of it, beside its zip.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

import blake3

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts")]

from servers import oauth2 as oauth2_server  # noqa: E402
from servers import products as products_server  # noqa: E402
from servers import venvs  # noqa: E402

NAME = "S5P_OFFL_L2__NO2____20211211T104909_20211211T123039_2156{}_02_020301_20211213T011704.nc"
NBR = ["*_B8A_20m.jp2", "*_B12_20m.jp2"]
OURS = """
import json, sys
from pathlib import Path
from darkroom.copernicus import downloads
from darkroom.copernicus.products import File, Product
from darkroom.copernicus.settings import Settings
given = json.load(open(sys.argv[1]))
settings = Settings(**given["settings"] | {"hosts": tuple(given["settings"]["hosts"])})
wants = [
    downloads.Want(Product(one["id"], one["name"], "", ""), [File(one["name"], one["url"], one["bytes"], tuple(one["digests"]))])
    for one in given["files"]
]
downloads.fetch(wants, Path(given["store"]), downloads.Places(settings))
"""
EODAG = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
from eodag.api.product import EOProduct
from eodag.api.search_result import SearchResult
from eodag.config import PluginConfig
from eodag.plugins.download.http import HTTPDownload
from eodag.utils.logging import setup_logging
setup_logging(verbose=0, no_progress_bar=True)
given = json.load(open(sys.argv[1]))
plugin = HTTPDownload("own", PluginConfig.from_mapping(
    {"type": "HTTPDownload", "output_dir": given["store"], "extract": False, "max_workers": 4}))
found = []
for one in given["files"]:
    told = {"id": one["id"], "title": one["name"], "geometry": "POINT (0 0)", "order:status": "succeeded"}
    found.append(EOProduct("own", told | {"eodag:download_link": one["plain"]}))
    found[-1].register_downloader(plugin, None)
plugin.download_all(SearchResult(found), executor=ThreadPoolExecutor(4))
"""


def measure(*commands, **environment):
    """Wall seconds, CPU seconds and largest memory (MB) of commands that run at the same time."""
    started, seconds, memory = time.monotonic(), 0, 0
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0), (os.POSIX_SPAWN_DUP2, 1, 2)]
    commands = [[str(part) for part in command] for command in commands]
    jobs = [os.posix_spawnp(one[0], one, os.environ | environment, file_actions=quiet) for one in commands]
    for job in jobs:
        _, status, usage = os.wait4(job, 0)
        if status:
            raise RuntimeError(f"{commands[0][0]} ended with {os.waitstatus_to_exitcode(status)}")
        seconds, memory = seconds + usage.ru_utime + usage.ru_stime, max(memory, usage.ru_maxrss / 1024)
    return time.monotonic() - started, seconds, memory


def serve(folder, oauth2, megabytes, rate, promises):
    """Four files of so many MB, the service that has them, and what ours and eodag are told of them."""
    root, data = folder / "root", random.Random(1)
    listed = []
    for number in range(4):
        piece, name = data.randbytes(1_000_000), NAME.format(number)
        products_server.value(root, f"id-{number}", b"", name)
        promised = {"md5": hashlib.md5(), "blake3": blake3.blake3()}
        with (root / f"odata/v1/Products(id-{number})/Nodes({name})/$value").open("wb") as file:
            for _ in range(megabytes):  # a child's memory is counted from ours
                file.write(piece)
                for digest in promised.values():
                    digest.update(piece)
        listed.append({"id": f"id-{number}", "name": name, "bytes": megabytes * len(piece)})
        listed[-1]["digests"] = [f"{key}:{digest.hexdigest()}" for key, digest in promised.items() if key in promises]
    limit = f"limit_rate {rate}m;" if rate else ""
    service = products_server.Products(root, folder / "state", oauth2.check_url, options=limit)
    for one in listed:
        one["url"] = f"{service.direct}/Products({one['id']})/Nodes({one['name']})/$value"
        one["plain"] = one["url"].replace("/odata/v1", "/plain/odata/v1")
    settings = {"name": "own", "kind": "odata", "login": "oidc", "token": oauth2.url, "client": oauth2_server.CLIENT}
    settings |= {"download": service.direct, "hosts": []}
    return service, {"settings": settings, "files": listed}


def fetch(folder, given, who, command, environment):
    """The figures of one of the three; what it has fetched is looked at and removed."""
    store = folder / who
    (folder / "given.json").write_text(json.dumps(given | {"store": str(store)}))
    store.mkdir()
    figures = measure(*command(store), **environment)
    sizes = sorted(path.stat().st_size for path in store.rglob("*.nc") if path.is_file())
    sizes = sizes or sorted(path.stat().st_size for path in store.rglob("*") if path.stat().st_size > 1_000_000)
    if sizes != sorted(one["bytes"] for one in given["files"]):
        raise RuntimeError(f"{who} has {sizes}")
    shutil.rmtree(store)
    return figures


def beside(folder, oauth2, megabytes, rate, promises, eodag):
    """Wall and CPU seconds and memory of each."""
    service, given = serve(folder, oauth2, megabytes, rate, promises)
    path = folder / "given.json"
    ours = {"PYTHONPATH": str(ROOT / "scripts"), "XDG_CACHE_HOME": str(folder / "cache")}
    ours |= {"OWN_USERNAME": oauth2.user, "OWN_PASSWORD": oauth2.password}
    try:
        yield (
            "four curls",
            *fetch(
                folder,
                given,
                "curl",
                lambda store: [["curl", "-sS", "-o", store / one["name"], one["plain"]] for one in given["files"]],
                {},
            ),
        )
        yield "ours", *fetch(folder, given, "ours", lambda _: [[sys.executable, "-c", OURS, path]], ours)
        if eodag:
            yield (
                "eodag",
                *fetch(folder, given, "eodag", lambda _: [[eodag, "-c", EODAG, path]], {"HOME": str(folder / "home")}),
            )
    finally:
        service.stop()


def bands(item):
    """Bytes of two bands and the metadata of a Sentinel-2 item, and those of its zip."""
    from darkroom.copernicus import downloads
    from darkroom.copernicus.catalogues.registry import open_catalogue
    from darkroom.copernicus.products import Asset, Product
    from darkroom.copernicus.settings import load

    assets = tuple(
        Asset(key, one["file:local_path"], one["href"], bytes=one["file:size"], roles=tuple(one["roles"]))
        for key, one in item["assets"].items()
        if "file:size" in one
    )
    product = Product(item["id"], f"{item['id']}.SAFE", "", "", assets=assets)
    catalogue = open_catalogue(load("cdse-stac"))
    chosen = downloads.choose(product, catalogue, NBR)
    return sum(file.bytes for file in chosen.files), catalogue.whole(product).bytes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=100, help="of each of the four files")
    parser.add_argument("--rate", type=int, default=20, help="MB/s of each connection; 0: as fast as it goes")
    parser.add_argument("--item", type=Path, help="a STAC item of Sentinel-2 L2A")
    parser.add_argument("--without-eodag", action="store_true")
    given = parser.parse_args()
    eodag = None if given.without_eodag else venvs.python(ROOT / "tests/servers/eodag.lock")
    oauth2, folder = oauth2_server.OAuth2(), Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        rounds = [(given.megabytes, given.rate, ("md5", "blake3"))]
        rounds += [(given.megabytes, 0, ("md5", "blake3")), (given.megabytes, 0, ("md5",))]
        for number, (megabytes, rate, promises) in enumerate([*rounds, (4 * given.megabytes, 0, ("md5", "blake3"))]):
            place = folder / str(number)
            place.mkdir()
            rows = list(beside(place, oauth2, megabytes, rate, promises, eodag))
            how = f"{rate} MB/s each" if rate else "as fast as it goes"
            print(f"4 x {megabytes} MB, {how}, promised: {', '.join(promises)}")
            for who, wall, cpu, memory in rows:
                print(f"  {who:10} {wall:7.2f} s  {rows[0][1] / wall:5.2f} of curl  CPU {cpu:6.2f} s  {memory:6.0f} MB")
            shutil.rmtree(place)
        if given.item:
            some, whole = bands(json.loads(given.item.read_text()))
            print(f"NBR of {given.item.stem}: {some / 1e6:.1f} MB of {whole / 1e6:.1f} MB, 1/{whole / some:.1f}")
    finally:
        oauth2.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
