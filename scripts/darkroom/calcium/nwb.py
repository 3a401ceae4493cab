"""A session as NWB, by pynwb: subject, device, plane, cells with traces and events, motion, pictures, signals."""

import uuid
from contextlib import contextmanager
from datetime import datetime
from random import Random
from unittest import mock

import numpy as np
from hdmf.backends.hdf5 import H5DataIO
from hdmf.common import DynamicTableRegion, VectorData
from hdmf.data_utils import DataChunkIterator
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.base import Images
from pynwb.device import DeviceModel
from pynwb.event import EventsTable, TimestampVectorData
from pynwb.file import Subject
from pynwb.image import GrayscaleImage
from pynwb.ophys import DfOverF, Fluorescence, ImageSegmentation, OpticalChannel, PlaneSegmentation

from darkroom.calcium.store import new_file

UNKNOWN = "unknown"
DEVICE = {"name": "Microscope", "description": "Miniature microscope for one-photon imaging."}
METRES = 1e-6  # of a micrometre
PICTURES = {
    "mean": "Mean of all registered frames.",
    "max": "Highest value of each pixel in the registered frames.",
    "min": "Lowest value of each pixel in the registered frames.",
    "std": "Standard deviation of each pixel over the registered frames.",
    "correlation": "Correlation of each pixel's time course with its neighbours', background removed.",
    "pnr": "Highest value of each pixel over its noise, background removed.",
}
IMU = {
    "Acc": ("acceleration", "m/s^2", 9.80665, "Acceleration along x, y and z."),
    "Ori": ("orientation", "radians", 1.0, "Orientation: yaw, pitch, roll."),
    "Mag": ("magnetic_field", "n.a.", 1.0, "Magnetic field along x, y and z, raw values of the sensor."),
}
# What the DANDI archive asks for of a session (its schema and nwbinspector's `dandi` configuration).
DANDI = {
    "subject.id": lambda said: said["subject"].get("id"),
    "subject.species": lambda said: said["subject"].get("species"),
    "subject.sex": lambda said: said["subject"].get("sex"),
    "subject.age or subject.date_of_birth": lambda said: (
        said["subject"].get("age") or said["subject"].get("date_of_birth")
    ),
    "experimenter": lambda said: said.get("experimenter"),
    "institution": lambda said: said.get("institution"),
    "lab": lambda said: said.get("lab"),
    "keywords": lambda said: said.get("keywords"),
    "experiment_description": lambda said: said.get("experiment_description"),
    "location": lambda said: said.get("location"),
    "indicator": lambda said: said.get("indicator"),
    "excitation_lambda": lambda said: said.get("excitation_lambda"),
    "emission_lambda": lambda said: said.get("emission_lambda"),
}


def lacking(said):
    """Names of the `nwb` options that DANDI would miss."""
    return [name for name, of in DANDI.items() if not of({"subject": {}} | said)]


def write(path, session, movie, cells, table, events, fitted, motion, pictures, signals, said, notes):
    """Write a session as NWB; the same input gives the same bytes.

    session -- what `calcium_import` has found: `files` with digests, `dataset`
    movie -- the registered `Movie`: its timing, pixel size, acquisition data
    cells, table -- `Cells`, and by name a value for each cell: `name`, `status` and metrics
    events -- (times in s, amplitudes) of each cell
    fitted -- `denoised` and `spikes` (cells, frames), in the unit of the traces
    motion -- shifts (frames, 2) in pixels (y, x), and the unit of time `times`
    pictures -- by name, (rows, columns)
    signals -- `Signals` of the recording
    said -- the `nwb` options
    notes -- lines on what was done
    """
    with _identified(session["dataset"], session["files"]), new_file(path, None) as made:
        file = _file(session, movie, said, notes)
        plane = _plane(file, movie, said)
        ophys = file.create_processing_module("ophys", "Motion, cells and their activity in the imaging plane.")
        _motion(ophys, motion, movie.timing)
        _pictures(ophys, pictures, movie.pixel_size)
        if len(cells):  # else there is no table: an empty one is no valid NWB
            table = _cells(ophys, plane, cells, table)
            _traces(ophys, cells, fitted, table, movie.timing)
            _events(file, table, events, movie.timing)
        for one in signals:
            _signals(file, one, movie.timing)
        with NWBHDF5IO(file=made, mode="w") as io:
            io.write(file)


@contextmanager
def _identified(*origin):
    """Object ids that depend on the input alone, so that the same input gives the same bytes."""
    random = Random(repr(origin))
    with mock.patch("hdmf.container.uuid4", lambda: uuid.UUID(int=random.getrandbits(128), version=4)):
        yield


