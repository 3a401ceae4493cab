"""Files that servers serve in tests."""

import hashlib
import random

ONE_MB = random.Random(1).randbytes(1_000_000)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def put(root, **files):
    """Write files by name into a folder."""
    root.mkdir(exist_ok=True)
    for name, content in files.items():
        (root / name).write_bytes(content)
