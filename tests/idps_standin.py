"""A stand-in for the installer of IDPS: a shell archive of a small library and of an `isx` (tests/idps_isx.py).

No real IDPS is here.
"""

import io
import shutil
import subprocess
import sysconfig
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
FUNCTIONS = (  # of tests/idps_isx.py, which is imported when one is called
    *(
        "preprocess",
        "motion_correct",
        "project_movie",
        "spatial_filter",
        "dff",
        "run_cnmfe",
        "pca_ica",
        "apply_cell_set",
    ),
    *("event_detection", "auto_accept_reject", "cell_metrics"),
)
ROOT = "Inscopix Data Processing.linux/Contents/API/Python"
SOURCE = """\
#include <math.h>
#include <stdio.h>
int isx_get_is_with_algos(void) { return WITH; }
double isx_power(double x) { printf("x"); return pow(x, 1.5); }
"""
HEAD = """\
#!/bin/sh
# A self-extracting archive, as CPack makes them.
case " $* " in
  *" --skip-license "*) ;;
  *) echo "Do you accept the license? [yN]"; read answer || exit 1 ;;
esac
echo "This is a self-extracting archive."
echo ran >> '{log}'
touch "$HOME/.standin"
tail -n +{lines} "$0" | tar xzf - || exit 1
{after}
exit 0
"""
INIT = """\
import sys
sys.path[:0] = {paths}
from . import _internal
if _internal.is_with_algos:
    for name in {functions}:
        globals()[name] = lambda name=name, **given: getattr(__import__("idps_isx"), name)(**given)
__version__ = "{version}"
def make_output_file_path(*names): ...
"""
INTERNAL = """\
import ctypes, os
c_api = ctypes.CDLL(os.path.join(os.path.dirname(os.path.realpath(__file__)), {above!r}, "libisxpublicapi.so"))
is_with_algos = getattr(c_api, "isx_get_is_with_algos", lambda: {algorithms})()
"""


def shared_library(folder, algorithms=True, needs=(), rpath=""):
    """A small shared library: compiled where gcc is, else one of Python's own; None where there is neither.

    algorithms -- whether it says that it has them
    needs -- other libraries that it is linked with; rpath -- where the loader is to look for them
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "libisxpublicapi.so"
    if shutil.which("gcc"):
        (folder / "isx.c").write_text(SOURCE)
        options = [f"-DWITH={int(algorithms)}", "-Wl,--no-as-needed"]
        if rpath:
            options.append(f"-Wl,-rpath,{rpath}")
        subprocess.run(["gcc", "-shared", "-fPIC", *options, "-o", path, folder / "isx.c", *needs, "-lm"], check=True)
        return path
    own = sorted(Path(sysconfig.get_path("platstdlib"), "lib-dynload").glob("_bisect*.so"))
    return Path(shutil.copy(own[0], path)) if own else None


def tree(library, *, algorithms=True, version="9.9.9", nested=False, others=()):
    """The files that an installer makes: name -> content.

    nested -- whether the library lies in isx/lib, as in newer versions, or beside isx
    """
    root = f"Inscopix Data Processing {version}/{ROOT}" if nested else ROOT
    paths = [str(HERE), str(HERE.parent / "scripts")]
    place = "isx/lib/libisxpublicapi.so" if nested else "libisxpublicapi.so"
    made = {
        f"{root}/setup.py": "from setuptools import setup\nsetup(name='isx')\n",
        f"{root}/isx/__init__.py": INIT.format(paths=paths, version=version, functions=FUNCTIONS),
        f"{root}/isx/_internal.py": INTERNAL.format(above="lib" if nested else "..", algorithms=int(algorithms)),
        f"{root}/{place}": Path(library).read_bytes(),
        **dict(others),
    }
    return {name: text.encode() if isinstance(text, str) else text for name, text in made.items()}


def installer(path, content, after=""):
    """Write a shell archive of files (name -> bytes); returns the log that has a line for each time it has run.

    after -- shell commands to run when everything is unpacked
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))
    log = path.with_suffix(".log")
    head = HEAD.format(log=log, lines="{lines}", after=after)
    head = head.replace("{lines}", str(len(head.splitlines()) + 1))
    path.write_bytes(head.encode() + packed.getvalue())
    path.chmod(0o444)
    return log
