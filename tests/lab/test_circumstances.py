"""Results are kept beside those of other runs: in the file by name, on the page by section."""

import json
from pathlib import Path

from lab.circumstances import circumstances, keep, update_section

PAGE = "# Benchmarks\n\nHello.\n\n## Line\n\nold\n\n## Queue\n\nstays\n"


def test_a_section_is_replaced_where_it_stands() -> None:
    assert update_section(PAGE, "Line", "new \\1") == PAGE.replace("old", "new \\1")
    assert update_section(PAGE, "Queue", "new") == PAGE.replace("stays", "new")


def test_a_new_section_comes_last() -> None:
    assert update_section(PAGE, "Memory", "little") == PAGE + "\n## Memory\n\nlittle\n"


def test_results_of_another_name_stay(tmp_path: Path) -> None:
    path = tmp_path / "lab" / "bench.json"
    keep(path, {"line": 1, "queue": 2})
    keep(path, {"line": 3})
    assert json.loads(path.read_text()) == {"line": 3, "queue": 2}


def test_circumstances_name_machine_date_and_commit() -> None:
    assert all(circumstances().values())
