"""Which samples: the offsets of each partition, from what a person typed as a beginning and an end."""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from infra import kafka
from infra.settings import Settings
from schemas.events import SampleRange

TOPIC = "training.samples"
ACCEPTED = "an offset (1200), an offset a partition (0:1200,1:900), a time (2026-05-04T10:00) or how long ago (7d, 12h)"

_PLACES = re.compile(r"\d+:\d+(,\d+:\d+)*")
_AGO = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

Bounds = Mapping[int, tuple[int, int]]


class BadRange(ValueError):
    """What was typed names no samples that are there. The text says what there is."""


def chosen(settings: Settings, since: str | None, until: str | None) -> list[SampleRange]:
    """From `since` to before `until`; left out: all that the topic holds by now. Raises BadRange."""
    bounds = kafka.bounds(settings, TOPIC)
    starts = _offsets(settings, "--from", since, bounds) if since else {p: low for p, (low, _) in bounds.items()}
    ends = _offsets(settings, "--to", until, bounds) if until else {p: high for p, (_, high) in bounds.items()}
    ranges = checked(starts, ends, bounds)
    if not any(one["to_offset"] > one["from_offset"] for one in ranges):
        raise BadRange(f"There is no sample between these ends; {_there_is(bounds)}")
    return ranges


def checked(starts: Mapping[int, int], ends: Mapping[int, int], bounds: Bounds) -> list[SampleRange]:
    """The ranges of all partitions. What is deleted already is an error: the same range would no longer give the same
    model."""
    ranges: list[SampleRange] = []
    for partition, (low, high) in sorted(bounds.items()):
        start, end = starts.get(partition, high), ends.get(partition, high)
        if start < low and end > start:
            raise BadRange(
                f"Partition {partition} of {TOPIC} begins at offset {low}: what was before is deleted by now. "
                f"{_there_is(bounds)} Leave --from out to take all of that."
            )
        start, end = min(max(start, low), high), min(end, high)
        ranges.append({"partition": partition, "from_offset": start, "to_offset": max(start, end)})
    return ranges


def parsed(text: str, now_us: int) -> int | dict[int, int] | datetime:
    """An offset for every partition, offsets by partition, or a time. Raises BadRange."""
    text = text.strip()
    if text.isdecimal() and len(text) < 19:
        return int(text)
    if _PLACES.fullmatch(text) and len(text) < 10_000:
        pairs = [part.split(":") for part in text.split(",")]
        return {int(partition): int(offset) for partition, offset in pairs}
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            return datetime.fromtimestamp(now_us / 1e6 - float(ago[1]) * _SECONDS[ago[2]], UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise BadRange(f"{text!r} is not accepted; it takes {ACCEPTED}.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def newer_half(ranges: list[SampleRange]) -> list[SampleRange]:
    """The newer half of each partition's: samples are spread over these evenly, by the hash of their task."""
    return [{**one, "from_offset": one["to_offset"] - (one["to_offset"] - one["from_offset"]) // 2} for one in ranges]


def spoken(ranges: list[SampleRange]) -> str:
    """`--from 0:0,1:40 --to 0:512,1:498`, as a person types it: partitions without any left out."""
    some = [one for one in ranges if one["to_offset"] > one["from_offset"]]
    starts = ",".join(f"{one['partition']}:{one['from_offset']}" for one in some)
    ends = ",".join(f"{one['partition']}:{one['to_offset']}" for one in some)
    return f"--from {starts} --to {ends}" if some else "nothing"


def count(ranges: list[SampleRange]) -> int:
    return sum(one["to_offset"] - one["from_offset"] for one in ranges)


def _offsets(settings: Settings, option: str, text: str, bounds: Bounds) -> dict[int, int]:
    try:
        place = parsed(text, time.time_ns() // 1000)
    except BadRange as error:
        raise BadRange(f"{option}: {error}") from None
    if isinstance(place, datetime):
        return kafka.offsets_at(settings, TOPIC, round(place.timestamp() * 1e6))
    if isinstance(place, int):
        return dict.fromkeys(bounds, place)
    unknown = sorted(place.keys() - bounds.keys())
    if unknown:
        raise BadRange(f"{option}: {TOPIC} has the partitions {', '.join(map(str, bounds))}, and not {unknown[0]}.")
    beyond = [p for p, offset in place.items() if offset > bounds[p][1]]
    if beyond:
        raise BadRange(f"{option}: partition {beyond[0]} has offsets up to {bounds[beyond[0]][1]} only.")
    return place


def _there_is(bounds: Bounds) -> str:
    held: list[SampleRange] = [
        {"partition": p, "from_offset": low, "to_offset": high}
        for p, (low, high) in sorted(bounds.items())
        if high > low
    ]
    return f"{TOPIC} holds {spoken(held)}." if held else f"{TOPIC} holds none at all yet."
