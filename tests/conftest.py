"""Fixtures that all tests share: one real broker and one whole line a session, started only when a test asks.

Several workers may share the work (`make test`). Each has its own broker and ports; tests of a group, which have costly
fixtures in common, run in one of them.
"""

import logging
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import pytest
import structlog
from xdist.scheduler import LoadScopeScheduling

from infra.kafka import ensure_topics
from infra.settings import ENV_PREFIX, Settings
from lab import ports
from tests.support.running import running_broker, running_line, settings_in

hypothesis.settings.register_profile("busy", deadline=None)  # a test that waits for its turn is no fault
hypothesis.settings.load_profile("busy")

TESTS = Path(__file__).parent
TOGETHER = ("page", "gateway/server", "gateway/live", "processors", "schemas")
"""Folders that are a group as a whole; elsewhere each file is one."""
LONG = ("page", "e2e", "gateway/server", "gateway/live", "streams", "infra")
"""Of the tests that need a broker these begin first, so that no worker is left alone with what takes longest."""


class Group(NamedTuple):
    """Tests that one worker does one after the other, for they share a broker, a line or what takes long to make."""

    on_a_broker: bool
    place: int
    name: str


@cache
def group_of(path: Path) -> Group:
    folder = next((one for one in TOGETHER if TESTS / one in path.parents), None)
    place = next((n for n, one in enumerate(LONG) if TESTS / one in path.parents), len(LONG))
    return Group("pytest.mark.e2e" in path.read_text(), place, folder or path.relative_to(TESTS).as_posix())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a broker first, for one that waits for its tests costs time as well."""
    items.sort(key=lambda item: group_of(item.path)[:2])


class ByGroup(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        group = group_of(TESTS.parent / nodeid.partition("::")[0])
        return f"{group.name} {group.on_a_broker}"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByGroup:
    return ByGroup(config, log)


def pytest_configure() -> None:
    """Workers take their ports from ranges of their own: a port that is free may be about to be taken."""
    width = ports.HIGH - ports.LOW
    shift = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) * width
    ports.LOW, ports.HIGH = ports.LOW + shift, ports.HIGH + shift


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> Iterator[None]:
    """No test depends on the settings or keys of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith((ENV_PREFIX, "ANTHROPIC_")) or name in ("COLUMNS", "LINES"):
                patch.delenv(name)
        yield


@pytest.fixture(autouse=True, scope="session")
def _logs_apart() -> None:
    """A gateway within the tests' own process writes its log beside the output of the commands that are tested."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(file=sys.__stderr__),
    )


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings of a real broker with all topics and no services; use topics or keys of your own."""
    settings = settings_in(tmp_path_factory.mktemp("broker"))
    with running_broker(settings):
        ensure_topics(settings)
        yield settings


@pytest.fixture(scope="session")
def settings(broker: Settings) -> Settings:
    return broker


@pytest.fixture(scope="session")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings of a whole running line: broker, Redis, router, dispatcher, executor with quick simulated agents."""
    with running_line(settings_in(tmp_path_factory.mktemp("line"))) as settings:
        yield settings
