"""The Neuroglancer client in a real browser, as a judge of volumes, and a judge of pages: what would a user see?

The client is the one in the `neuroglancer` package, served on loopback and drawn by a headless Chromium that can reach
nothing but loopback. A screenshot is taken when every visible chunk is drawn. Distances in metres, pictures as arrays
of (height, width, 3) uint8. In a picture of the panel `xy` x grows to the right and y grows downwards; in `xz` z grows
downwards; in `yz` z grows to the right and y downwards.
"""

import base64
import contextlib
import copy
import itertools
import json
import os
import queue
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import imagecodecs
import neuroglancer
import numpy as np
from neuroglancer.viewer_config_state import ScreenshotStatistics

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
    "--window-size=1280,900",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]

NANOMETRES = {axis: [1e-9, "m"] for axis in "xyz"}
PLAIN = {"showAxisLines": False, "showScaleBar": False, "showDefaultAnnotations": False}


def viewer_state(layers, position_m, layout="4panel", cross_section_scale=1e-6):
    """State of a viewer, as in a Neuroglancer URL, that shows `layers` and nothing else (no axis lines, no scale bar).

    layers: layers as in a viewer state (each with a name, a type and a source), or sources of image layers.
    position_m: x, y, z of the centre of every panel in metres.
    cross_section_scale: metres that one pixel of the picture covers.
    """
    named = [
        {"name": f"layer {number}", "type": "image", "source": layer} if isinstance(layer, str) else layer
        for number, layer in enumerate(layers)
    ]
    return {
        "dimensions": NANOMETRES,
        "position": [float(place) / 1e-9 for place in position_m],
        "crossSectionScale": cross_section_scale / 1e-9,
        "projectionScale": cross_section_scale / 1e-9 * 1000,
        "layers": named,
        "layout": layout,
        **PLAIN,
    }