def _file(session, movie, said, notes):
    """The file and its subject. Its creation date is the session's, for want of one that the input tells."""
    begin = movie.timing.begin
    raw = "\n".join(f"{file['name']}: {file['bytes']} bytes, SHA-256 {file['sha256']}" for file in session["files"])
    keys = (
        "experimenter",
        "institution",
        "lab",
        "keywords",
        "experiment_description",
        "session_id",
        "protocol",
        "surgery",
    )
    given = {key: said[key] for key in (*keys, "related_publications", "pharmacology", "virus") if said.get(key)}
    subject = {("subject_id" if key == "id" else key): value for key, value in said.get("subject", {}).items() if value}
    if "date_of_birth" in subject:
        subject["date_of_birth"] = datetime.fromisoformat(str(subject["date_of_birth"]))
        if subject["date_of_birth"].tzinfo is None:
            subject["date_of_birth"] = subject["date_of_birth"].replace(tzinfo=begin.tzinfo)
    return NWBFile(
        session_description=said.get("session_description") or f"Calcium imaging, {session['dataset']}.",
        identifier=str(uuid.uuid5(uuid.NAMESPACE_URL, repr((session["dataset"], session["files"])))),
        session_start_time=begin,
        file_create_date=begin,
        subject=Subject(**subject) if subject else None,
        notes="\n".join(["Raw recordings:", raw, "", *notes]),
        source_script="Darkroom, a Snakemake workflow: pipeline calcium",
        source_script_file_name="rules/calcium.smk",
        **given,
    )


def _plane(file, movie, said):
    """Device, optical channel and imaging plane; a pixel's size makes `grid_spacing` (x, y)."""
    device = DEVICE | said.get("device", {})
    maker, model = device.pop("manufacturer", UNKNOWN), device.pop("model", f"{device['name']} model")
    if {"manufacturer", "model"} & said.get("device", {}).keys():
        device["model"] = DeviceModel(name=model, manufacturer=maker, description=f"{model} of {maker}.")
        file.add_device_model(device["model"])
    light = OpticalChannel(
        name="OpticalChannel",
        description=f"Emission of {said.get('indicator') or 'the indicator'}.",
        emission_lambda=float(said.get("emission_lambda") or np.nan),
    )
    spacing = {}
    if movie.pixel_size:
        height, width = movie.pixel_size
        spacing = {"grid_spacing": [width * METRES, height * METRES], "grid_spacing_unit": "meters"}
    return file.create_imaging_plane(
        name="ImagingPlane",
        description=f"Field of {movie.shape[2]} x {movie.shape[1]} pixels (x, y) after registration.",
        optical_channel=light,
        device=file.create_device(**device),
        excitation_lambda=float(said.get("excitation_lambda") or np.nan),
        indicator=said.get("indicator") or UNKNOWN,
        location=said.get("location") or UNKNOWN,
        imaging_rate=movie.timing.rate,
        **spacing,
    )


def when(timing):
    """`rate` and `starting_time` where frames follow each other evenly, else `timestamps`."""
    if timing.regular:
        return {"rate": timing.rate, "starting_time": float(timing.times[0])}
    return {"timestamps": timing.times}


def _times(times):
    """The same for times (s) of a signal."""
    steps = np.unique(np.diff(times).round(9))
    if len(times) > 2 and len(steps) == 1:
        return {"rate": float(1 / steps[0]), "starting_time": float(times[0])}
    return {"timestamps": times}


def _shrunk(data, **options):
    return H5DataIO(data, compression="gzip", compression_opts=1, shuffle=True, **options)


def _motion(ophys, motion, timing):
    shifts = np.ascontiguousarray(motion[:, ::-1])
    ophys.add(
        TimeSeries(
            name="Motion",
            description="Shift (x, y) that was applied to each frame so that it lies on the reference.",
            data=shifts,
            unit="pixels",
            **when(timing),
        )
    )


def _pictures(ophys, pictures, pixel_size):
    """Pictures of the whole movie as (x, y), as the standard has them."""
    per_cm = {"resolution": 1e4 / pixel_size[1]} if pixel_size and pixel_size[0] == pixel_size[1] else {}
    images = [
        GrayscaleImage(name=name, data=_shrunk(np.nan_to_num(picture).T), description=PICTURES[name], **per_cm)
        for name, picture in pictures.items()
    ]
    ophys.add(
        Images(name="SummaryImages", images=images, description="One picture of the whole registered movie each.")
    )


