"""Gateways for the tests beside, started when one asks: on a broker without services, and on a whole line."""

import dataclasses
from collections.abc import Iterator

import pytest

from infra.settings import Settings
from tests.support.gateway import Gateway, running_gateway


@pytest.fixture(scope="session")
def gateway(broker: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Nobody works on tasks: they stay as they were handed in."""
    settings = dataclasses.replace(
        broker, state_dir=str(tmp_path_factory.mktemp("gateway")), gateway_names="gateway.example, other.example"
    )
    with running_gateway(settings) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def strict(broker: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """With small limits, to meet them soon."""
    settings = dataclasses.replace(
        broker,
        state_dir=str(tmp_path_factory.mktemp("strict")),
        gateway_requests_per_s=20.0,
        gateway_body_bytes_max=2048,
    )
    with running_gateway(settings, keep_alive_s=0.5) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def working(line: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Tasks are worked on, by quick simulated agents."""
    settings = dataclasses.replace(line, state_dir=str(tmp_path_factory.mktemp("working")))
    with running_gateway(settings) as gateway:
        yield gateway
