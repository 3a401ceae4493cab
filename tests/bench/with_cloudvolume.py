"""Upload sections of PNG with CloudVolume: FOLDER_OF_SECTIONS FOLDER ENCODING. Run by the Python of `peers.lock`."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagecodecs
import numpy as np
from cloudvolume import CloudVolume


def main(sections, folder, encoding):
    with ThreadPoolExecutor(2) as pool:
        planes = list(pool.map(lambda path: imagecodecs.png_decode(path.read_bytes()), sorted(sections.iterdir())))
    values = np.stack(planes).T
    info = CloudVolume.create_new_info(1, "image", "uint8", encoding, [1000] * 3, [0, 0, 0], values.shape, [64] * 3)
    if encoding == "jpeg":
        info["scales"][0]["jpeg_quality"] = 95
    compress = "gzip" if encoding == "raw" else None
    volume = CloudVolume(f"file://{folder}", info=info, compress=compress, progress=False)
    volume.commit_info()
    volume[:, :, :] = values


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]).resolve(), sys.argv[3])
