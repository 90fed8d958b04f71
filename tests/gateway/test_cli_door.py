"""What `headway open`, `watch` and `top` say when the gateway is not there, or is not theirs."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner, Result

from gateway.cli import headway
from gateway.server.tokens import Tokens
from infra import stack
from infra.settings import Settings
from infra.stack import record
from lab.ports import free_ports

COMMANDS = (["open", "--print"], ["watch"], ["top"])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADWAY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HEADWAY_GATEWAY_PORT", str(free_ports(1)))
    yield tmp_path


def call(words: list[str]) -> Result:
    return CliRunner().invoke(headway, words)


def supervised(home: Path, *names: str) -> None:
    """As if this process were the supervisor of a line with these processes."""
    settings = Settings(state_dir=str(home / "state"))
    settings.state.mkdir()
    row = {"pid": None, "created": 0.0, "command": [], "state": "ready", "restarts": 0}
    record.write(settings, "ready", [{**row, "name": name} for name in names])
    assert stack.status(settings)["state"] == "ready"


class Gateway(BaseHTTPRequestHandler):
    """Knows no token but one."""

    asked: list[str]
    good = ""

    def do_GET(self) -> None:
        sent = self.headers["Authorization"]
        self.asked.append(sent)
        self.send_response(200 if sent == f"Bearer {self.good}" else 401)
        self.end_headers()
        self.wfile.write(json.dumps({"detail": "This token is not known.", "role": "viewer"}).encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def somebodys_gateway() -> Iterator[tuple[int, list[str]]]:
    handler = type("Handler", (Gateway,), {"asked": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], handler.asked  # type: ignore[attr-defined]
        server.shutdown()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_without_a_line_it_is_to_be_started_and_no_folder_is_left(home: Path, words: list[str]) -> None:
    said = call(words)
    assert said.exit_code == 3
    assert "No gateway answers at http://127.0.0.1:" in said.output
    assert "start the line with `headway up`." in said.output
    assert not (home / "state").exists()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_line_without_a_gateway_says_how_to_have_one(
    home: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    supervised(home, "kafka", "router-0")
    said = call(words)  # also when the settings meanwhile name one
    assert said.exit_code == 3
    assert "gateways = 0" in said.output and "`headway down`, then `HEADWAY_GATEWAYS=1 headway up`." in said.output
    monkeypatch.setenv("HEADWAY_GATEWAYS", "0")
    monkeypatch.setenv("HEADWAY_STATE_DIR", str(home / "elsewhere"))
    assert "(gateways = 0): `HEADWAY_GATEWAYS=1 headway up`." in call(words).output


def test_a_gateway_that_starts_again_is_worth_waiting_for(home: Path) -> None:
    supervised(home, "kafka", "gateway-0")
    assert "gateway-0 is starting again: try again in some seconds." in call(["watch"]).output


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_in_the_folder_of_no_line_nothing_is_sent_and_no_token_is_made(
    home: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with somebodys_gateway() as (port, asked):
        monkeypatch.setenv("HEADWAY_GATEWAY_PORT", str(port))
        said = call(words)
    assert said.exit_code == 1
    assert "it is not of this folder" in said.output and "HEADWAY_STATE_DIR" in said.output
    assert not asked and not (home / "state").exists()


def test_the_local_token_is_sent_to_no_other_gateway(home: Path) -> None:
    Tokens(Settings(state_dir=str(home / "state"))).local(1)
    with somebodys_gateway() as (port, asked):
        said = call(["watch", "--gateway", f"http://127.0.0.1:{port}"])
    assert said.exit_code == 1 and "set HEADWAY_GATEWAY_TOKEN" in said.output
    assert not asked


def test_a_token_that_is_not_taken_is_told_without_being_shown(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWAY_GATEWAY_TOKEN", "hw_very_secret")
    with somebodys_gateway() as (port, asked):
        said = call(["top", "--gateway", f"http://127.0.0.1:{port}/"])
    assert asked == ["Bearer hw_very_secret"]
    assert said.exit_code == 1 and "does not take this token" in said.output
    assert "very_secret" not in said.output


@pytest.mark.parametrize("address", ["ftp://x", "localhost:1", "http://x:port"])
def test_what_is_no_address_is_told(home: Path, address: str) -> None:
    said = call(["watch", "--gateway", address])
    assert said.exit_code == 2 and "is no address of a gateway" in said.output


def test_a_gateway_that_listens_everywhere_is_asked_here(home: Path) -> None:
    assert Settings(gateway_host="0.0.0.0").gateway == "http://127.0.0.1:8320"
    assert Settings(gateway_host="::").gateway == "http://[::1]:8320"
    assert Settings(gateway_url="https://gateway.example/").gateway == "https://gateway.example"


def test_what_listens_but_says_nothing_is_not_waited_for_long(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.cli.door.ANSWER_S", 0.2)
    monkeypatch.setenv("HEADWAY_GATEWAY_TOKEN", "t")
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HEADWAY_GATEWAY_PORT", str(server.getsockname()[1]))
        assert call(["watch"]).exit_code == 3
