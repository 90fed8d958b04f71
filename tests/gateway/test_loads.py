"""Tables of loads: every way to write a time, and every mistake told with its line."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.errors import BadInput
from gateway.loads import Loads, read_loads, zone_named

NINE = 1_777_885_200  # 2026-05-04T09:00:00Z


def read(folder: Path, text: str, zone: str | None = None, **names: str) -> Loads:
    path = folder / "load.csv"
    path.write_bytes(text.encode("utf-8"))
    return read_loads(path, **{"time": "timestamp", "value": "value"} | names, zone=ZoneInfo(zone) if zone else None)


@pytest.mark.parametrize(
    "written",
    [
        "2026-05-04T09:00:00Z",
        "2026-05-04 18:00:00+09:00",
        "2026-05-04 09:00",
        "1777885200",
        "1777885200000",
        "1.7778852e9",
    ],
)
def test_a_time_may_be_iso_8601_or_seconds_or_milliseconds(tmp_path: Path, written: str) -> None:
    assert read(tmp_path, f"timestamp,value\n{written},5\n").times_s.tolist() == [NINE]


def test_a_time_without_a_zone_is_of_the_zone_named_else_utc(tmp_path: Path) -> None:
    text = "timestamp,value\n2026-05-04 18:00,5\n"
    assert read(tmp_path, text, "Asia/Tokyo")[0].tolist() == [NINE]
    assert not read(tmp_path, text, "Asia/Tokyo").zoneless
    assert read(tmp_path, text).zoneless


def test_the_hour_that_comes_twice_when_clocks_are_set_back_is_two_hours(tmp_path: Path) -> None:
    rows = [f"2026-10-25 0{hour}:{minute},1" for hour in (1, 2, 2, 3) for minute in ("00", "30")]
    times = read(tmp_path, "timestamp,value\n" + "\n".join(rows), "Europe/Berlin").times_s
    assert set((times[1:] - times[:-1]).tolist()) == {1800.0}


def test_other_columns_marks_and_missing_values_are_understood(tmp_path: Path) -> None:
    text = "\ufeffzone;when;tasks\r\nA;2026-05-04T09:00:00Z;7\r\n\r\nA;2026-05-04T09:05:00Z;n/a\r\n"
    found = read(tmp_path, text, time="when", value="tasks")
    assert found.times_s.tolist() == [NINE, NINE + 300]
    assert found.values[0] == 7 and found.values[1] != found.values[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty: it needs the head timestamp,value"),
        ("timestamp,value\n", "has no rows below its head"),
        ("when,value\n1,2\n", 'has no column "timestamp" (--time). Its columns are: when, value.'),
        ("timestamp,load\n1,2\n", 'has no column "value" (--value). Its columns are: timestamp, load.'),
        ("timestamp,value,value\n1,2,3\n", 'several columns named "value"'),
        ("timestamp,value\n0,1\n\n300,many\n", 'Line 4: "many" in column value is no number.'),
        ("timestamp,value\n0,1\n300,inf\n", 'Line 3: "inf" in column value is no number.'),
        ("timestamp,value\nsoon,1\n", 'Line 2: "soon" is no time: write it as 2026-05-04T09:00:00Z'),
        ("timestamp,value\n,1\n", 'Line 2: "" is no time'),
        ("timestamp,value\n2026-13-04,1\n", 'Line 2: "2026-13-04" is no time'),
        ("timestamp,value\n0,1\n300\n", "Line 3 of"),
        ("timestamp,value\n2026-05-04T09:00,1\n2026-05-04T09:05Z,1\n", "Line 3: times with a zone stand among"),
        ("timestamp,value\n2026-05-04T09:00,1\n1777885500,1\n", "Line 3: numbers stand among"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput) as told:
        read(tmp_path, text)
    assert said in str(told.value)


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        read_loads(tmp_path / "none.csv", time="timestamp", value="value", zone=None)
    with pytest.raises(BadInput, match="cannot be read: Is a directory"):
        read_loads(tmp_path, time="timestamp", value="value", zone=None)
    (tmp_path / "bytes.csv").write_bytes(b"timestamp,value\n\xff\xfe,1\n")
    with pytest.raises(BadInput, match="is not UTF-8"):
        read_loads(tmp_path / "bytes.csv", time="timestamp", value="value", zone=None)


@pytest.mark.parametrize("name", ["Tokio", "../etc/passwd", ""])
def test_a_zone_that_is_none_is_told(name: str) -> None:
    with pytest.raises(BadInput, match="is no time zone"):
        zone_named(name)
