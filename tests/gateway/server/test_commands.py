"""`headway token` and `headway open`."""

import json
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import gateway_open, headway
from gateway.server.tokens import Tokens
from infra.settings import Settings
from lab.ports import free_ports
from tests.support.gateway import Gateway


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADWAY_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HEADWAY_GATEWAY_PORT", str(free_ports(1)))
    yield CliRunner()


def invoke(call: CliRunner, *words: str) -> Result:
    return call.invoke(headway, list(words))


def test_a_token_is_made_listed_and_revoked(call: CliRunner, tmp_path: Path) -> None:
    made = invoke(call, "token", "create", "checkout pipeline", "--tenant", "acme", "--expires", "90d", "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    now = time.time_ns() // 1000
    principal = Tokens(Settings(state_dir=str(tmp_path / "state"))).principal_of(told["token"], now)
    assert principal is not None
    assert (principal.name, principal.tenant_id, principal.role) == ("checkout pipeline", "acme", "submitter")
    assert abs(principal.expires_at - now - 90 * 86_400_000_000) < 60_000_000  # type: ignore[operator]
    listed = invoke(call, "token", "list", "--json")
    assert json.loads(listed.stdout)["token_id"] == told["token_id"]
    assert told["token"] not in listed.output + invoke(call, "token", "list").output
    assert invoke(call, "token", "revoke", "checkout pipeline").exit_code == 0
    assert invoke(call, "token", "list", "--json").stdout == ""
    again = invoke(call, "token", "revoke", told["token_id"])
    assert again.exit_code == 1
    assert "`headway token list` lists them" in again.output


def test_without_json_the_token_alone_is_on_stdout(call: CliRunner) -> None:
    made = invoke(call, "token", "create", "mine", "--role", "viewer")
    assert made.stdout.startswith("hw_")
    assert len(made.stdout.split()) == 1
    assert "Its role is viewer, its tenant default" in made.stderr


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 101])
def test_a_name_that_nobody_could_read_is_refused(call: CliRunner, name: str) -> None:
    assert invoke(call, "token", "create", name).exit_code == 2


def test_a_tenant_that_no_task_could_have_is_refused(call: CliRunner) -> None:
    said = invoke(call, "token", "create", "mine", "--tenant", "a b")
    assert said.exit_code == 2
    assert "--tenant takes a name of 1 to 200 characters" in said.output


def test_open_says_when_no_gateway_answers(call: CliRunner) -> None:
    said = invoke(call, "open", "--print")
    assert said.exit_code == 3
    assert "No gateway answers at http://127.0.0.1:" in said.output


def test_open_gives_an_address_that_lets_in_once_and_has_no_token(
    call: CliRunner, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = gateway.services.tokens.local(time.time_ns() // 1000)
    opened: list[str] = []
    monkeypatch.setattr(gateway_open.webbrowser, "open", lambda address: bool(opened.append(address)) or True)
    monkeypatch.setenv("HEADWAY_GATEWAY_PORT", str(gateway.port))
    monkeypatch.setenv("HEADWAY_STATE_DIR", str(gateway.services.settings.state))
    printed = invoke(call, "open", "--print").stdout.splitlines()[-1]  # before it: what the gateway here logs
    base, _, code = printed.partition("/#code=")
    assert base == f"http://127.0.0.1:{gateway.port}"
    assert opened == []
    redeemed = gateway.stranger().call("POST", "/api/codes/redeem", {"code": code})
    assert redeemed.body == {"token": token}
    assert gateway.stranger().call("POST", "/api/codes/redeem", {"code": code}).status == 403
    said = invoke(call, "open")
    door = gateway.services.settings.state / "open.html"
    assert opened == [door.absolute().as_uri()]  # nothing that lets in is on the browser's command line
    assert token not in said.output + door.read_text()
    assert f"{base}/#code=" in door.read_text()
    assert stat.S_IMODE(door.stat().st_mode) == 0o600
