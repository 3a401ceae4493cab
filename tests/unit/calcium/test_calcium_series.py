"""Files of each format as one movie, in order of time; what has to be given is asked for."""

from fractions import Fraction

import av
import h5py
import numpy as np
import pytest
import tifffile

from darkroom.calcium import moments, movie, store
from darkroom.calcium.readers import isxd, series
from darkroom.calcium.timing import Timing

SHAPE = (8, 12)
START = "2024-05-17T14:03:00+02:00"


def frames(count=6, seed=0, dtype="u2", shape=SHAPE):
    return np.random.default_rng(seed).integers(0, 250, (count, *shape)).astype(dtype)


def part(path, start, seed=0, count=6, rate=20, shape=SHAPE, dtype="u2", **gaps):
    """A recording as `.isxd`, which begins `start` seconds after 1970; and its frames."""
    values = frames(count, seed, dtype, shape)
    samples = count + sum(map(len, gaps.values()))
    timing = Timing(Fraction(1, rate), samples, Fraction(start), 0, **gaps)
    isxd.write_movie(path, movie.of_array(values, timing=timing))
    return values


def test_parts_are_put_in_order_of_time_and_the_pause_is_kept(tmp_path):
    late = part(tmp_path / "a.isxd", 1_700_000_001, seed=1, dropped=(2,))
    early = part(tmp_path / "b.isxd", 1_700_000_000, seed=2)
    read = series.read_series([tmp_path / "a.isxd", tmp_path / "b.isxd"])
    assert (read.read() == np.concatenate([early, late])).all()
    assert (read.read(4, 5) == np.concatenate([early, late])[4:9]).all()
    assert read.parts == (("b.isxd", 0, 6), ("a.isxd", 6, 6))
    assert read.timing.times[6] == 1.0 and read.timing.cropped == tuple(range(6, 20)) and read.timing.dropped == (22,)
    assert read.timing.valid.tolist() == [*range(6), 20, 21, 23, 24, 25, 26]
    assert not read.timing.regular and any("order of time: b.isxd, a.isxd" in note for note in read.notes)


def test_parts_of_a_clock_that_was_not_set_have_an_order_but_need_a_start(tmp_path):
    for name, begin in (("a", 0), ("b", 30)):
        part(tmp_path / f"{name}.isxd", begin, seed=begin)
    paths = [tmp_path / "a.isxd", tmp_path / "b.isxd"]
    with pytest.raises(ValueError, match=r"a\.isxd: says 1970-01-01 when it was recorded; give `start`"):
        series.read_series(paths)
    read = series.read_series(paths, start=START)
    assert read.timing.times[6] == 30 and read.timing.begin.isoformat() == START


@pytest.mark.parametrize(
    "other, said",
    [
        ({"start": 1_700_000_000.2}, "begins 0.100 s before a.isxd ends; parts of a series cannot overlap"),
        (
            {"start": 1_700_000_009, "shape": (9, 12)},
            "its frames are 9 x 12 pixels (rows x columns), those of a.isxd 8 x 12",
        ),
        ({"start": 1_700_000_009, "rate": 10}, "was recorded at 10 Hz, a.isxd at 20 Hz"),
        ({"start": 1_700_000_009, "dtype": "u1"}, "its pixels are uint8, those of a.isxd uint16"),
        ({"start": 1_700_200_000}, "begins 56 hours after a.isxd ends; give each session a row"),
    ],
)
def test_parts_that_do_not_fit_are_named(tmp_path, other, said):
    part(tmp_path / "a.isxd", 1_700_000_000)
    part(tmp_path / "b.isxd", **other)
    with pytest.raises(ValueError) as caught:
        series.read_series([tmp_path / "a.isxd", tmp_path / "b.isxd"])
    assert str(caught.value).startswith(f"{tmp_path}/b.isxd: ") and said in str(caught.value)


def write_tiff(path, values, **options):
    tifffile.imwrite(path, values, photometric="minisblack", **options)


