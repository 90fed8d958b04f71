"""Settings: where a value comes from, and what is said of one that is not accepted."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.settings import (
    BALANCERS,
    DEFAULTS,
    FIELDS,
    MASK,
    BadSettings,
    Settings,
    accepted,
    as_env,
    explain_settings,
    load_settings,
    varying,
    with_values,
)
from processors import balancing

ROOT = Path(__file__).parents[2]
NAMES = st.text(st.characters(codec="utf-8"), min_size=1)


def load(folder: Path, toml: str = "", **environ: str) -> Settings:
    (folder / "headway.toml").write_text(toml)
    return load_settings(environ, folder)


def test_defaults_pass_their_own_checks(tmp_path: Path) -> None:
    assert load_settings({}, tmp_path) == Settings() == DEFAULTS
    assert load_settings(as_env(DEFAULTS), tmp_path) == DEFAULTS


def test_environment_wins_over_file_and_file_over_default(tmp_path: Path) -> None:
    toml = "queue_max = 5\nretries_max = 7\n[tenant_weights]\nacme = 3\n"
    settings = load(tmp_path, toml, HEADWAY_QUEUE_MAX="6")
    assert (settings.queue_max, settings.retries_max, settings.items_max) == (6, 7, DEFAULTS.items_max)
    assert settings.tenant_weights == {"acme": 3.0}


def test_every_setting_has_a_line_on_its_meaning() -> None:
    for name, field in FIELDS.items():
        assert len(field.metadata["doc"]) > 10, name
        assert field.metadata["doc"].endswith("."), name


def test_settings_do_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEFAULTS.queue_max = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        DEFAULTS.tenant_weights["acme"] = 1  # type: ignore[index]


@pytest.mark.parametrize(
    ("toml", "environ", "message"),
    [
        ("queue_maximum = 1", {}, r"unknown setting 'queue_maximum'; the nearest valid one is queue_max"),
        ("", {"HEADWAY_ROUTER": "1"}, "unknown variable HEADWAY_ROUTER; the nearest valid one is HEADWAY_ROUTERS"),
        ("", {"HEADWAY_QUEUE_MAX": "many"}, r"queue_max = 'many' \(from HEADWAY_QUEUE_MAX\).* a whole number"),
        ("queue_max = 1.5", {}, r"queue_max = 1.5 \(from headway.toml\).* a whole number"),
        ("queue_max = true", {}, "queue_max = True .* a whole number"),
        ("", {"HEADWAY_QUEUE_MAX": "0"}, "queue_max = '0' .* a whole number of at least 1"),
        ("", {"HEADWAY_KAFKA_PORT": "70000"}, "kafka_port .* from 1 to 65535"),
        ("", {"HEADWAY_AGING_S": "nan"}, "aging_s .* a number"),
        ("", {"HEADWAY_BALANCER": "best"}, "balancer = 'best' .* one of weighted_round_robin, round_robin"),
        ("", {"HEADWAY_TENANT_WEIGHTS": "acme"}, "tenant_weights .* acme=3,other=1"),
        ("", {"HEADWAY_TENANT_WEIGHTS": "acme=0"}, "tenant_weights .* above 0"),
        ("", {"HEADWAY_SIM_SUCCESS": "coder/sql=7"}, r"sim_success .* a share from 0 \(never succeeds\) to 1"),
        ("", {"HEADWAY_SIM_SUCCESS": "coder/sql=-0.1"}, "sim_success .* from 0"),
        ("", {"HEADWAY_MODEL_PRICES": "claude-x=1"}, "model_prices .* claude-x=1/5"),
        ("", {"HEADWAY_MODEL_PRICES": "claude-x=1/2/3"}, "model_prices .* dollars per million tokens"),
        ("", {"HEADWAY_MODEL_PRICES": "claude-x=-1/5"}, "model_prices .* input/output"),
        ("", {"HEADWAY_MODEL_PRICES": "=1/5"}, "model_prices .* input/output"),
        ("[model_prices]\nclaude-x = 1.5\n", {}, "model_prices .* input/output"),
        ("", {"HEADWAY_CALENDAR": "9 * much"}, "calendar = 9 . much .* no factor of a load: accepted are 0.1 to 10"),
        ("", {"HEADWAY_ZONES": "a,A"}, "zones = 'a,A' .* different names of letters and digits, as A,B,C"),
        ("", {"HEADWAY_ZONES": "a b"}, "zones = 'a b' .* different names"),
        ("", {"HEADWAY_ZONES": "a@b"}, "zones = 'a@b' .* different names"),
        ("", {"HEADWAY_CALENDAR_TIMEZONE": "Mars"}, "'Mars' is no time zone known here"),
        ("", {"HEADWAY_HEARTBEAT_S": "5"}, "heartbeat_s = 5.0 .* lease_s = 10.0.* a third"),
        ("", {"HEADWAY_KAFKA_SECURITY_PROTOCOL": "SSL"}, "needs kafka_bootstrap"),
        ("", {"HEADWAY_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "needs kafka_sasl_mechanism"),
        ("state_dir = 7", {}, "state_dir = 7 .* text"),
        ("a = ", {}, "headway.toml: not valid TOML"),
    ],
)
def test_refusal_names_the_setting_and_what_it_takes(
    tmp_path: Path, toml: str, environ: dict[str, str], message: str
) -> None:
    with pytest.raises(BadSettings, match=message):
        load(tmp_path, toml, **environ)


def test_zones_may_have_capital_names_as_people_write_them(tmp_path: Path) -> None:
    settings = load(tmp_path, HEADWAY_ZONES="A,B,C,D", HEADWAY_ZONE="B")
    assert (settings.zones, settings.zone) == (("A", "B", "C", "D"), "B")


@pytest.mark.parametrize("text", ["acme=3, other=1.5", '{"acme": 3, "other": 1.5}'])
def test_weights_are_written_in_two_ways(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, HEADWAY_TENANT_WEIGHTS=text).tenant_weights == {"acme": 3.0, "other": 1.5}


@pytest.mark.parametrize(
    ("toml", "environ"),
    [
        ("", {"HEADWAY_MODEL_PRICES": "claude-x=1/5, y=0.25/15"}),
        ("", {"HEADWAY_MODEL_PRICES": '{"claude-x": "1/5", "y": "0.25/15"}'}),
        ('[model_prices]\nclaude-x = "1/5"\ny = "0.25 / 15"\n', {}),
    ],
)
def test_prices_are_written_in_three_ways(tmp_path: Path, toml: str, environ: dict[str, str]) -> None:
    assert load(tmp_path, toml, **environ).model_prices == {"claude-x": (1.0, 5.0), "y": (0.25, 15.0)}


def test_a_simulated_agent_may_be_unable_to_do_something_at_all(tmp_path: Path) -> None:
    assert load(tmp_path, HEADWAY_SIM_SUCCESS="coder/sql=0, coder/css=1").sim_success == {
        "coder/sql": 0.0,
        "coder/css": 1.0,
    }


def test_every_balancer_can_be_set() -> None:
    assert sorted(BALANCERS) == sorted(balancing.BALANCERS)


@pytest.mark.parametrize("name", varying())
def test_what_a_setting_says_it_accepts_is_accepted_and_nothing_beyond(name: str) -> None:
    told = accepted(name)
    inside = [*told.choices, *(f"{bound:g}" for bound in (told.minimum, told.maximum) if bound is not None)]
    outside = [] if told.minimum is None else [f"{told.minimum - 1:g}"]
    outside += [] if told.maximum is None else [f"{told.maximum + 1:g}"]
    outside += ["none of them"] if told.choices or told.kind != "text" else []
    outside += ["1.5"] if told.kind == "whole" else []
    for value in inside:
        with_values(DEFAULTS, {name: value})
    for value in outside:
        with pytest.raises(BadSettings):
            with_values(DEFAULTS, {name: value})


def test_explanation_names_sources_and_masks_secrets(tmp_path: Path) -> None:
    (tmp_path / "headway.toml").write_text('kafka_password = "hidden"\n')
    environ = {"ANTHROPIC_API_KEY": "hidden", "HEADWAY_ROUTERS": "2"}
    rows = {row.name: row for row in explain_settings(environ, tmp_path)}
    assert list(rows) == list(FIELDS)
    assert (rows["kafka_password"].value, rows["kafka_password"].source) == (MASK, "headway.toml")
    assert (rows["anthropic_api_key"].value, rows["anthropic_api_key"].source) == (MASK, "ANTHROPIC_API_KEY")
    assert (rows["routers"].value, rows["routers"].source) == ("2", "HEADWAY_ROUTERS")
    assert rows["dispatchers"].source == "default"
    assert "hidden" not in str(rows)


def test_project_variable_wins_over_the_usual_one(tmp_path: Path) -> None:
    both = {"ANTHROPIC_API_KEY": "a", "HEADWAY_ANTHROPIC_API_KEY": ""}
    assert load(tmp_path, **both).anthropic_api_key == ""


def test_secret_is_not_shown_when_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings) as refused:
        load(tmp_path, "kafka_password = 12345")
    assert "12345" not in str(refused.value)


@given(
    queue_max=st.integers(1, 10**9),
    aging_s=st.floats(0, 1e9),
    weights=st.dictionaries(NAMES, st.floats(0.001, 1e6)),
    prices=st.dictionaries(NAMES, st.tuples(st.floats(0, 1e6), st.floats(0, 1e6))),
)
def test_child_process_sees_the_same_settings(
    queue_max: int, aging_s: float, weights: dict[str, float], prices: dict[str, tuple[float, float]]
) -> None:
    settings = Settings(queue_max=queue_max, aging_s=aging_s, tenant_weights=weights, model_prices=prices)
    assert load_settings(as_env(settings), Path("/nonexistent")) == settings


def test_nothing_else_reads_the_environment() -> None:
    """Passing the environment on to a child process is no reading."""
    calls = ("os.getenv", "os.environ.get", "os.environ[", "from os import environ")
    sources = [
        path
        for room in ("schemas", "processors", "infra", "streams", "gateway", "lab")
        for path in (ROOT / room).rglob("*.py")
        if "peers" not in path.parts  # programs of their own, that know nothing of us
    ]
    readers = [
        str(path) for path in sources if path.name != "settings.py" and any(call in path.read_text() for call in calls)
    ]
    assert readers == []


def test_importing_settings_opens_and_imports_little() -> None:
    code = "import sys, infra.settings; print({'confluent_kafka', 'faust', 'redis', 'anthropic'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