def _cells(ophys, plane, cells, table):
    """The footprints, as image masks (x, y), and what is known of each cell."""
    count, (rows, columns) = len(cells), cells.shape
    masks = (image.T for image in cells.images())  # one at a time
    masks = DataChunkIterator(masks, maxshape=(count, columns, rows), dtype=np.dtype("f4"), buffer_size=1)
    described = {
        "name": "Name of the cell.",
        "status": "Whether the cell was accepted, rejected or left undecided by the filters.",
        "snr": "Median height of the cell's events over its noise.",
        "event_rate": "Events per second of recording.",
        "size": "Diameter of a disc as large as the footprint above half of its peak, in pixels.",
        "components": "Pieces that the footprint has.",
    }
    own = [VectorData(name=f"cell_{key}", description=text, data=list(table[key])) for key, text in described.items()]
    masks = _shrunk(masks, chunks=(1, columns, rows))
    mask = VectorData(name="image_mask", description="Footprint of the cell, peak 1.", data=masks)
    segmentation = ImageSegmentation()
    footprints = PlaneSegmentation(
        name="PlaneSegmentation",
        description="Cells found in the registered movie.",
        imaging_plane=plane,
        id=list(range(count)),
        columns=[mask, *own],
        colnames=["image_mask", *(column.name for column in own)],
    )
    segmentation.add_plane_segmentation(footprints)
    ophys.add(segmentation)
    return footprints


def _traces(ophys, cells, fitted, table, timing):
    """Traces of all cells; their change over the baseline for those whose baseline is above nothing."""
    unit = {"df": "counts", "df_over_noise": "noise"}[cells.unit]

    def add(interface, name, values, chosen, unit, description):
        interface.create_roi_response_series(
            name=name,
            data=_shrunk(np.ascontiguousarray(values.T)),
            rois=table.create_roi_table_region(region=list(map(int, chosen)), description="Cells of the traces."),
            unit=unit,
            description=description,
            **when(timing),
        )

    everyone, fluorescence = range(len(cells)), Fluorescence()
    ophys.add(fluorescence)  # first: the cells that a series speaks of must be in the same tree
    text = "Traces in multiples of the noise." if unit == "noise" else "Traces in counts, averaged over the footprint."
    add(fluorescence, "RoiResponseSeries", cells.traces, everyone, unit, text)
    text = "Counts at the footprint's peak, background removed."
    add(fluorescence, "RoiResponseSeriesCounts", cells.raw, everyone, "counts", text)
    text = "Traces without noise: spikes that decay exponentially."
    add(fluorescence, "Denoised", fitted["denoised"], everyone, unit, text)
    add(fluorescence, "Deconvolved", fitted["spikes"], everyone, unit, "Spikes of the denoised traces.")
    bright = np.flatnonzero(cells.baseline > 0)
    if len(bright):
        change = DfOverF()
        ophys.add(change)
        text = f"Change over the baseline, for the {len(bright)} of {len(cells)} cells whose baseline is above 0."
        values = cells.raw[bright] / cells.baseline[bright, None]
        add(change, "RoiResponseSeries", values, bright, "n.a.", text)


def _events(file, table, events, timing):
    """Events of all cells in the order of time."""
    rows = sorted(
        (float(time), cell, float(size))
        for cell, (times, sizes) in enumerate(events)
        for time, size in zip(times, sizes, strict=True)
    )
    if not rows:
        return
    times, numbers, sizes = zip(*rows, strict=True)
    columns = [
        TimestampVectorData(
            name="timestamp",
            description="Time of the event.",
            data=np.array(times),
            resolution=float(timing.period),
        ),
        VectorData(
            name="amplitude", description="Height of the event, in the unit of the traces.", data=np.array(sizes)
        ),
        DynamicTableRegion(name="cell", data=list(numbers), description="Cell that had the event.", table=table),
    ]
    file.add_events_table(
        EventsTable(
            name="CalciumEvents",
            description="Calcium events of the cells, detected in their traces.",
            columns=columns,
            colnames=[column.name for column in columns],
            source_description="Detection of transients in RoiResponseSeries",
        )
    )


def _signals(file, signals, timing):
    """Lines, LEDs and motion of the head as time series; a value that was lost is NaN."""
    late = float(signals.start - timing.start) if signals.start and timing.start else 0.0
    if signals.kind == "imu":
        for prefix, (name, unit, factor, text) in IMU.items():
            own = [values for channel, values in signals.channels.items() if channel.startswith(prefix)]
            if own and len(own[0][0]):
                data = np.stack([values for _, values in own], axis=1)
                file.add_acquisition(
                    TimeSeries(
                        name=f"imu_{name}",
                        description=text,
                        data=_shrunk(data),
                        unit=unit,
                        conversion=factor,
                        **_times(own[0][0] / 1e6 + late),
                    )
                )
        return
    for channel, (offsets, values) in signals.channels.items():
        if len(offsets):
            file.add_acquisition(
                TimeSeries(
                    name=f"{signals.kind}_{channel.replace(' ', '_').replace('/', '_')}",
                    description=f"{channel}: a value where it changes, and the last one; NaN where values were lost.",
                    data=values,
                    unit=signals.units.get(channel, "n.a."),
                    **_times(offsets / 1e6 + late),
                    continuity="step",
                )
            )