def write_avi(path, values):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.height, stream.width, stream.pix_fmt = *values.shape[1:], "gray"
        for frame in values:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode(None))


def write_hdf5(path, values):
    with h5py.File(path, "w") as file:
        file["mov"] = values
        file["mean"] = values.mean(axis=0)


WRITERS = {
    "plain.tif": write_tiff,
    "packed.tiff": lambda path, values: write_tiff(path, values, compression="zlib"),
    "big_endian.tif": lambda path, values: write_tiff(path, values, byteorder=">"),
    "video.avi": write_avi,
    "array.h5": write_hdf5,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_format_without_times_asks_for_them(tmp_path, name):
    values = frames(7, dtype="u1" if "avi" in name else "u2")
    path = tmp_path / name
    WRITERS[name](path, values)
    with pytest.raises(ValueError, match="does not tell how fast it was recorded; give `rate`"):
        series.read_series([path])
    with pytest.raises(ValueError, match="does not say when it was recorded; give `start`"):
        series.read_series([path], rate=15)
    read = series.read_series([path], rate=15, start=START, pixel_size=2)
    assert read.shape == (7, *SHAPE) and read.dtype == values.dtype
    assert (
        (read.read() == values).all()
        and (read.read(5, 2) == values[5:]).all()
        and (read.read(1, 2) == values[1:3]).all()
    )
    assert read.timing.rate == 15 and read.timing.begin.isoformat() == START and read.pixel_size == (2.0, 2.0)


def test_a_video_is_decoded_once_by_threads_that_run_ahead(tmp_path, monkeypatch):
    values = frames(60, dtype="u1")
    write_avi(tmp_path / "a.avi", values)
    read = series.read_movie(tmp_path / "a.avi")
    begun = []
    rewind = type(read.reader)._rewind
    monkeypatch.setattr(type(read.reader), "_rewind", lambda self: begun.append(1) or rewind(self))
    ahead = np.concatenate([read.read(5, 5), read.read(0, 5), read.read(15, 5), read.read(10, 5)])
    assert (ahead == values[[*range(5, 10), *range(5), *range(15, 20), *range(10, 15)]]).all() and len(begun) == 1
    assert (np.concatenate(list(read.mapped(lambda _, block: block, 2, 7))) == values).all() and len(begun) == 1


@pytest.mark.parametrize("dtype", ["i2", "f4", "f8", "u1", "u4"])
def test_pixel_types_of_tiff(tmp_path, dtype):
    write_tiff(tmp_path / "a.tif", frames(dtype=dtype))
    read = series.read_series([tmp_path / "a.tif"], rate=10, start=START)
    assert (read.read() == frames(dtype=dtype)).all() and read.dtype == np.dtype(dtype)


def page_by_page(path, values, **options):
    with tifffile.TiffWriter(path) as file:
        for frame in values:
            file.write(frame, photometric="minisblack", **options)


def as_stacks(path, values):
    path.unlink(missing_ok=True)
    for stack in (values[:4], values[4:]):
        tifffile.imwrite(path, stack, append=True, photometric="minisblack", compression="zlib")


@pytest.mark.parametrize(
    "write",
    [
        page_by_page,
        as_stacks,
        lambda path, values: page_by_page(path, values, metadata=None),
        lambda path, values: write_tiff(path, values, tile=(16, 16)),
        lambda path, values: write_tiff(path, values[:, None], metadata={"axes": "TZYX"}),
    ],
)
def test_a_tiff_is_one_movie_however_its_pages_were_written(tmp_path, write):
    values = frames(7)
    write(tmp_path / "a b.tif", values)
    read = series.read_series([tmp_path / "a b.tif"], rate=10, start=START)
    assert (read.read() == values).all() and (read.read(3, 2) == values[3:5]).all() and not len(read.read(7, 0))


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize(
    "write",
    [
        lambda path, values: write_tiff(path, values, compression="zlib"),
        lambda path, values: page_by_page(path, values, metadata=None),
        lambda path, values: write_tiff(path, values, imagej=True),
    ],
)
def test_a_tiff_that_was_cut_off_is_not_taken_for_a_shorter_one(tmp_path, write, share):
    path = tmp_path / "a.tif"
    write(path, frames(40))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError) as caught:
        series.read_series([path], rate=10, start=START).read()
    assert str(caught.value).startswith(str(path))
    assert "was cut off" in str(caught.value) or "is no TIFF file" in str(caught.value)


