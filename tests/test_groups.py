"""How tests are shared out among workers: those with costly things in common go to one."""

import re
import subprocess
import sys
from pathlib import Path


def test_the_tests_of_a_file_are_done_by_one_worker() -> None:
    files = ["tests/gateway/test_fleet.py", "tests/gateway/test_units.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-vv", "--no-loadscope-reorder", *files],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    ran = set(re.findall(r"^\[(gw\d)\].* PASSED (\S+\.py)::", done.stdout, re.MULTILINE))
    assert sorted(file for _, file in ran) == files
    assert len({worker for worker, _ in ran}) == 2
