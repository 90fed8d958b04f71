"""Fixtures that all tests share: one real broker and one whole line a session, started only when a test asks."""

import logging
import os
import sys
from collections.abc import Iterator

import pytest
import structlog

from infra.kafka import ensure_topics
from infra.settings import ENV_PREFIX, Settings
from tests.support.running import running_broker, running_line, settings_in


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> Iterator[None]:
    """No test depends on the settings or keys of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith((ENV_PREFIX, "ANTHROPIC_")):
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
