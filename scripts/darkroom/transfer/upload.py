"""Bring a catalogue to a store in an order that never vouches for a mixture, and read the copy back as others will."""

import functools
import itertools
import logging
import random
import threading
import time
from pathlib import PurePosixPath

from darkroom import retry
from darkroom.transfer.catalogue import CHECKSUMS, DATA, INDEX, INDEXES, MANIFEST
from darkroom.transfer.store import GONE, contents, each

SAMPLE = 100  # objects that are read back whole, besides indexes, manifest and large objects
ROUNDS = 5  # of verification, where another run publishes the same
SETTLING = 6  # listings of a store until it agrees: that of a busy Swift is late
FIRST = 10  # names in a report
REPORT = 30  # seconds between lines of progress

log = logging.getLogger(__name__)


class Upload:
    """One upload of a catalogue to a store. All that was found right or sent is then present in the catalogue."""

    def __init__(self, store, catalogue, connections, segment_bytes):
        self.store, self.catalogue, self.connections, self.segment_bytes = store, catalogue, connections, segment_bytes
        self.manifest = next(catalogue.entries("turn = ?", MANIFEST)).item.name
        self.withdrawn, self.files, self.present, self.sent = False, catalogue.count(), 0, 0
        self.lock, self.reported = threading.Lock(), time.monotonic()

    def run(self, mirror):
        """Send what is missing, in an order that never shows an index before its data.

        Gives what is to be said of stale objects.
        """
        store, catalogue = self.store, self.catalogue
        store.prepare(catalogue.count("cut") > 0)
        catalogue.find(store.listing())
        for turn in (DATA, INDEX):
            self._send_all(turn)
        count, first = catalogue.count_stale(), list(itertools.islice(catalogue.stale(), FIRST))
        if count:
            some = ", ".join(map(repr, first))
            deleted = "are deleted" if mirror else "are left (publish.mirror: true deletes them)"
            log.warning("%d objects are no part of the dataset and %s: %s", count, deleted, some)
        if mirror:
            # Indexes first: none may speak of data that is gone.
            for indexes in (True, False):
                names = (name for name in catalogue.stale() if (PurePosixPath(name).name in INDEXES) is indexes)
                each(names, store.delete, self.connections, store.stopped)
        for turn in (CHECKSUMS, MANIFEST):
            self._send_all(turn)
        if catalogue.any_large():
            large = ((entry.item, entry.content) for entry in catalogue.entries("parts IS NOT NULL"))
            store.tidy(large, (lambda name: False) if mirror else catalogue.is_stale)
        log.info("%d of %d files were sent", self.sent, self.files)
        return {"count": count, "first": first, "deleted": mirror}

    def _send_all(self, turn):
        whole = self.catalogue.entries("turn = ? AND NOT cut", turn)
        each(whole, self._send, self.connections, self.store.stopped)
        for entry in self.catalogue.entries("turn = ? AND cut", turn):
            self._send(entry)  # one after the other, with all connections for the parts of each

    def _send(self, entry):
        """Send one file unless the store has it."""
        item, stored = entry.item, entry.found
        segment_bytes = self.segment_bytes if self.store.cuts else item.path.stat().st_size
        content, sha256, data = contents(item.path, segment_bytes)
        if entry.sha256 not in (None, sha256):
            raise ValueError(f"{item.path} has changed since its dataset was finished; run again")
        again = self.withdrawn and item.name == self.manifest
        if again or not (stored and self.store.holds(stored, item, content) and self.store.told(item)):
            if item.name != self.manifest:
                self._withdraw()
            if content.parts:
                self.store.put_parts(item, content, self.connections)
            else:
                self.store.put(item, content, data)
            with self.lock:
                self.sent += 1
        self.catalogue.keep(item, content)
        with self.lock:
            self.present += 1
            if time.monotonic() - self.reported > REPORT:
                self.reported = time.monotonic()
                log.info("%d of %d files are there", self.present, self.files)

    def _withdraw(self):
        """Before the first change: take the manifest away, also one that came after our listing."""
        with self.lock:
            if not self.withdrawn:
                self.store.delete(self.manifest)
            self.withdrawn = True


def verify(store, catalogue, connections):
    """Read the copy as a new client does: every name, size and digest listed, and a good part of it whole.

    Another run that publishes the same takes the manifest away before its first change, and puts it back at its end: it
    is waited for, and put back here where that run is too slow or has ended before.

    Raises OSError when anything is not as it is here; a manifest of ours is then taken away.
    """
    own = next(catalogue.entries("turn = ?", MANIFEST))
    for _ in range(ROUNDS):
        wrong, read = _differences(store, catalogue, own, connections)
        if wrong != {own.item.name: GONE}:
            break
        log.info("%s was taken away by another run, and is put back", own.item.name)
        store.put_if_absent(own.item, own.content)
    if wrong:
        if not store.problem(own.item, own.content):
            store.delete(own.item.name)
        some = "; ".join(f"{name}: {wrong[name]}" for name in sorted(wrong)[:3]) + (" ..." if len(wrong) > 3 else "")
        raise OSError(f"{len(wrong)} objects are not as they were sent, or somebody else has changed them: {some}")
    log.info("%d objects listed and %d of them read back from %s", catalogue.count(), read, store.url())


def _differences(store, catalogue, own, connections):
    """What a new client finds wrong, by the names of objects, and how many it has read back."""
    fresh = store.fresh()
    try:
        if wrong := _unlisted(fresh, catalogue):
            return wrong, 0
        problems = {}
        check = functools.partial(_read_back, fresh, problems)
        each(_chosen(catalogue, own.content.md5), check, connections, fresh.stopped)
        return {name: problem for name, problem in problems.items() if problem}, len(problems)
    finally:
        fresh.close()


def _unlisted(fresh, catalogue):
    """What the listing says is wrong, once it had some time to become right."""
    for attempt in range(1, SETTLING + 1):
        catalogue.find(fresh.listing())
        wrong = {
            entry.item.name: "listed otherwise" if entry.found else GONE
            for entry in catalogue.entries()
            if not entry.found or not fresh.listed(entry.found, entry.item, entry.content)
        }
        if not wrong:
            break
        if attempt < SETTLING:
            fresh.stopped.wait(retry.pause(attempt))
    return wrong


def _chosen(catalogue, seed):
    """Entries that are read back whole: indexes, the manifest, large objects, and a sample that the seed decides."""
    always = f"(parts IS NOT NULL OR turn IN ({INDEX}, {MANIFEST}))"
    count = catalogue.count(f"NOT {always}")
    sample = set(random.Random(seed).sample(range(count), min(SAMPLE, count)))
    others = enumerate(catalogue.entries(f"NOT {always}"))
    return itertools.chain(catalogue.entries(always), (entry for number, entry in others if number in sample))


def _read_back(fresh, problems, entry):
    problems[entry.item.name] = fresh.problem(entry.item, entry.content)
