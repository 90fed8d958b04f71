"""The scripts in docs/producers.md, run as they stand there, hand a task in and read its outcome."""

import getpass
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.history import find
from infra.settings import Settings
from schemas.evolution import entries

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
MANUAL = (ROOT / "docs" / "producers.md").read_text(encoding="utf-8")
SESSION = f"shell-{getpass.getuser()}"
TEXT = "Translate “Füße” into English:\nfirst the word, then a sentence " + "x" * 100


def block(language: str, number: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", MANUAL, re.S)[number]


def run(arguments: list[str], settings: Settings) -> str:
    env = {**os.environ, "BROKER": settings.bootstrap}
    done = subprocess.run(arguments, cwd=ROOT, env=env, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(autouse=True)
def _kcat() -> None:
    if shutil.which("kcat") is None:
        pytest.fail("kcat is missing: apt-get install kcat")


def test_the_shell_producer_and_the_reader_work_as_documented(line: Settings, tmp_path: Path) -> None:
    (tmp_path / "submit.sh").write_text(block("bash"))
    (tmp_path / "outcome.py").write_text(block("python"))
    task_id = run(["bash", str(tmp_path / "submit.sh"), TEXT], line).strip()
    submitted = find(line, "tasks.submitted", "TaskSubmitted", task_id)
    assert submitted is not None and submitted["text"] == TEXT
    outcome = json.loads(run([sys.executable, str(tmp_path / "outcome.py"), task_id], line))
    # The script takes a random id, and one simulated task in 500 fails for good.
    assert outcome["status"] == "completed" or "simulated failure" in outcome["error"]
    assert (outcome["session_id"], outcome["tenant_id"], outcome["priority"]) == (SESSION, "default", 5)
    assert SESSION in run(["bash", "-c", block("bash", 1)], line)


def test_the_schema_id_in_the_script_is_that_of_the_registry() -> None:
    ids = {(entry.event, entry.version): entry.id for entry in entries(ROOT / "schemas")}
    assert f"\\x{ids['TaskSubmitted', 1]:02x}' # wire format; TaskSubmitted, version 1" in block("bash")
