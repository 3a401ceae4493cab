"""Files that servers serve in tests."""

import hashlib


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def put(root, **files):
    """Write files by name into a folder."""
    root.mkdir(exist_ok=True)
    for name, content in files.items():
        (root / name).write_bytes(content)