class Browser:
    """One Chromium with one Neuroglancer client, for any number of screenshots (a source is read once in its life).

    `page` opens any other page in a window of its own.

    >>> with Browser() as browser:
    ...     picture = browser.screenshot(["precomputed://http://127.0.0.1:8000/volume"], [1e-3, 1e-3, 1e-3])
    """

    def __init__(self, executable=CHROMIUM):
        if executable is None:
            raise FileNotFoundError("no Chromium on the path")
        self._executable = executable
        self._process = None
        self._shots = itertools.count(1)

    def __enter__(self):
        neuroglancer.set_server_bind_address("127.0.0.1", 0)
        self._viewer = neuroglancer.Viewer()
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        self._log = Path(self._profile, "output.log")
        command = [self._executable, *FLAGS, f"--user-data-dir={self._profile}/profile", self._viewer.get_viewer_url()]
        self._devtools = DevTools()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._devtools.connected(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=self._devtools.theirs,
                start_new_session=True,
            )
        self._devtools.begin()
        return self

    def __exit__(self, *_):
        """End the browser with its children, which are a process group of their own, and remove its profile."""
        for sent, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
            deadline = time.monotonic() + patience
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, sent)
                while time.monotonic() < deadline:
                    self._process.poll()
                    os.killpg(self._process.pid, 0)
                    time.sleep(0.02)
        self._process.wait()
        self._devtools.close()
        shutil.rmtree(self._profile, ignore_errors=True)
        self._viewer = None

    def screenshot(self, layers, position_m, layout="4panel", cross_section_scale=1e-6, size=(800, 600), timeout=300):
        """Picture of layers around a place: see `viewer_state` and `screenshot_state`."""
        return self.screenshot_state(viewer_state(layers, position_m, layout, cross_section_scale), size, timeout)

    def screenshot_state(self, state, size=(800, 600), timeout=300, plain=False):
        """Picture of a viewer state once all its visible chunks are drawn.

        state: a dict, as in a Neuroglancer URL after `#!`. plain: without axis lines, scale bar and bounding boxes.
        size: width and height in pixels. Gives an array of (height, width, 3) uint8.

        Raises TimeoutError when a chunk cannot be decoded (after about two seconds) or when something is still missing
        after `timeout` seconds, such as a source without `info`. A chunk that the server does not have (404) is no
        error to the client: by the format it is a chunk of zeros, and it is drawn so.
        """
        mark = f"screenshot {next(self._shots)}"
        self._viewer.set_state({**copy.deepcopy(state), **(PLAIN if plain else {}), "title": mark})
        with self._viewer.config_state.txn(overwrite=True) as config:
            config.show_ui_controls = False
            config.show_panel_borders = False
            config.viewer_size = list(size)

        deadline = time.monotonic() + timeout
        reports = queue.Queue()
        counts = {}
        failing = 0
        self._viewer.async_screenshot(reports.put, statistics_callback=reports.put)
        while True:
            if self._process.poll() is not None:
                said = self._log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"the browser ended with code {self._process.returncode}: {said}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"not drawn within {timeout} s; chunks: {counts or 'the client never answered'}")
            try:
                report = reports.get(timeout=0.2)
            except queue.Empty:
                continue
            if isinstance(report, ScreenshotStatistics):
                counts = report.total.to_json()
                failed = 0 if counts["visibleChunksDownloading"] else counts.get("visibleChunksFailed", 0)
                failing = failing + 1 if failed else 0
                if failing == 2:
                    raise TimeoutError(f"{failed} of {counts['visibleChunksTotal']} visible chunks cannot be read")
                continue
            shot = report.screenshot
            if report.viewer_state.title == mark and (shot.width, shot.height) == tuple(size):
                return np.ascontiguousarray(imagecodecs.png_decode(shot.image)[..., :3])
            self._viewer.async_screenshot(reports.put, statistics_callback=reports.put)  # of the state before

    @contextlib.contextmanager
    def page(self, url, timeout=120):
        """Open a page in a window of its own, and give it once it and all it refers to is loaded: see `Page`."""
        call = self._devtools.call
        target = call("Target.createTarget", url="about:blank", newWindow=True)["targetId"]
        try:
            page = Page(self._devtools, call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
            for domain in ("Page", "Runtime", "Log", "Network"):
                page.call(f"{domain}.enable")
            page.call("Page.navigate", url=url)
            self._devtools.wait(lambda: any(page.heard("Page.loadEventFired")), timeout)
            yield page
        finally:
            call("Target.closeTarget", targetId=target)


class Page:
    """A page in its window: what it asks for, what it complains of, how it looks, and any question in JavaScript."""

    def __init__(self, devtools, session):
        self._devtools, self._session = devtools, session

    def call(self, method, **parameters):
        return self._devtools.call(method, session=self._session, **parameters)

    def heard(self, method):
        """What the page has reported by this name, oldest first."""
        for report in self._devtools.reports:
            if (report.get("sessionId"), report["method"]) == (self._session, method):
                yield report["params"]

    @property
    def requests(self):
        """URLs that the page has asked for, itself included, those of inline data left out."""
        urls = [report["request"]["url"] for report in self.heard("Network.requestWillBeSent")]
        return [url for url in urls if not url.startswith("data:")]

    @property
    def complaints(self):
        """Exceptions, errors and warnings on the page's console, and what it could not load."""
        said = [report["exceptionDetails"] for report in self.heard("Runtime.exceptionThrown")]
        said += [report for report in self.heard("Runtime.consoleAPICalled") if report["type"] in ("error", "warning")]
        return said + [report["entry"] for report in self.heard("Log.entryAdded")]

    def evaluate(self, expression):
        """Value of an expression in JavaScript (a promise is waited for) that JSON can hold."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise ValueError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def screenshot(self, width=1280, dark=False):
        """Picture of the whole page in a window of this width, as an array of (height, width, 3) uint8."""
        features = [{"name": "prefers-color-scheme", "value": "dark"}] if dark else []
        self.call("Emulation.setEmulatedMedia", features=features)
        window = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **window)
        extent = self.call("Page.getLayoutMetrics")["cssContentSize"]
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip={**extent, "scale": 1})
        return np.ascontiguousarray(imagecodecs.png_decode(base64.b64decode(picture["data"]))[..., :3])


class DevTools:
    """The DevTools protocol over a pair of pipes: commands in, answers and reports out, each JSON that ends in NUL."""

    def __init__(self):
        self.reports = []
        self._numbers = itertools.count(1)
        self._answers = {}
        self._pending = b""
        theirs, self._commands = os.pipe()
        self._messages, theirs_too = os.pipe()
        self.theirs = (theirs, theirs_too)

    def connected(self, command):
        """A command that finds its ends of the pipes, `theirs`, where Chromium looks for them."""
        return ["sh", "-c", 'exec "$@" 3</dev/fd/{} 4>/dev/fd/{}'.format(*self.theirs), "sh", *command]

    def begin(self):
        for end in self.theirs:
            os.close(end)

    def close(self):
        os.close(self._commands)
        os.close(self._messages)

    def call(self, method, session=None, timeout=120, **parameters):
        """Give a command and wait for its answer. Raises ValueError when it is refused, TimeoutError."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        self.wait(lambda: number in self._answers, timeout)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise ValueError(f"{method}: {answer['error']}")
        return answer["result"]

    def wait(self, condition, timeout):
        """Listen until a condition holds. Raises TimeoutError when it does not within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not condition():
            readable, _, _ = select.select([self._messages], [], [], max(0, deadline - time.monotonic()))
            if not readable:
                raise TimeoutError(f"the browser did not answer within {timeout} s")
            if not (heard := os.read(self._messages, 1 << 20)):
                raise RuntimeError("the browser has ended")
            *messages, self._pending = (self._pending + heard).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self._answers[message["id"]] = message
                else:
                    self.reports.append(message)


def screenshot(layers, position_m, **options):
    """One screenshot in a browser of its own: see `Browser.screenshot`."""
    with Browser() as browser:
        return browser.screenshot(layers, position_m, **options)


def screenshot_state(state, **options):
    """One screenshot in a browser of its own: see `Browser.screenshot_state`."""
    with Browser() as browser:
        return browser.screenshot_state(state, **options)
