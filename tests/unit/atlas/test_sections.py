"""Folders of section images: every kind of picture, their order, gaps in it, and pictures that are no good."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import rasterio
import tifffile
from PIL import Image

SHAPE = 3, 20, 31  # slices, rows, columns


def png(plane, bits=8, colour=0, chunks=(), level=6):
    """A PNG that is made by hand, so that bit depths and damage are as wanted."""
    height, width = plane.shape[:2]
    packed = b"".join(b"\0" + pack(row.reshape(-1), bits) for row in plane)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)), *chunks]
    parts += [(b"IDAT", zlib.compress(packed, level)), (b"IEND", b"")]
    body = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def pack(row, bits):
    if bits >= 8:
        return row.astype(f">u{bits // 8}").tobytes()
    line = "".join(format(value, f"0{bits}b") for value in row)
    line += "0" * (-len(line) % 8)
    return int(line, 2).to_bytes(len(line) // 8, "big")


@pytest.fixture
def folder(tmp_path):
    """`folder(files, suffix)`: a folder of sections s0, s1, ... with these contents."""

    def filled(contents, suffix):
        for number, content in enumerate(contents):
            (tmp_path / f"s{number}{suffix}").write_bytes(content)
        return tmp_path

    return filled


@pytest.fixture
def tiffs(tmp_path):
    def written(planes, **options):
        for number, plane in enumerate(planes):
            tifffile.imwrite(tmp_path / f"s{number}.tif", plane, **options)
        return tmp_path

    return written


# PNG


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_png(bits, noise, folder, make, block):
    planes = noise(*SHAPE, dtype="uint16") >> (16 - bits)
    root = folder([png(plane, bits) for plane in planes], ".png")
    volume = make(root, resolution=1000)
    expected = planes if bits >= 8 else np.round(planes * 255 / (2**bits - 1))
    assert volume.info["data_type"] == ("uint16" if bits == 16 else "uint8")
    assert np.array_equal(volume.voxels(), block(expected))
    if bits < 16:  # as Pillow shows it
        assert np.array_equal(np.array(Image.open(root / "s2.png").convert("L")), volume.voxels()[:, :, 2, 0].T)
    assert np.array_equal(make(root, resolution=1000, type="segmentation").voxels(), block(planes))


def test_palette_png(noise, folder, make, block):
    palette = noise(256, 3, seed=5)
    planes = noise(*SHAPE)
    root = folder([png(plane, 8, 3, [(b"PLTE", palette.tobytes())]) for plane in planes], ".png")
    volume = make(root, resolution=1000)
    assert "palette images: expanded to RGB" in volume.notes
    assert np.array_equal(volume.voxels(), block(palette[planes]))
    labels = make(root, resolution=1000, type="segmentation")
    assert "palette numbers are the labels" in labels.notes
    assert np.array_equal(labels.voxels(), block(planes))


def test_grey_palette_png(noise, folder, make, block):
    grey = np.repeat(noise(16, 1, seed=5), 3, axis=1)
    planes = noise(*SHAPE) >> 4
    root = folder([png(plane, 4, 3, [(b"PLTE", grey.tobytes())]) for plane in planes], ".png")
    volume = make(root, resolution=1000)
    assert "expanded to grey" in volume.notes
    assert np.array_equal(volume.voxels(), block(grey[planes][..., :1]))


@pytest.mark.parametrize(("channels", "colour"), [(2, 4), (3, 2), (4, 6)])
@pytest.mark.parametrize("bits", [8, 16])
def test_colour_and_alpha_png(channels, colour, bits, noise, folder, make, block):
    planes = noise(*SHAPE, channels, dtype=f"uint{bits}")
    volume = make(folder([png(plane, bits, colour) for plane in planes], ".png"), resolution=1000)
    kept = {2: 1, 3: 3, 4: 3}[channels]
    assert np.array_equal(volume.voxels(), block(planes[..., :kept]))
    assert ("the alpha channel is dropped" in volume.notes) == (channels in (2, 4))


@pytest.mark.usefixtures("many_regions")
def test_interlaced_png(noise, tmp_path, make, block):
    planes = noise(*SHAPE, 3)
    for number, plane in enumerate(planes):
        Image.fromarray(plane).save(tmp_path / f"s{number}.png", interlace=1)
    assert np.array_equal(make(tmp_path, resolution=1000, chunk_size=6).voxels(), block(planes))


# TIFF


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_grey_tiff(kind, order, noise, tiffs, make, block):
    planes = noise(*SHAPE, dtype=kind)
    volume = make(tiffs(planes, byteorder=order), resolution=1000)
    assert volume.info["data_type"] == kind.replace("64", "32")
    assert np.array_equal(volume.voxels(), block(planes).astype(volume.info["data_type"]))


@pytest.mark.usefixtures("many_regions")
@pytest.mark.parametrize(
    "options",
    [
        {"tile": (16, 16)},
        {"bigtiff": True},
        {"bigtiff": True, "tile": (32, 16), "compression": "lzw", "predictor": True},
        {"compression": "lzw"},
        {"compression": "lzw", "predictor": True},
        {"compression": "deflate"},
        {"compression": "deflate", "tile": (16, 16), "planarconfig": "separate"},
        {"compression": "packbits"},
        {"compression": "zstd"},
        {"planarconfig": "separate"},
        {"rowsperstrip": 1},
        {"rowsperstrip": 7},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
def test_layouts_of_tiff(kind, options, noise, tiffs, make, block):
    planes = noise(*SHAPE, 3, dtype=kind)
    stored = planes.transpose(0, 3, 1, 2) if "planarconfig" in options else planes
    volume = make(tiffs(stored, photometric="rgb", **options), resolution=1000, chunk_size=7)
    assert np.array_equal(volume.voxels(), block(planes))


def test_alpha_of_tiff(noise, tiffs, make, block):
    planes = noise(*SHAPE, 4, dtype="uint16")
    volume = make(tiffs(planes, photometric="rgb", extrasamples=["unassalpha"]), resolution=1000)
    assert np.array_equal(volume.voxels(), block(planes[..., :3]))
    assert "alpha" in volume.notes


def test_channels_of_tiff_that_are_no_colours(noise, tiffs, make, block):
    planes = noise(*SHAPE, 5, dtype="uint16")
    root = tiffs(planes, photometric="minisblack", planarconfig="contig")
    assert np.array_equal(make(root, resolution=1000).voxels(), block(planes))


@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_jpeg_in_tiff(tile, make, block, tiffs):
    """YCbCr inside, RGB outside; as tifffile decodes it, but for the rounding of chroma between blocks."""
    planes = np.zeros((*SHAPE, 3), np.uint8)
    planes[...] = np.add.outer(np.arange(20) * 5, np.arange(31) * 3)[None, ..., None] + np.array([0, 30, 60])
    root = tiffs(planes, compression="jpeg", compressionargs={"level": 95}, photometric="rgb", tile=tile)
    volume = make(root, resolution=1000)
    expected = np.stack([tifffile.imread(path) for path in sorted(root.iterdir())])
    assert tifffile.TiffFile(root / "s0.tif").pages[0].photometric.name == "YCBCR"
    assert np.abs(volume.voxels().astype(int) - block(expected)).max() <= 8
    assert np.abs(volume.voxels().astype(int) - block(planes)).max() <= 20


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_bilevel_and_white_is_zero(photometric, noise, tmp_path, make, block):
    """Brightness is what counts in an image: 0 of `miniswhite` is white. Labels are the numbers that are stored."""
    planes = noise(*SHAPE)
    folders = {}
    for name, stored in (("one", planes > 127), ("eight", planes)):
        folders[name] = tmp_path / name
        folders[name].mkdir()
        for number, plane in enumerate(stored):
            tifffile.imwrite(folders[name] / f"{number}.tif", plane, photometric=photometric)
    turn = (lambda values: 255 - values) if photometric == "miniswhite" else (lambda values: values)
    bilevel = np.where(planes > 127, 255, 0).astype(np.uint8)
    assert np.array_equal(make(folders["one"], resolution=1000).voxels(), block(turn(bilevel)))
    assert np.array_equal(make(folders["eight"], resolution=1000).voxels(), block(turn(planes)))
    labels = make(folders["one"], resolution=1000, type="segmentation")
    assert np.array_equal(labels.voxels(), block(planes > 127))


def test_palette_of_tiff(noise, tiffs, make, block):
    colours = noise(3, 256, seed=3)
    planes = noise(*SHAPE)
    volume = make(tiffs(planes, photometric="palette", colormap=colours.astype("u2") * 257), resolution=1000)
    assert np.array_equal(volume.voxels(), block(colours.T[planes]))


def test_overviews_inside_a_tiff_are_no_pages(noise, tmp_path, make, block):
    planes = noise(*SHAPE)
    for number, plane in enumerate(planes):
        with tifffile.TiffWriter(tmp_path / f"s{number}.tif") as tiff:
            tiff.write(plane)
            tiff.write(plane[::2, ::2], subfiletype=1)
    assert np.array_equal(make(tmp_path, resolution=1000).voxels(), block(planes))
    assert make(tmp_path / "s1.tif", resolution=1000).voxels().shape == (31, 20, 1, 1)


# JPEG


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg(channels, noise, folder, make, block):
    planes = np.repeat(np.repeat(noise(3, 5, 8, channels), 8, 1), 8, 2)
    contents = [imagecodecs.jpeg8_encode(plane.squeeze(), level=90, subsampling="444") for plane in planes]
    volume = make(folder(contents, ".jpg"), resolution=1000)
    expected = np.stack([imagecodecs.jpeg8_decode(content) for content in contents])
    expected = block(expected.reshape(3, 40, 64, channels)).astype(int)
    assert np.abs(volume.voxels() - expected).max() <= 2  # the decoders round apart


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_inks_are_refused(suffix, noise, tmp_path, refuses):
    Image.fromarray(noise(20, 30, 4), "CMYK").save(tmp_path / f"s1.{suffix}")
    refuses(tmp_path, f"s1.{suffix} is made of printing inks (CMYK); convert it to RGB or grey")


@pytest.mark.parametrize("shape", [(20, 30, 3), (4, 20, 30, 3)])
def test_colours_that_are_none_are_refused(shape, noise, tmp_path, refuses):
    tifffile.imwrite(tmp_path / "s1.tif", noise(*shape), photometric="cielab")
    refuses(tmp_path, "s1.tif", "has colours of the kind CIELAB; convert it to RGB or grey")


def test_tiles_that_are_not_stored(noise, tmp_path, make, block):
    """GDAL leaves out what is all 0 (SPARSE_OK), scanners what is no tissue."""
    planes = noise(3, 40, 50)
    planes[1, :16, 16:48] = 0
    for number, plane in enumerate(planes):
        options = {"driver": "GTiff", "width": 50, "height": 40, "count": 1, "dtype": "uint8", "sparse_ok": True}
        options |= {"tiled": True, "blockxsize": 16, "blockysize": 16}
        with rasterio.open(tmp_path / f"s{number}.tif", "w", **options) as dataset:
            dataset.write(plane, 1)
    volume = make(tmp_path, resolution=1000)
    assert "2 strips or tiles of the sections are not stored: their values are 0" in volume.notes
    assert np.array_equal(volume.voxels(), block(planes))
    assert volume.check()["passed"]


def test_pages_that_are_volumes_are_refused(noise, tmp_path, refuses):
    tifffile.imwrite(
        tmp_path / "s1.tif", noise(16, 32, 32), photometric="minisblack", volumetric=True, tile=(16, 16, 16)
    )
    refuses(tmp_path / "s1.tif", "s1.tif: its pages hold 16 slices each (ImageDepth); write each as a page")
    tifffile.imwrite(
        tmp_path / "s2.tif", noise(16, 32, 32), photometric="minisblack", volumetric=True, tile=(16, 16, 16)
    )
    refuses(tmp_path, "(ImageDepth); write each as a page")


# Order


def grey(value):
    return imagecodecs.png_encode(np.full((4, 5), value, np.uint8))


@pytest.fixture
def named(tmp_path):
    """`named(s1=1, ...)`: sections by their names, each of one grey value."""

    def written(names):
        for name, value in names.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(grey(value))
        return tmp_path

    return written


def order(volume):
    return volume.voxels()[0, 0, :, 0].tolist()


def test_natural_order(named, make):
    root = named({f"s{number}.png": number for number in range(1, 13)})
    assert order(make(root, resolution=1000)) == list(range(1, 13))


def test_order_of_folders_and_runs_of_digits(named, make):
    names = ["a2/p1_s9.png", "a2/p1_s10.png", "a2/p10_s1.png", "a10/p1_s1.png", "b1/p1_s1.png"]
    volume = make(named({name: number for number, name in enumerate(names)}), resolution=1000)
    assert order(volume) == [0, 1, 2, 3, 4]
    assert "gaps were not looked for: file names differ in more than numbers" in volume.notes


def test_capital_suffixes(named, make):
    assert order(make(named({"s1.PNG": 1, "s2.PNG": 2}), resolution=1000)) == [1, 2]


LISTED = {"b.png": 1, "a.png": 2, "s10.png": 3}


@pytest.mark.parametrize("as_file", [False, True])
def test_explicit_list(as_file, named, make, tmp_path_factory):
    names = ["s10.png", "b.png", "a.png"]
    listed = names
    if as_file:
        listed = tmp_path_factory.mktemp("list") / "names.txt"
        listed.write_bytes("\ufeff".encode() + "\r\n".join(names).encode() + b"\r\n")
    assert order(make(named(LISTED), slices=str(listed) if as_file else listed, resolution=1000)) == [3, 1, 2]


def test_explicit_list_with_gaps(named, make, refuses):
    root = named(LISTED)
    listed = ["b.png", None, "a.png", "gone.png"]
    refuses(root, "listed slices are missing: entry 2, gone.png", "`missing: blank`", slices=listed)
    assert order(make(root, slices=listed, missing="blank", blank_value=9, resolution=1000)) == [1, 9, 2, 9]
    assert order(make(root, slices=listed, missing="repeat", resolution=1000)) == [1, 1, 2, 2]
    volume = make(root, slices=listed, missing="ignore", resolution=1000)
    assert order(volume) == [1, 2]
    assert "listed slices are missing: entry 2, gone.png; nothing was put in their place" in volume.notes


def test_explicit_list_that_is_wrong(named, refuses, tmp_path):
    root = named(LISTED)
    refuses(root, "`slices` names b.png more than once", slices=["b.png", "a.png", "b.png"])
    refuses(root, "none of the files that `slices` lists is there, such as 'x.png'", slices=["x.png"])
    refuses(root, "nowhere.txt", slices=str(tmp_path / "nowhere.txt"))


@pytest.mark.parametrize("step", [1, 5, 10])
def test_gaps(step, named, make, refuses):
    root = named({f"s{number * step:04}.png": number for number in (1, 2, 3, 6, 7, 9)})
    gaps = ", ".join(str(number * step) for number in (4, 5, 8))
    refuses(root, f"section numbers are missing: {gaps}.", "`missing: repeat` (the nearest section)")
    blank = make(root, missing="blank", blank_value=200, resolution=1000)
    assert order(blank) == [1, 2, 3, 200, 200, 6, 7, 200, 9]
    assert f"section numbers are missing: {gaps}; left blank" in blank.notes
    repeat = make(root, missing="repeat", resolution=1000)
    assert order(repeat) == [1, 2, 3, 3, 6, 6, 7, 7, 9]
    assert f"{gaps}; filled with the nearest section" in repeat.notes
    ignore = make(root, missing="ignore", resolution=1000)
    assert order(ignore) == [1, 2, 3, 6, 7, 9]
    assert f"{gaps}; nothing was put in their place" in ignore.notes
    assert all(volume.check()["passed"] for volume in (blank, repeat, ignore))


def test_no_gap_at_a_steady_step(named, make):
    volume = make(named({f"s{number}.png": number for number in (20, 50, 80, 110)}), resolution=1000)
    assert order(volume) == [20, 50, 80, 110]
    assert volume.notes == ""


def test_gaps_across_slabs(named, make):
    root = named({f"s{number}.png": number for number in range(1, 40) if number not in (7, 8, 9, 16)})
    volume = make(root, missing="repeat", orientation="RAI", chunk_size=8, resolution=1000)
    expected = [{7: 6, 8: 6, 9: 10, 16: 15}.get(number, number) for number in range(39, 0, -1)]
    assert order(volume) == expected


def test_numbers_that_number_nothing(named, make, refuses):
    root = named({"s20201120093001.png": 1, "s20211120093001.png": 2, "s20211120093032.png": 3})
    refuses(root, "run from 20201120093001 to 20211120093032 in steps of 1, which is no numbering", missing="blank")
    assert order(make(root, missing="ignore", resolution=1000)) == [1, 2, 3]


def test_blank_value_that_sections_cannot_have(named, refuses):
    root = named({"s1.png": 1, "s3.png": 3, "s4.png": 4})
    refuses(root, "blank_value 256 is no value of the sections, which are uint8", missing="blank", blank_value=256)


def test_the_same_number_twice(named, refuses):
    refuses(named({"s1.png": 1, "s01.png": 1, "s2.png": 2}), "files with the same number: s01.png, s1.png")


def test_stray_files(named, refuses, make):
    root = named({"s1.png": 1, "s2.png": 2})
    (root / "notes.txt").write_text("day 3")
    refuses(root, "not a section image: notes.txt", r"such as filter: '.*\.png$'")


def test_clutter_is_left_alone(named, make):
    root = named({"s1.png": 1, "s2.png": 2, "__MACOSX/s1.png": 7})
    for name in (".DS_Store", "Thumbs.db", "._s1.png", "desktop.ini"):
        (root / name).write_text("x")
    volume = make(root, resolution=1000)
    assert order(volume) == [1, 2]
    assert "left alone: " in volume.notes
    assert all(name in volume.notes for name in (".DS_Store", "Thumbs.db", "._s1.png", "__MACOSX/s1.png"))


def test_no_files(tmp_path, refuses):
    refuses(tmp_path, "there is no file. Darkroom reads", "sections (PNG, TIFF, JPEG, JPEG 2000)")
    (tmp_path / ".DS_Store").write_text("x")
    refuses(tmp_path, "there is no file")


def test_only_other_files(tmp_path, refuses):
    (tmp_path / "movie.avi").write_text("x")
    refuses(tmp_path, "movie.avi is no volume or section image")


# Pictures that are no good


def contents(kind, plane):
    return {
        "png": lambda: png(plane, level=0),
        "tif": lambda: tiff(plane),
        "jpg": lambda: imagecodecs.jpeg8_encode(plane, level=100),
    }[kind]()


def tiff(plane):
    file = io.BytesIO()
    tifffile.imwrite(file, plane, compression="deflate", rowsperstrip=8)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["png", "tif", "jpg"])
@pytest.mark.parametrize("left", [0.02, 0.5, 0.9, 0.999])
def test_cut_short(kind, left, noise, folder, refuses):
    """Found from the headers, or from the end of the file, before any chunk is written."""
    files = [contents(kind, plane) for plane in noise(3, 60, 70)]
    files[1] = files[1][: int(len(files[1]) * left)]
    message = refuses(folder(files, f".{kind}"), f"s1.{kind}")
    assert any(text in message for text in ("cut short", "not an image that can be read", "no TIFF that can be read"))


@pytest.mark.parametrize("kind", ["png", "tif", "jpg"])
@pytest.mark.parametrize("where", [0.4, 0.8])
def test_damaged_inside(kind, where, noise, folder, refuses):
    """A hole in the data of a picture whose both ends are whole."""
    files = [contents(kind, plane) for plane in noise(3, 160, 170)]
    start = int(len(files[1]) * where)
    files[1] = files[1][:start] + files[1][start + 3000 :]
    refuses(folder(files, f".{kind}"), f"s1.{kind}")


@pytest.mark.parametrize("kind", ["png", "tif"])
def test_flipped_bits(kind, noise, folder, refuses):
    files = [contents(kind, plane) for plane in noise(3, 60, 70)]
    middle = len(files[1]) // 2
    files[1] = files[1][:middle] + bytes(255 - byte for byte in files[1][middle : middle + 8]) + files[1][middle + 8 :]
    refuses(folder(files, f".{kind}"), f"s1.{kind}", "damaged or cut short")


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("content", [b"", b"<html>404 Not Found</html>", b"\x89PNG\r\n\x1a\n", bytes(5000)])
def test_no_picture_at_all(suffix, content, noise, folder, refuses):
    refuses(folder([grey(1), content, grey(2)], suffix), f"s1{suffix} is no")


def test_folder_with_the_name_of_a_picture(named, refuses):
    root = named({"s1.png": 1, "s3.png": 2})
    (root / "s2.png").mkdir()
    refuses(root, "s2.png is not an image that can be read", names=["s1.png", "s2.png", "s3.png"])


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (np.zeros((20, 30), np.uint8), "s2.png is 30 x 20 pixels of uint8 (gray), the other sections are 31 x 20"),
        (np.zeros((20, 31), np.uint16), "31 x 20 pixels of uint16 (gray), the other sections are 31 x 20 pixels of uint8"),
        (np.zeros((20, 31, 3), np.uint8), "of uint8 (red, green, blue), the other sections are 31 x 20 pixels of uint8 (gray)"),
    ],
)  # fmt: skip
def test_a_section_that_is_other_than_the_rest(other, text, noise, folder, refuses):
    files = [imagecodecs.png_encode(plane) for plane in noise(*SHAPE)]
    refuses(folder([*files[:2], imagecodecs.png_encode(other), files[2]], ".png"), text)


def test_a_section_that_changes_after_import(noise, folder, plan):
    root = folder([imagecodecs.png_encode(plane) for plane in noise(*SHAPE)], ".png")
    volume = plan(root, resolution=1000)
    (root / "s1.png").unlink()
    with pytest.raises(ValueError, match=r"s1\.png"):
        volume.chunk()
    assert not (volume.folder / "info").exists()


def test_resolution_is_needed(named, make):
    with pytest.raises(ValueError, match="resolution is missing, and the source does not tell it"):
        make(named({"s1.png": 1}))
