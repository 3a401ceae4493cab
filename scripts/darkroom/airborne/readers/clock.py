"""How the time of a granule's rows is put together: as its collection tells, or as the file's own conventions are."""

import datetime
import re

import numpy as np

from darkroom import netcdf_file
from darkroom.airborne import granule, times

PARTS = {
    "year": ("year", "yr", "yyyy"),
    "month": ("month", "mo", "mon"),
    "day": ("day", "dayofmonth", "day_of_month", "dom", "dy"),
    "day_of_year": ("day_of_year", "dayofyear", "doy"),
    "hour": ("hour", "hr", "hh"),
    "minute": ("minute", "min"),
    "second": ("second", "sec"),
    "millisecond": ("millisecond", "msec"),
}
TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(:\d{2}([.,]\d*)?)?")
DIGITS = re.compile("(?P<form>hhmmss|hhmm) since (?P<since>.+)")  # not of CF: times of day as digits of one number
HALF_DAY = np.timedelta64(12, "h")
COARSE = 0.5  # seconds between two times that can be told apart
EXACT = 2.0**53  # integers that float64 has all of


class Clock:
    """How the time of each row is put together: as the collection tells, or as the file's own conventions are."""

    def __init__(self, sources, header, form):
        self.sources, self.header, self.form = sources, header, form
        self.told = form.get("time", {})

    def time(self):
        """(variable of the time, its dimensions in the source, names of what it is made of)."""
        if "parts" in self.told:
            return self._of_parts(self.told["parts"])
        if self.told:
            return self._as_told()
        mapped = [name for name, entry in self.form["variables"].items() if entry["name"] == "time"]
        in_groups = [name for name in self.sources if name.lower().endswith("/time")]
        likely = [*mapped, "time", "Time", "time_offset", *self._standard(), *in_groups, "Times", "datetime"]
        for name in likely:
            if name in self.sources and (made := self._own(name)):
                return made
        names = {name.rpartition("/")[2].lower().replace(" ", "_"): name for name in self.sources}
        if {"base_time", "time_offset"} <= set(names):
            return self._of_base(names["base_time"], names["time_offset"])
        if {"date", "reftimesec"} <= set(names):
            return self._of_days(names["date"], names["reftimesec"])
        for before in ("", *(name.removesuffix("year") for name in names if name.endswith("_year"))):
            parts = {part: _first(names, before, words) for part, words in PARTS.items()}
            parts = {part: name for part, name in parts.items() if name}
            if {"month", "day"} <= set(parts):
                parts.pop("day_of_year", None)
            if {"year", "hour"} <= set(parts) and ("day_of_year" in parts or {"month", "day"} <= set(parts)):
                return self._of_parts(parts)
        raise ValueError(
            "no time; right is a variable of 'seconds since ...', or `time` in the format of the collection, which "
            f"tells how it is put together; there are {', '.join(list(self.sources)[:12])}"
        )

    def _standard(self):
        return [name for name, source in self.sources.items() if getattr(source, "standard_name", "") == "time"]

    def _source(self, name):
        if name not in self.sources:
            raise ValueError(f"no {name}, of which the collection makes the time, among {', '.join(self.sources)}")
        return self.sources[name]

    def _as_told(self):
        """By `variable`, and `units` or `since` where its own are not whole."""
        since = self.told.get("since", "")
        since = str(self.header.get(since, "")) or self._filled(since)
        if "variable" not in self.told:
            return self._one_moment(times.moment(since))
        named = self.told["variable"]
        names = [named] if isinstance(named, str) else named
        source = self._source(names[0])
        if netcdf_file.is_text(source) or len(names) > 1:
            return self._of_texts(names, since)
        (name,) = names
        units = self._filled(self.told.get("units", ""))
        if not units and since:
            own = str(getattr(source, "units", "seconds")).partition(" since ")[0] or "seconds"
            units = f"{own} since {str(times.moment(since))[:26]}"
        made = self._own(name, units)
        if not made:
            raise ValueError(
                f"{name} has no units such as 'seconds since ...'; the collection may tell them: time.units"
            )
        return made

    def _filled(self, template):
        """A text with groups of the file name, and labels of the header, in braces."""
        try:
            return template.format(**self.header | self.form.get("groups", {}))
        except (KeyError, IndexError, ValueError):
            raise ValueError(
                f"time {template!r} names what neither the file name nor the header tells; there are "
                f"{', '.join([*self.form.get('groups', {}), *self.header][:12])}"
            ) from None

    def _of_texts(self, names, since=""):
        """Of dates and times as text: joined where there are several, and times of day alone on the day `since`."""
        columns = [_words(self._source(name)) for name in names]
        words = [" ".join(row).strip() for row in zip(*columns, strict=True)]
        dims = self.sources[names[0]].dimensions[:1]
        form = self.told.get("format")
        if form:
            moments = np.array([_by_format(word, form) for word in words], "datetime64[ns]")
        elif since and all(TIME_OF_DAY.fullmatch(word) for word in words):
            moments = _over_midnight([times.moment(f"{str(times.moment(since))[:10]} {word}") for word in words])
        else:
            moments = np.array([times.moment(word.replace("_", " ")) if word else times.MISSING for word in words])
        return self._variable(moments, ", ".join(names), dims), dims, names

    def _one_moment(self, moment):
        """The same moment for each row of the latitude, or of the first variable that has rows."""
        if self.form["feature"] == "grid":
            return self._variable(np.full(1, moment), "", ("time",)), ("time",), []
        names = [name for name in (*self.form["variables"], *self.sources) if name in self.sources]
        first = next((self.sources[name] for name in names if self.sources[name].ndim), None)
        if first is None:
            raise ValueError("there are no arrays of which the rows could be")
        return self._variable(np.full(first.shape[:1], moment), "", first.dimensions[:1]), first.dimensions[:1], []

    def _own(self, name, units=""):
        """The time of a variable in CF's units, or in others that are told, or None where it has none."""
        source = self.sources[name]
        told = netcdf_file.attributes(source)
        if netcdf_file.is_text(source):
            its_days = any(word and not TIME_OF_DAY.fullmatch(word) for word in _words(source))
            return self._of_texts([name]) if its_days else None
        if source.dtype.kind not in "iuf":
            return None
        own = str(told.get("units", ""))
        comment = str(told.get("comment", ""))
        text = units or (
            own if " since " in own else comment if comment.startswith(own) and " since " in comment else ""
        )
        if not text:
            return None
        if digits := DIGITS.fullmatch(text):
            return self._of_digits(name, digits["form"], times.moment(digits["since"]))
        its_units = times.units(text, told.get("calendar"))
        values = netcdf_file.stored(source)
        dims = [at for at in range(values.ndim) if values.shape[at] > 1] or [0]
        values = values.reshape([values.shape[at] for at in dims]) if values.ndim else values.reshape(1)
        entry = self.form["variables"].get(name, {})
        missing = (told.get("_FillValue"), told.get("missing_value"), entry.get("fill"))
        fills = [one for value in missing for one in netcdf_file.numbers(value, values.dtype)]
        packed = {
            key: netcdf_file.number(told.get(key), neutral)
            for key, neutral in (("scale_factor", 1.0), ("add_offset", 0.0))
        }
        if (
            values.dtype.kind in "iu"
            and packed == {"scale_factor": 1, "add_offset": 0}
            and np.abs(values.astype("f8")).max(initial=0) > EXACT
        ):
            moments = np.where(np.isin(values, fills), times.MISSING, its_units.moments(values))
            return self._variable(moments, name, source.dimensions), source.dimensions, [name]
        if values.dtype.kind != "f" or packed != {"scale_factor": 1, "add_offset": 0} or values.dtype.itemsize < 8:
            values = values.astype(np.float64) * packed["scale_factor"] + packed["add_offset"]
        if fills:
            values = np.where(np.isin(netcdf_file.stored(source).reshape(values.shape), fills), np.nan, values)
        attrs = {"long_name": "time of the measurement", "units": str(its_units)}
        attrs |= {key: entry[key] for key in ("long_name",) if key in entry}
        dims = [source.dimensions[at] for at in dims] if source.dimensions else ["time"]
        return granule.Variable.of(values, dims, attrs, None, name), dims, [name]

    def coarse(self, used):
        """A flag where times are of single precision, which has wide steps far from the moment that they count from."""
        for source in (self.sources[name] for name in used if self.sources[name].dtype == np.float32):
            unit = times.UNITS.get(str(getattr(source, "units", "")).partition(" ")[0].lower(), "seconds")
            values = netcdf_file.stored(source).astype(np.float32)
            step = float(np.spacing(np.abs(values[np.isfinite(values)]).max(initial=0))) * times.NANOSECONDS[unit] / 1e9
            if step > COARSE:
                note = f"{source.name} has single precision, by which times are in steps of {step:g} s"
                yield {"flag": "coarse_times", "note": note}

    def _of_parts(self, parts):
        """Of year, month, day and so on, which may each be a variable, or the same in the name of the file."""
        groups, arrays, dims, used = self.form.get("groups", {}), {}, None, []
        for part, name in parts.items():
            if isinstance(name, (int, float)) or "{" in name:
                arrays[part] = float(str(name).format(**groups))
                continue
            source = self._source(name)
            arrays[part] = np.squeeze(netcdf_file.stored(source).astype(np.float64))
            dims = source.dimensions if dims is None or source.ndim > len(dims) else dims
            used.append(name)
        moments = times.of_parts(dict(zip(arrays, np.broadcast_arrays(*arrays.values()), strict=True)))
        return self._variable(np.atleast_1d(moments), ", ".join(used), dims), dims, used

    def _of_base(self, base, offset):
        """Of a moment and of seconds after it, as ARM has them."""
        epoch = times.units(self.sources[base].units)
        moment = epoch.moments(np.ravel(netcdf_file.stored(self.sources[base]))[:1])[0]
        seconds = times.Units("seconds", moment).moments(netcdf_file.stored(self.sources[offset]).astype(np.float64))
        dims = self.sources[offset].dimensions
        return self._variable(seconds, f"{base}, {offset}", dims), dims, [offset]

    def _of_digits(self, name, form, day):
        """Of numbers such as 120005.5, which are hours, minutes and seconds of days from the first one on."""
        source = self.sources[name]
        numbers = netcdf_file.stored(source).astype(np.float64).ravel() * (1 if form == "hhmmss" else 100)
        hours, minutes, seconds = numbers // 10_000, numbers // 100 % 100, numbers % 100
        if (wrong := ~((hours <= 24) & (minutes < 60) & (seconds < 61) & (numbers >= 0))).any():
            raise ValueError(f"{name} is {np.ravel(source[:])[wrong][0]:g}, which is no time {form}")
        moments = times.Units("seconds", day).moments(np.round(hours * 3600 + minutes * 60 + seconds, 6))
        return self._variable(_over_midnight(moments), name, source.dimensions), source.dimensions, [name]

    def _of_days(self, date, seconds):
        """Of dates as yymmdd and seconds of that day, as S-HIS has them."""
        dates = np.asarray(self.sources[date][:]).astype(np.int64)
        codes, each = np.unique(dates, return_inverse=True)
        text = [f"{code % 1_000_000:06}" for code in codes]
        try:
            days = np.array([times.moment(f"20{code[:2]}-{code[2:4]}-{code[4:]}") for code in text])[each]
        except ValueError as error:
            raise ValueError(f"{date}: {error}; right are numbers yymmdd") from error
        source = self.sources[seconds]
        moments = times.Units("seconds", np.datetime64(0, "ns")).moments(np.asarray(source[:], np.float64))
        moments = days + (moments - np.datetime64(0, "ns"))
        return self._variable(moments, f"{date}, {seconds}", source.dimensions), source.dimensions, [date, seconds]

    def _variable(self, moments, name, dims):
        """A variable of moments, in seconds since the midnight before the first of them."""
        seconds, units = times.since_midnight(moments)
        attrs = {"long_name": "time of the measurement", "units": units}
        return granule.Variable.of(seconds, dims[: seconds.ndim], attrs, None, name)


def _first(names, before, words):
    """The variable that is called by the first of some words, after a beginning that names have in common, or None."""
    return next((names[before + word] for word in words if before + word in names), None)


def _words(source):
    """What a variable has as text; numbers such as 20200114 are dates, and their digits count."""
    if netcdf_file.is_text(source):
        return [one.decode("latin-1").strip() for one in netcdf_file.texts(source).ravel()]
    return [f"{value:.0f}" for value in netcdf_file.stored(source).ravel()]


def _by_format(word, form):
    """The moment of a text in a form of strptime. Raises ValueError for one that is of another form."""
    moment = datetime.datetime.strptime(word, form)
    return np.datetime64(moment.replace(tzinfo=None) - (moment.utcoffset() or datetime.timedelta()), "ns")


def _over_midnight(moments):
    """Moments of one day, a day later after each time that the clock goes back by more than half a day."""
    moments = np.array(moments)
    nights = np.append(0, np.cumsum(np.diff(moments) < -HALF_DAY))
    return moments + nights * np.timedelta64(1, "D")
