"""Log lines as another process writes them."""

import json
import logging
import subprocess
import sys

import pytest

from infra import log

CODE = """
import logging, structlog
from infra import log
from infra.settings import Settings
log.configure(Settings(log_format={form!r}, log_level={level!r}), "router-0")
line = log.bind(topic="tasks.submitted", partition=3)
line.debug("detail")
line.info("task routed", task_id="t1")
logging.getLogger("faust").info("chatter")
logging.getLogger("faust").warning("trouble of a library")
try:
    1 / 0
except ZeroDivisionError:
    line.exception("failed")
"""


def logged(form: str, level: str = "info") -> list[str]:
    code = CODE.format(form=form, level=level)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr.splitlines()


def test_text_is_one_short_line_an_event() -> None:
    first, second, *_ = logged("text")
    assert first.endswith("[info] task routed partition=3 task_id=t1 topic=tasks.submitted")
    assert "\x1b" not in first  # no colours when nobody looks
    assert "[warning] trouble of a library" in second


def test_json_is_one_object_a_line_with_the_process() -> None:
    events = [json.loads(line) for line in logged("json")]
    assert [event["event"] for event in events] == ["task routed", "trouble of a library", "failed"]
    assert {event["process"] for event in events} == {"router-0"}
    assert events[0]["task_id"] == "t1"
    assert "ZeroDivisionError" in events[2]["exception"]


@pytest.mark.parametrize(("level", "first"), [("debug", "detail"), ("error", "failed")])
def test_level_is_kept(level: str, first: str) -> None:
    assert json.loads(logged("json", level)[0])["event"] == first


def test_a_library_that_repeats_itself_is_heard_once_and_we_are_always_heard():
    sparing = log._Sparing()
    library = [logging.makeLogRecord({"name": "aiokafka.conn", "msg": "no", "created": t}) for t in (100, 101, 111)]
    ours = [logging.makeLogRecord({"name": "streams.shard", "msg": "again", "created": t}) for t in (1, 2)]
    assert [sparing.filter(r) for r in library] == [True, False, True] and all(map(sparing.filter, ours))