@pytest.mark.parametrize("interval, unit, rate", [(0.05, "sec", 20), (50, "ms", 20), (0.5, "min", 1 / 30)])
def test_the_interval_of_imagej_has_a_unit(tmp_path, interval, unit, rate):
    path = tmp_path / "a.tif"
    metadata = {"axes": "TYX", "finterval": interval, "tunit": unit}
    tifffile.imwrite(path, frames(), imagej=True, metadata=metadata)
    assert series.read_series([path], start=START).timing.rate == pytest.approx(rate)
    tifffile.imwrite(path, frames(), imagej=True, metadata=metadata | {"tunit": "fortnight"})
    with pytest.raises(ValueError, match="give `rate`"):
        series.read_series([path], start=START)


def test_tiff_of_several_planes_and_a_negative_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, frames(6).reshape(3, 2, *SHAPE), imagej=True, metadata={"axes": "TZYX"})
    with pytest.raises(ValueError, match=r"has several planes or channels \(3 T x 2 Z x 8 Y x 12 X\); frames of one"):
        series.read_movie(path)
    tifffile.imwrite(path, frames(), photometric="miniswhite")
    with pytest.raises(ValueError, match="is a negative"):
        series.read_movie(path)


def test_tiff_of_colour_and_of_mixed_sizes_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros((4, 8, 8, 3), "u1"), photometric="rgb")
    with tifffile.TiffWriter(tmp_path / "mixed.tif") as file:
        file.write(np.zeros((8, 8), "u1"))
        file.write(np.zeros((9, 8), "u1"))
    with pytest.raises(ValueError, match="3 samples a pixel"):
        series.read_movie(tmp_path / "rgb.tif")
    with pytest.raises(ValueError, match="2 images of unlike size"):
        series.read_movie(tmp_path / "mixed.tif")


def test_a_time_stamp_for_each_frame_of_a_video(tmp_path):
    for number in range(2):
        write_avi(tmp_path / f"{number}.avi", frames(5, number, "u1"))
    times = [0, 50, 100, 150, 200, 250, 400, 450, 500, 551]
    stamps = tmp_path / "timeStamps.csv"
    stamps.write_text(
        "Frame Number,Time Stamp (ms),Buffer Index\n" + "".join(f"{n},{t},0\n" for n, t in enumerate(times))
    )
    movies, _, table, notes = series.sorted_out(tmp_path, ["1.avi", "0.avi", "timeStamps.csv", "notes.txt"])
    assert notes == ["notes.txt is left out: it is neither a movie nor a signal"]
    read = series.read_series(movies, table, START)
    assert read.timing.rate == 20 and read.timing.dropped == (6, 7) and np.allclose(read.timing.times * 1000, times)
    stamps.write_text(stamps.read_text().rsplit("8,", 1)[0])
    with pytest.raises(ValueError, match=r"timeStamps.csv: has 8 time stamps, the movie 10 frames"):
        series.read_series(movies, table, START)


@pytest.mark.parametrize(
    "table, said",
    [
        ("0,x\n1,50\n", "time stamp 0 is no number"),
        ("0,0\n1\n", "time stamp 1 is no number"),
        ("0,50\n1,50\n", "time stamp 1 does not lie after the one before it"),
    ],
)
def test_time_stamps_that_are_none_are_named(tmp_path, table, said):
    write_avi(tmp_path / "0.avi", frames(2, dtype="u1"))
    stamps = tmp_path / "timeStamps.csv"
    stamps.write_text("Frame Number,Time Stamp (ms)\n" + table)
    with pytest.raises(ValueError) as caught:
        series.read_series([tmp_path / "0.avi"], stamps, START)
    assert str(caught.value).startswith(f"{stamps}: ") and said in str(caught.value)


