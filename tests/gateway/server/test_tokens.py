"""Tokens: what is kept of them, who they stand for, and how they end."""

import dataclasses
import json
import stat
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadInput, GatewayError
from gateway.server.principal import ROLES, Principal
from gateway.server.tokens import Tokens, named
from infra.settings import Settings

NOW = 1_790_000_000_000_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=str(tmp_path / "state"))


@pytest.fixture
def tokens(settings: Settings) -> Tokens:
    return Tokens(settings)


def test_a_token_stands_for_its_tenant_and_role(tokens: Tokens) -> None:
    text = tokens.create("pipeline", "acme", "submitter", None, NOW)
    assert tokens.principal_of(text, NOW) == Principal(text.split("_")[1], "pipeline", "acme", "submitter", None)


def test_the_file_holds_no_token_and_is_for_its_owner_only(tokens: Tokens, settings: Settings) -> None:
    text = tokens.create("pipeline", "acme", "viewer", None, NOW)
    file = settings.state / "tokens.json"
    kept = file.read_text()
    assert text not in kept
    assert text.split("_", 2)[2] not in kept
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_only_the_token_that_this_machine_made_for_its_admin_is_the_local_one(tokens: Tokens) -> None:
    def is_local(text: str) -> bool:
        principal = tokens.principal_of(text, NOW)
        assert principal is not None
        return principal.is_local

    assert is_local(tokens.local(NOW))
    assert not is_local(tokens.create("local", "acme", "submitter", None, NOW))
    assert not is_local(tokens.create("another", "acme", "admin", None, NOW))


def test_a_token_ends_when_its_time_is_over(tokens: Tokens) -> None:
    text = tokens.create("pipeline", "acme", "viewer", NOW + 10, NOW)
    principal = tokens.principal_of(text, NOW + 9)
    assert principal is not None
    assert tokens.holds(principal, NOW + 9)
    assert tokens.principal_of(text, NOW + 10) is None
    assert not tokens.holds(principal, NOW + 10)


def test_a_revoked_token_ends_at_once_also_where_it_is_in_use(tokens: Tokens, settings: Settings) -> None:
    text = tokens.create("pipeline", "acme", "viewer", None, NOW)
    principal = tokens.principal_of(text, NOW)
    assert principal is not None
    Tokens(settings).revoke(principal.token_id)  # as another process does it
    assert tokens.principal_of(text, NOW) is None
    assert not tokens.holds(principal, NOW)


def test_a_token_with_one_character_changed_stands_for_nobody(tokens: Tokens) -> None:
    text = tokens.create("pipeline", "acme", "admin", None, NOW)
    for place in range(len(text)):
        other = "A" if text[place] != "A" else "B"
        assert tokens.principal_of(text[:place] + other + text[place + 1 :], NOW) is None


@given(st.text())
@hypothesis.settings(deadline=None)
def test_whatever_is_sent_as_a_token_is_none(text: str) -> None:
    tokens = Tokens(Settings(state_dir="/nonexistent"))
    assert tokens.principal_of(text, NOW) is None


def test_the_local_token_is_made_once_and_anew_only_when_it_ended(tokens: Tokens, settings: Settings) -> None:
    first = tokens.local(NOW)
    principal = tokens.principal_of(first, NOW)
    assert principal is not None
    assert principal.role == "admin"
    assert tokens.local(NOW) == first == Tokens(settings).local(NOW)
    assert stat.S_IMODE((settings.state / "token").stat().st_mode) == 0o600
    tokens.revoke(principal.token_id)
    assert tokens.local(NOW) != first


def test_a_token_is_named_by_its_id_or_by_a_name_that_only_it_has(tokens: Tokens) -> None:
    for name in ("one", "two", "two"):
        tokens.create(name, "acme", "viewer", None, NOW)
    all_of_them = tokens.all()
    assert named(all_of_them, "one").name == "one"
    assert named(all_of_them, all_of_them[2].token_id) == all_of_them[2]
    with pytest.raises(BadInput, match="2 tokens are called 'two'"):
        named(all_of_them, "two")
    with pytest.raises(GatewayError, match="headway token list"):
        named(all_of_them, "three")


def test_a_broken_file_lets_nobody_in(tokens: Tokens, settings: Settings) -> None:
    text = tokens.create("pipeline", "acme", "viewer", None, NOW)
    (settings.state / "tokens.json").write_text(json.dumps([{"nonsense": 1}]))
    with pytest.raises(GatewayError, match="is no list of tokens"):
        tokens.principal_of(text, NOW)


@given(st.sampled_from(ROLES), st.sampled_from(ROLES), st.sampled_from(["acme", "globex"]))
@hypothesis.settings(deadline=None)
def test_a_role_may_what_those_before_it_may_and_only_admins_see_other_tenants(
    mine: str, asked: str, tenant: str
) -> None:
    who = Principal("1", "n", "acme", mine, None)  # type: ignore[arg-type]
    assert who.may(asked) == (ROLES.index(mine) >= ROLES.index(asked))  # type: ignore[arg-type]
    assert who.sees(tenant) == (tenant == "acme" or mine == "admin")
    assert who.tenant == (None if mine == "admin" else "acme")
    assert dataclasses.replace(who, tenant_id="other").sees("other")
