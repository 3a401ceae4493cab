"""Cells are found where they are and nowhere else, in any part of a movie, with traces that are theirs."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

import calcium_recordings
import calcium_truth
from darkroom.calcium import cells as kinds
from darkroom.calcium import (
    cnmfe,
    contrast,
    events,
    longitudinal,
    metrics,
    pca_ica,
    projection,
    registration,
    rois,
    scores,
)
from darkroom.calcium import movie as movies
from darkroom.samples import calcium


@pytest.fixture(scope="module")
def scene():
    """A small recording, the movie of it without motion, and the true footprints there."""
    recording = calcium.synthesise("calcium-demo", 3, hot=0, rows=80, columns=92, cells=6, frames=300)
    movie, reach = calcium_truth.registered(recording)
    return recording, movie, calcium_truth.footprints(recording, movie.shape[1:], (reach, reach))


OPTIONS = {"cell_diameter": 8, "min_corr": 0.6, "min_pnr": 7}
ASKED = cnmfe.Options(**OPTIONS)


@pytest.fixture(scope="module")
def shapes(scene):
    """What is in the patches of the scene."""
    return cnmfe.shapes_in(scene[1], cnmfe.patches(scene[1].shape[1:], ASKED), ASKED)


@pytest.fixture(scope="module")
def cells(scene, shapes):
    """The cells of the scene."""
    return cnmfe.traced(scene[1], shapes, ASKED)


def test_all_cells_and_no_others_with_their_traces_and_events(scene, cells):
    recording, movie, truth = scene
    detected = events.detect_events(cells.traces, movie.timing.times)
    said = calcium_truth.judged(recording, truth, cells, detected)
    assert (said["recall"], said["precision"]) == (1, 1)
    assert said["trace"] > 0.95
    denoised, spikes = events.deconvolve(cells.traces, movie.timing.rate)
    pairs = scores.matched_cells(truth, cells.footprints)
    alike = [np.corrcoef(recording.traces[a, recording.valid], denoised[b])[0, 1] for a, b in pairs]
    assert np.median(alike) > 0.97
    assert denoised.shape == spikes.shape == cells.traces.shape


def test_events_of_both_kinds_are_the_spikes(scene, cells):
    recording, _, truth = scene
    times = recording.valid / recording.rate
    for detected in (
        events.detect_events(cells.traces, times),
        events.spike_events(events.deconvolve(cells.traces, recording.rate)[1], times),
    ):
        assert calcium_truth.judged(recording, truth, cells, detected)["events"] > 0.85


@pytest.mark.parametrize("threads, held", [(1, cnmfe.HELD), (2, 1)])
def test_the_same_cells_with_one_thread_and_where_threads_share_a_patch(scene, cells, monkeypatch, threads, held):
    monkeypatch.setattr(cnmfe, "HELD", held)
    again = cnmfe.detect_cells(scene[1], **OPTIONS, threads=threads)
    assert np.array_equal(again.traces, cells.traces)
    assert (again.footprints != cells.footprints).nnz == 0


def test_what_never_fires_is_no_cell(scene, cells, shapes):
    _, movie, truth = scene
    seen = shapes[0]
    away = ndimage.distance_transform_edt(~(truth.max(0) > 0).reshape(movie.shape[1:])[seen.patch.slices()])
    y, x = np.unravel_index(away.argmax(), away.shape)
    disc = np.hypot(*(np.indices(away.shape) - np.reshape((y, x), (2, 1, 1)))) <= 3
    more = replace(seen, footprints=np.concatenate([seen.footprints, disc[None].astype(np.float32)]))
    again = cnmfe.traced(movie, [more, *shapes[1:]], ASKED)
    assert away.max() > 6 and np.array_equal(again.traces, cells.traces)


def test_edges_that_move_with_the_field_are_no_cells():
    """In a short movie registration leaves edges of vessels that come and go with the shifts."""
    recording = calcium_recordings.made(8, frames=300)
    raw = movies.of_array(recording.read(0, recording.shape[0]))
    moved = registration.detect_motion(raw, cell_diameter=8)
    top, left, bottom, right = registration.common_rectangle(moved.shifts, raw.shape[1:])
    still = registration.corrected(raw.read(), moved.shifts)[:, top : bottom + 1, left : right + 1]
    origin = np.array([top, left]) - np.median(moved.shifts + recording.shifts[recording.valid], 0)
    truth = calcium_truth.footprints(recording, still.shape[1:], origin)
    shapes = cnmfe.shapes_in(movies.of_array(still), cnmfe.patches(still.shape[1:], ASKED), ASKED)
    without = cnmfe.traced(movies.of_array(still), shapes, ASKED)
    cells = cnmfe.traced(movies.of_array(still), shapes, ASKED, shifts=moved.shifts)
    said = calcium_truth.judged(recording, truth, cells)
    assert (said["recall"], said["precision"]) == (1, 1) and len(without) > len(cells)
    assert cells.notes == (f"left out: {len(without) - len(cells)} places that only do as the field has moved",)


def test_small_patches_find_the_same_cells(scene, cells):
    recording, movie, truth = scene
    cut = cnmfe.detect_cells(movie, **OPTIONS, patch_size=48, patch_overlap=16)
    assert len(cnmfe.patches(movie.shape[1:], replace(ASKED, patch_size=48, patch_overlap=16))) > 1
    assert calcium_truth.judged(recording, truth, cut)["recall"] == 1
    assert len(cut) == len(cells)
    for one, other in scores.matched_cells(cells.footprints, cut.footprints):
        assert np.corrcoef(cells.traces[one], cut.traces[other])[0, 1] > 0.97


def test_patches_tile_the_field():
    covered = np.zeros((203, 157), int)
    for patch in cnmfe.patches(covered.shape, cnmfe.Options()):
        top, left, bottom, right = patch.core
        covered[top:bottom, left:right] += 1
        assert patch.window[0] <= top and patch.window[3] >= right
        assert not any(edge % 2 for edge in patch.window[:2])
    assert (covered == 1).all()


def test_units(scene, cells, shapes):
    counts = cnmfe.traced(scene[1], shapes, ASKED, "df")
    assert np.allclose(cells.raw, counts.raw)
    assert np.allclose(cells.traces * cells.noise[:, None], cells.raw, rtol=1e-4, atol=1e-3)
    share = counts.traces.std(1) / counts.raw.std(1)
    assert ((share > 0.2) & (share < 0.8)).all()  # the mean of a footprint whose peak is 1
    assert (cells.baseline > 300).all() and (cells.components == 1).all()
    with pytest.raises(ValueError, match="output_unit_type: 'dF' is unknown; there are df, df_over_noise"):
        cnmfe.detect_cells(movies.of_array(np.ones((4, 8, 8))), output_unit_type="dF")


@pytest.mark.parametrize("frames", [1, 2, 30])
@pytest.mark.parametrize("value", [0, 65535])
def test_movies_without_cells(frames, value):
    movie = movies.of_array(np.full((frames, 33, 47), value, np.uint16))
    nothing = cnmfe.detect_cells(movie)
    assert len(nothing) == 0 and nothing.traces.shape == (0, frames) and nothing.notes
    assert events.detect_events(nothing.traces, movie.timing.times) == []
    assert events.deconvolve(nothing.traces, 20)[0].shape == (0, frames)
    assert metrics.judged(metrics.cell_metrics(nothing, [], movie.timing), [("SNR", ">", 3)]) == []
    pictures = projection.project(movie)
    assert all(np.isfinite(picture).all() for picture in pictures.values())
    assert (pictures["mean"] == value).all() and not pictures["correlation"].any() and not pictures["pnr"].any()
    assert len(pca_ica.detect_cells(movie, num_ics=3)) == 0


def test_noise_has_no_cells():
    noise = np.random.default_rng(3).normal(500, 20, (300, 70, 64)).astype(np.float32)
    assert len(cnmfe.detect_cells(movies.of_array(noise), min_corr=0.6, min_pnr=7)) == 0


def test_pixels_without_values_belong_to_no_cell(scene):
    _, movie, truth = scene
    frames = movie.read()
    frames[:, :5] = np.nan
    frames[10:200, :, -3:] = np.nan
    movie = movies.of_array(frames)
    cells = cnmfe.detect_cells(movie, **OPTIONS)
    assert len(scores.matched_cells(truth, cells.footprints)) >= len(truth) - 1
    assert np.isfinite(cells.traces).all()
    assert all(not image[:5].any() and not image[:, -3:].any() for image in cells.images())
    pictures = projection.project(movie, cell_diameter=8)
    assert np.isnan(pictures["mean"][:5]).all() and np.isfinite(pictures["mean"][5:]).all()
    assert np.isfinite(pictures["correlation"]).all() and np.isfinite(pictures["pnr"]).all()


def test_counts_near_65535_are_no_trouble(scene, cells):
    frames = scene[1].read()
    high = np.rint(frames - frames.max() + 65535).astype(np.uint16)
    assert len(cnmfe.detect_cells(movies.of_array(high), **OPTIONS)) == len(cells)
    assert projection.project(movies.of_array(high))["max"].max() == 65535


def test_options_that_make_no_sense(scene):
    for options, said in (
        ({"cell_diameter": 1}, "cell_diameter: 1 pixels are too few"),
        ({"bg_spatial_subsampling": 0}, "bg_spatial_subsampling: 0 must be 1 or more"),
        ({"patch_size": 20, "patch_overlap": 30}, "patch_overlap: 30 must be below patch_size 20"),
    ):
        with pytest.raises(ValueError, match=said):
            cnmfe.detect_cells(scene[1], **options)


def test_memory_does_not_grow_with_the_movie(scene):
    """Beside traces and bins, which are capped, a long movie takes no more than a short one."""
    frames = scene[1].read()

    def peak(times):
        def read(first, count):
            return frames[np.arange(first, first + count) % len(frames)]

        long = movies.of_array(np.broadcast_to(frames[:1], (times * len(frames), *frames.shape[1:])))
        long = replace(long, reader=read)
        tracemalloc.start()
        cnmfe.detect_cells(long, **OPTIONS, threads=1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    bins = 4 * frames[0].size * len(frames) / 4
    assert peak(3) - peak(1) < 2 * 6 * bins


def test_pictures_are_numpys(scene):
    movie = scene[1]
    frames, pictures = movie.read(), projection.project(movie, cell_diameter=8)
    assert np.allclose(pictures["mean"], frames.mean(0), rtol=1e-5)
    assert np.allclose(pictures["std"], frames.std(0), rtol=2e-3)
    assert np.array_equal(pictures["max"], frames.max(0)) and np.array_equal(pictures["min"], frames.min(0))
    threads = projection.project(movie, cell_diameter=8, threads=1)
    assert all(np.array_equal(threads[name], picture) for name, picture in pictures.items())


def test_cells_are_bright_on_the_maps(scene):
    _, movie, truth = scene
    pictures = projection.project(movie, cell_diameter=8)
    peaks = truth.argmax(1)
    far = ndimage.distance_transform_edt(~(truth.max(0) > 0.02).reshape(movie.shape[1:])) > 8
    assert pictures["pnr"].ravel()[peaks].min() > 10 > np.percentile(pictures["pnr"][far], 99.5)
    assert pictures["correlation"].ravel()[peaks].min() > 0.8


def test_correlation_of_neighbours_is_corrcoefs():
    rng = np.random.default_rng(5)
    bins = rng.normal(0, 1, (80, 12, 10)) + 30 * (rng.random((80, 1, 1)) < 0.1)
    maps = contrast.Contrast((12, 10))
    maps.add(bins.astype(np.float32))
    above, noise = contrast.standing_out(bins)
    above[above < contrast.ACTIVE * noise] = 0
    around = [(y, x) for y in (4, 5, 6) for x in (4, 5, 6) if (y, x) != (5, 5)]
    expected = np.mean([np.corrcoef(above[:, 5, 5], above[:, y, x])[0, 1] for y, x in around])
    assert maps.maps()[0][5, 5] == pytest.approx(expected, abs=1e-4)


def test_regions_that_were_drawn(scene, cells):
    recording, movie, truth = scene
    masks = truth.reshape(-1, *movie.shape[1:]) > 0.2
    drawn = rois.from_masks(movie, masks)
    said = calcium_truth.judged(recording, truth, drawn)
    assert len(drawn) == len(masks) and said["trace"] > 0.9
    with pytest.raises(ValueError, match=r"masks of \(3, 4\) pixels do not fit a movie of"):
        rois.from_masks(movie, np.ones((2, 3, 4)))
    some = np.where(np.arange(3)[:, None, None] == 1, np.nan, masks[:3])
    some[2] = 0
    one = rois.from_masks(movie, some)
    assert len(one) == 1 and one.notes == ("left out, as they have no pixel above 0: masks 1, 2 of 3, from 0",)
    assert len(rois.from_masks(movie, np.zeros((0, *movie.shape[1:])))) == 0


@pytest.mark.parametrize("unmix", ["spatial", "both"])
def test_independent_components(scene, unmix):
    recording, movie, truth = scene
    options = {"unmix_type": unmix, "ica_temporal_weight": 0.2} if unmix == "both" else {}
    cells = pca_ica.detect_cells(movie, num_ics=15, average_cell_diameter=8, **options)
    said = calcium_truth.judged(recording, truth, cells)
    assert said["recall"] >= 0.85 and said["trace"] > 0.8


def test_independent_components_are_the_same_with_one_thread(scene):
    one, two = (pca_ica.detect_cells(scene[1], num_ics=6, max_iterations=5, threads=threads) for threads in (1, 2))
    assert np.array_equal(one.traces, two.traces)


def test_how_many_components_there_are_can_be_estimated(scene):
    _, movie, truth = scene
    assert len(truth) <= pca_ica.estimated(movie, 8) <= len(truth) + 2
    cells = pca_ica.detect_cells(movie, auto_estimate_num_ics=True, average_cell_diameter=8)
    assert cells.notes[0].endswith("places that stand out like cells of 8 pixels") and len(cells) <= len(truth) + 2
    still = movies.of_array(np.ones((20, 24, 24), np.float32))
    assert len(pca_ica.detect_cells(still, auto_estimate_num_ics=True)) == 0


def test_components_that_are_not_found_in_time_are_counted(scene):
    early = pca_ica.detect_cells(scene[1], num_ics=6, max_iterations=2)
    assert early.notes[0].endswith(" of 6 components still turned after 2 iterations")
    assert not pca_ica.detect_cells(scene[1], num_ics=6, average_cell_diameter=8).notes


def test_components_that_cannot_be(scene):
    with pytest.raises(ValueError, match="unmix_type: 'all' is unknown; there are spatial, temporal, both"):
        pca_ica.detect_cells(scene[1], unmix_type="all")
    with pytest.raises(ValueError, match=r"num_pcs: 3 must be num_ics \(9\) or more"):
        pca_ica.detect_cells(scene[1], num_ics=9, num_pcs=3)
    few = pca_ica.detect_cells(movies.of_array(scene[1].read(0, 12)), num_ics=50)
    assert few.notes[0] == "11 principal components, which is what 12 frames have, not 60"


def test_what_is_said_of_a_cell(scene, cells):
    _, movie, truth = scene
    detected = events.detect_events(cells.traces, movie.timing.times)
    columns = metrics.cell_metrics(cells, detected, movie.timing, (2.0, 3.0))
    for one, other in scores.matched_cells(truth, cells.footprints):
        y, x = ndimage.center_of_mass(truth[one].reshape(movie.shape[1:]))
        assert columns["centroid_y"][other] == pytest.approx(y, abs=0.7)
        assert columns["centroid_x"][other] == pytest.approx(x, abs=0.7)
        assert columns["centroid_x_um"][other] == pytest.approx(3 * columns["centroid_x"][other])
        assert 3 < columns["size"][other] < 9
        assert columns["event_rate"][other] == pytest.approx(len(detected[other][0]) / (movie.shape[0] * 0.05))
    assert (columns["snr"] > 3).all() and not columns["touches_border"].all()
    large = float(np.median(columns["size"]))
    statuses = metrics.judged(columns, [("SNR", ">", 3), ("Cell Size", "<", large), ("# Comps", "=", 1)])
    assert statuses == ["accepted" if size < large else "rejected" for size in columns["size"]]
    assert metrics.judged(columns, []) == ["undecided"] * len(cells)
    with pytest.raises(ValueError, match=r"filters: \('Size', '<', 3\) is not \[statistic, operator, number\]"):
        metrics.judged(columns, [("Size", "<", 3)])


def test_a_footprint_in_pieces_and_at_the_border():
    image = np.zeros((1, 20, 20), np.float32)
    image[0, 0:3, 4:7] = image[0, 10:13, 10:13] = 1
    cells = kinds.cells_of(image.reshape(1, -1), (20, 20), np.zeros((1, 50)), np.full((20, 20), 7.0), "df")
    assert cells.components.tolist() == [2] and cells.baseline.tolist() == [7.0]
    columns = metrics.cell_metrics(cells, [([], [])], movies.of_array(np.zeros((50, 20, 20))).timing)
    assert columns["touches_border"].tolist() == [True] and columns["snr"].tolist() == [0.0]


def test_sessions_are_matched_over_turn_stretch_and_size(scene):
    rng = np.random.default_rng(2)
    recording = calcium.synthesise("calcium-demo", 4, cells=20, rows=160, columns=150, spacing=1.2, frames=20)
    first = recording.footprints.toarray().reshape(-1, 160, 150)
    angle = np.deg2rad(4)
    back = np.array([[1.02 * np.cos(angle), -np.sin(angle), 5.0], [np.sin(angle), 0.99 * np.cos(angle), -6.0]])
    turned = np.array([longitudinal.on_reference(image, back, (150, 160)) for image in first[3:]])
    whole = np.array([image.max() > 0.6 for image in turned])
    second, ids = turned[whole], np.arange(3, 20)[whole]
    order = rng.permutation(len(second))
    matched = longitudinal.match_sessions([first, second[order], first[:0]])
    assert matched.names[0].tolist() == list(range(20))
    assert (matched.names[1] == ids[order]).mean() > 0.9
    assert len(matched.names[2]) == 0 and np.isnan(matched.correlations[0]).all()
    placed = matched.transforms[1] @ [*(back @ [80, 75, 1]), 1]
    assert placed == pytest.approx([80, 75], abs=1)


def test_other_cells_get_other_names():
    first, second = np.zeros((2, 1, 40, 40), np.float32)
    first[0, 5:9, 5:9], second[0, 30:37, 20:23] = 1, 1
    matched = longitudinal.match_sessions([first, np.concatenate([second, second[:, ::-1, ::-1]])], min_correlation=0.9)
    assert matched.names[0].tolist() == [0] and sorted(matched.names[1]) == [1, 2]
    assert matched.notes and "session 2" in matched.notes[0]