def test_frames_of_a_damaged_hdf5_file_are_named(tmp_path):
    path, values = tmp_path / "a.h5", frames(400, shape=(16, 16))
    with h5py.File(path, "w") as file:
        data = file.create_dataset("movie", data=values, chunks=(100, 16, 16), compression="gzip")
        chunk = data.id.get_chunk_info(2)
    with path.open("r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(bytes(50))
    read = series.read_series([path], rate=10, start=START)
    assert (read.read(0, 200) == values[:200]).all()
    with pytest.raises(ValueError, match=r"a\.h5: frames 200 to 299 of movie cannot be read .*copy it again"):
        read.read(200, 100)
    with h5py.File(path, "w") as file:
        file["one"], file["two"] = values, values
    with pytest.raises(ValueError, match=r"a\.h5: give `array`, .* are one \(400, 16, 16\), two \(400, 16, 16\)"):
        series.read_movie(path)


def write_nwb(path, values, start="2024-05-17T14:03:00+02:00", **times):
    """An NWB file as far as it is read: one series, whose axes are frames, x, y."""
    with h5py.File(path, "w") as file:
        if start:
            file["session_start_time"] = start
        movie = file.create_group("acquisition/Movie")
        movie.attrs["neurodata_type"] = "OnePhotonSeries"
        movie["data"] = values.transpose(0, 2, 1)
        if "rate" in times:
            movie["starting_time"] = 2.0
            movie["starting_time"].attrs["rate"] = times["rate"]
        if "timestamps" in times:
            movie["timestamps"] = times["timestamps"]


def test_a_movie_in_nwb(tmp_path):
    path, values = tmp_path / "a.nwb", frames()
    write_nwb(path, values, rate=20.0)
    read = series.read_series([path])
    assert (read.read() == values).all() and read.timing.rate == 20
    assert read.timing.begin.isoformat() == "2024-05-17T14:03:02+02:00"
    write_nwb(path, values, timestamps=[1.0, 1.1, 1.2, 1.5, 1.6, 1.7])
    read = series.read_series([path])
    assert read.timing.dropped == (3, 4) and read.timing.begin.isoformat() == "2024-05-17T14:03:01+02:00"
    write_nwb(path, values, start="")
    with pytest.raises(ValueError, match=r"a\.nwb: does not tell how fast it was recorded; give `rate`"):
        series.read_series([path])
    assert series.read_series([path], rate=10, start=START).timing.begin.isoformat() == START


@pytest.mark.parametrize(
    "times, said",
    [
        ({"timestamps": [0, 0.1, 0.1, 0.2, 0.3, 0.4]}, "time stamp 2 does not lie after the one before it"),
        ({"timestamps": [0, np.nan, 0.1, 0.2, 0.3, 0.4]}, "time stamp 1 is no number"),
        ({"timestamps": [0, 0.1]}, "has 6 frames and 2 timestamps; one of each is due"),
        ({"rate": 0.0}, "starts at 2.0 s with 0.0 frames per second; numbers are due, a rate above 0"),
        ({"rate": 20.0, "start": "2024-05-17T14:03:00"}, "session_start_time 2024-05-17T14:03:00 has no time zone"),
        ({"rate": 20.0, "start": "yesterday"}, "session_start_time 'yesterday' is no moment in ISO 8601"),
    ],
)
def test_times_of_an_nwb_file_that_are_none_are_named(tmp_path, times, said):
    path = tmp_path / "a.nwb"
    write_nwb(path, frames(), **times)
    with pytest.raises(ValueError) as caught:
        series.read_series([path])
    assert str(caught.value).startswith(f"{path}: ") and said in str(caught.value)


def test_our_own_file_brings_its_times(tmp_path):
    timing = Timing(Fraction(1, 20), 8, Fraction(1_700_000_000), 7200, dropped=(1, 4))
    made = movie.of_array(frames(6), timing=timing, pixel_size=(3.0, 2.0), notes=("a note",))
    for compressed in (False, True):
        with store.writing(tmp_path / "a.h5", made, compressed) as append:
            for _, block in made.blocks(4):
                append(block)
        read = series.read_series([tmp_path / "a.h5"])
        assert (read.read() == made.read()).all() and (read.read(3, 2) == made.read(3, 2)).all()
        assert read.timing.valid.tolist() == timing.valid.tolist() and read.timing.begin == timing.begin
        assert read.pixel_size == (3.0, 2.0) and read.notes == ("a note",)
        with h5py.File(tmp_path / "a.h5") as file:  # any HDF5 library reads the chunks that were written past it
            assert (file["movie"][:] == made.read()).all()


def test_a_file_with_too_few_frames_is_not_kept(tmp_path):
    made = movie.of_array(frames(6))
    with (
        pytest.raises(ValueError, match="4 frames were made, 6 are due"),
        store.writing(tmp_path / "a.h5", made) as append,
    ):
        append(made.read(0, 4))
    assert not list(tmp_path.iterdir())


def test_a_folder_without_a_movie_and_one_with_a_compressed_one(tmp_path):
    with pytest.raises(ValueError, match=r"holds no movie; right are files of \.isxd"):
        series.sorted_out(tmp_path, ["a.txt"])
    with pytest.raises(ValueError, match=r"b\.isxc: is a compressed recording"):
        series.sorted_out(tmp_path, ["b.isxc"])
    with pytest.raises(ValueError, match=r"m\.tif is there more than once"):
        series.sorted_out(tmp_path, ["one/m.tif", "two/m.tif"])


def test_what_a_file_manager_leaves_beside_is_no_part(tmp_path):
    for name in ("m.isxd", ".m.isxd"):
        part(tmp_path / name, 1_700_000_000)
    (tmp_path / "._m.isxd").write_bytes(b"Mac OS X")
    movies, _, _, notes = series.sorted_out(tmp_path, ["._m.isxd", ".DS_Store", "m.isxd"])
    assert movies == [tmp_path / "m.isxd"]
    assert notes == [".DS_Store is left out: it is hidden", "._m.isxd is left out: it is hidden"]
    assert series.sorted_out(tmp_path, [".m.isxd"])[0] == [tmp_path / ".m.isxd"]


@pytest.mark.parametrize(
    "text, said", [("2024-05-17T14:03:00", "has no time zone"), ("yesterday", "is no moment"), (2024, "is no moment")]
)
def test_a_start_is_a_moment_with_a_zone(text, said):
    with pytest.raises(ValueError, match=said):
        moments.moment_of(text)


def test_planes_are_told_apart_by_the_headers_of_frames(tmp_path):
    path = tmp_path / "a.isxd"
    values = frames(8)
    made = movie.of_array(values, timing=Timing(Fraction(1, 20), 8, Fraction(1_700_000_000), 0))
    isxd.write_movie(path, made, stamps=np.arange(8) * 50_000 + 7, extra={"producer": {"version": "1.5.1"}})
    content = bytearray(path.read_bytes())
    stride = 2 * 2 * isxd.EDGE + 2 * values[0].size
    for at in range(8):
        content[at * stride + 2 * isxd.EFOCUS : at * stride + 2 * isxd.EFOCUS + 2] = (
            100 + 50 * (at % 2) << 4
        ).to_bytes(2, "little")
    path.write_bytes(content)
    read = series.plane(series.read_series([path]), [path], efocus=150)
    assert (read.read() == values[1::2]).all() and (read.read(2, 1) == values[5:6]).all()
    assert read.timing.rate == 10 and np.allclose(read.timing.times, [0.05, 0.15, 0.25, 0.35])
    with pytest.raises(ValueError, match=r"efocus is 7, the frames of a\.isxd have 100, 150"):
        series.plane(series.read_series([path]), [path], efocus=7)
