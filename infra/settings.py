"""Every setting of Headway: its meaning, unit, default and where its value came from.

Nothing else in the project reads the environment. A value comes from `HEADWAY_<NAME>`, else from
`headway.toml` in the working directory, else from the default below.
"""

import dataclasses
import difflib
import json
import os
import re
import tomllib
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from schemas.calendar import calendar
from schemas.cron import BadTime

ENV_PREFIX = "HEADWAY_"
FILE_NAME = "headway.toml"
MASK = "********"

ROUTING_LEARNED, ROUTING_RULES = "hybrid", "rules"
EMBEDDERS = ("static", "minilm")
BALANCERS = ("weighted_round_robin", "round_robin", "least_connections", "adaptive", "load_score")
SCALING = ("off", "dry_run", "on")
SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SASL_MECHANISMS = ("", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class BadSettings(Exception):
    """A setting is unknown or its value is not accepted. The message says which, and what would be."""


def _setting(
    default: Any,
    doc: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    one_of: tuple[str, ...] | None = None,
    secret: bool = False,
    env: str | None = None,
    varies: bool = False,
) -> Any:
    """A dataclass field. `env` is a further variable it is read from, for names that other tools have made usual.
    One that `varies` may differ from task to task: experiments can try its values."""
    metadata = {
        "doc": doc,
        "minimum": minimum,
        "maximum": maximum,
        "one_of": one_of,
        "secret": secret,
        "env": env,
        "varies": varies,
    }
    if isinstance(default, dict):
        return field(default_factory=lambda: types.MappingProxyType(dict(default)), metadata=metadata)
    return field(default=default, metadata=metadata)


_port = partial(_setting, minimum=1, maximum=65535)
_count = partial(_setting, minimum=1)
_number = partial(_setting, minimum=0)
_share = partial(_setting, minimum=0, maximum=1)


@dataclass(frozen=True)
class Settings:
    """The effective settings of one process. Make one with `load_settings`, then pass it down."""

    state_dir: str = _setting(".headway", "Folder of all local state (broker data, Redis data, logs, process list).")

    kafka_bootstrap: str = _setting("", "Kafka servers as host:port,host:port. Empty: the local stack runs a broker.")
    kafka_port: int = _port(9392, "Port of the local broker. Not 9092, so that it never meets another Kafka.")
    kafka_controller_port: int = _port(9393, "Port of the local broker's KRaft controller.")
    kafka_heap_mb: int = _setting(
        512, "Java heap of the local broker (MiB). Enough for 10,000 records a second.", minimum=128
    )
    kafka_security_protocol: str = _setting(
        "PLAINTEXT", "How to talk to Kafka. The local broker always speaks PLAINTEXT.", one_of=SECURITY_PROTOCOLS
    )
    kafka_sasl_mechanism: str = _setting("", "SASL mechanism; needed with a SASL protocol.", one_of=SASL_MECHANISMS)
    kafka_username: str = _setting("", "SASL user name.")
    kafka_password: str = _setting("", "SASL password.", secret=True)
    kafka_ca_file: str = _setting(
        "", "PEM file of the CA that signed the brokers' certificates. Empty: the system's CAs."
    )

    redis_url: str = _setting(
        "", "Redis as redis://[user:password@]host:port/db. Empty: the local stack runs one.", secret=True
    )
    redis_port: int = _port(6392, "Port of the local Redis. Not 6379, so that it never meets another Redis.")

    clickhouse_url: str = _setting(
        "", "ClickHouse server as http://host:port. Empty: the local stack runs ClickHouse as a library (chDB)."
    )
    clickhouse_port: int = _port(
        8323, "Port of the local warehouse. Not 8123, so that it never meets another ClickHouse."
    )
    clickhouse_user: str = _setting("", "User of the ClickHouse server; the local warehouse needs none.")
    clickhouse_password: str = _setting("", "Password of that user.", secret=True)

    metrics_host: str = _setting(
        "127.0.0.1", "Address the metrics ports listen on; 0.0.0.0 lets Prometheus in from outside."
    )
    metrics_port: int = _port(
        9401,
        "First of a range of metrics ports: router i +10i, dispatcher +1, executor +2, sink +3, judge +4, gateway +5, "
        "joiner +6, scorer +7, monitor +8, lab +9.",
    )

    partitions: int = _count(
        4, "Partitions of a topic: the most routers, dispatchers and executors that share the work."
    )
    replication: int = _count(1, "Copies of each partition. 1 for the local broker; use 3 on a cluster.")
    routers: int = _count(1, "Router processes that the local stack starts.")
    dispatchers: int = _count(1, "Dispatcher processes that the local stack starts.")
    executors: int = _count(1, "Executor hosts that the local stack starts.")
    zones: tuple[str, ...] = _setting(
        (), "Zones of the fleet, as a,b,c: instances are spread over them, and stay in theirs. Empty: there are none."
    )
    zone: str = _setting(
        "", "Zone of an executor host. Empty: host i is in the i-th zone, and on with the first again."
    )
    sinks: int = _number(1, "Sink processes that the local stack starts. 0: no warehouse, and nothing to ask in SQL.")
    gateways: int = _number(
        1, "Gateway processes that the local stack starts, on gateway_port, the next one, ... 0: no page and no API."
    )
    joiners: int = _number(1, "Joiner processes that the local stack starts. 0: nobody makes samples to learn from.")
    scorers: int = _setting(
        1, "Scorer processes that the local stack starts. 0: nothing is learned by itself.", minimum=0, maximum=1
    )
    monitors: int = _setting(
        1, "Monitor processes that the local stack starts. 0: nobody watches the line for alerts.", minimum=0, maximum=1
    )
    labs: int = _number(1, "Lab processes that the local stack starts; one of them works. 0: nothing is simulated.")
    lab_cpu_s: float = _setting(
        3600.0, "Seconds of one processor that a run of the lab may take before it is ended.", minimum=1
    )
    agents_dir: str = _setting("", "Folder of Markdown agents beside the built-in ones. Empty: none.")
    skills_dir: str = _setting("", "Folder of Markdown skills beside the built-in ones. Empty: none.")
    notes_dir: str = _setting("", "Folder of Markdown notes (knowledge) beside the built-in ones. Empty: none.")
    rules_dir: str = _setting("", "Folder of Markdown rules of alerts beside the built-in ones. Empty: none.")
    schedules_dir: str = _setting("", "Folder of Markdown schedules beside the built-in ones. Empty: none.")
    alerts_webhook: str = _setting(
        "", "Address that is told of alerts, by a POST of JSON. Empty: nobody is; it may hold a key.", secret=True
    )
    throughput_target: float = _number(
        0.0, "Tasks that are to end in a minute, as the boards tell beside those that do. 0: none is set."
    )
    scaling: str = _setting(
        "dry_run",
        "The autoscaler: off, dry_run (it says what it would do: `headway fleet decisions`), or on (it does it). "
        "It decides over money, so it does nothing unasked.",
        one_of=SCALING,
    )
    instances_min: int = _count(1, "Instances of an agent that the autoscaler leaves.")
    instances_max: int = _count(10, "Instances of an agent that the autoscaler goes up to.")
    fleet_min: int = _number(0, "Instances of all agents together below which the autoscaler takes none away.")
    fleet_max: int = _count(250, "Instances of all agents together beyond which the autoscaler adds none.")
    scale_up_s: float = _setting(
        300.0, "Seconds after a change of an agent's size before the autoscaler adds instances.", minimum=1
    )
    scale_down_s: float = _setting(
        600.0, "Seconds after a change of an agent's size before the autoscaler takes some away.", minimum=1
    )
    calendar: str = _setting(
        "",
        "By how much loads are larger at which hours and on which weekdays, as `9,10,14,15 * 1.3; * mon-wed 1.2`; the "
        "autoscaler goes by it until it has a forecast. Empty: no hour is known to differ.",
    )
    calendar_timezone: str = _setting("UTC", "Clocks by which `calendar` is meant, as Asia/Tokyo.")
    log_format: str = _setting(
        "text", "Form of a log line: text for people, json for machines.", one_of=("text", "json")
    )
    log_level: str = _setting("info", "Least level that is logged.", one_of=("debug", "info", "warning", "error"))

    queue_max: int = _count(1000, "Waiting tasks of one pool; above it a new task is refused with retry_after_ms.")
    queue_mb_max: int = _count(256, "Payload (MiB) waiting in one partition's queues; bounds the dispatcher's memory.")
    slots_per_instance: int = _count(5, "Tasks that one instance works on at a time.")
    balancer: str = _setting(
        "weighted_round_robin",
        "How an instance is chosen; the default weighs by success rate.",
        one_of=BALANCERS,
        varies=True,
    )
    aging_s: float = _number(
        60.0, "Seconds of waiting that raise a task's priority by one, so that none starves; 0: never."
    )
    tenant_weights: Mapping[str, float] = _setting(
        {}, "Share of a tenant in a full queue, as acme=3,other=1 or JSON. One not named has 1."
    )
    task_timeout_s: float = _setting(
        600.0, "Seconds an attempt may take when the task names no timeout.", minimum=0.1, varies=True
    )
    retries_max: int = _number(3, "Attempts after the first, for failures that may pass.", varies=True)
    retry_base_s: float = _number(
        1.0, "Delay (s) before the first retry; it doubles each time, with jitter.", varies=True
    )
    retry_cap_s: float = _number(60.0, "Longest delay (s) between two attempts.", varies=True)
    redos_max: int = _number(1, "Attempts repeated because their answer was judged too poor.", varies=True)
    quality_min: float = _share(
        0.5, "Quality (0 to 1) below which an answer is too poor and is done again.", varies=True
    )
    crashes_max: int = _count(5, "Instances a task may take down before it is dead-lettered as a poison task.")
    samples_remembered: int = _count(
        30_000, "Tasks of a partition that wait for their outcome, and as many for late feedback; bounds the joiner."
    )
    items_max: int = _count(100, "Items of one task (a batch that fans out); one with more fails, saying so.")
    lease_s: float = _setting(
        10.0, "Seconds without a heartbeat after which an instance's slots are free again.", minimum=0.5
    )
    primary_after_s: float = _setting(
        30.0,
        "Seconds of silence of all instances of an agent after which its waiting tasks of priority 1 and 2 go to the "
        "fallback agent, and lease_s at least; three leases, so that a host that is started again is heard before.",
        minimum=0.5,
    )
    heartbeat_s: float = _setting(
        2.0, "Seconds between two heartbeats of an instance; at most a third of lease_s.", minimum=0.1
    )
    probe_s: float = _setting(
        30.0,
        "Seconds without work after which an instance is asked whether it would take some, and between two such "
        "probes; it has a third of them to answer; 0: nobody is asked.",
        minimum=0,
    )
    remembered_max: int = _count(50_000, "Finished tasks a partition remembers, to know a repeat of them.")

    sim_speed: float = _setting(
        60.0, "How many times faster than a model the simulated agents answer.", minimum=0.001, varies=True
    )
    sim_failure_rate: float = _share(
        0.02, "Share of simulated attempts that fail (0 to 1), so that retries can be seen.", varies=True
    )
    sim_success: Mapping[str, float] = _setting(
        {},
        "What simulated agents can do, which the router has to find out: share of attempts that succeed, by agent and "
        "word of the task from 0 (never) to 1, as coder/sql=0.9,coder/css=0. All else they can.",
    )
    sim_seed: int = _number(7, "Seed of the simulated agents; the same seed gives the same answers.")
    drain_s: float = _number(30.0, "Seconds an executor host may go on with work in hand when it is told to stop.")
    in_hand_max: int = _count(
        1000, "Runs of an executor host at a time: it starts no more above it, stops reading at twice that."
    )
    text_bytes_max: int = _setting(
        65_536,
        "Longest text of a task or item (bytes): with a longer one the task fails, saying so; a longer answer is cut.",
        minimum=256,
    )

    anthropic_api_key: str = _setting(
        "", "Key of the Anthropic API. Empty: simulated agents only.", secret=True, env="ANTHROPIC_API_KEY"
    )
    anthropic_base_url: str = _setting(
        "", "Address of the Anthropic API. Empty: the client's own.", env="ANTHROPIC_BASE_URL"
    )
    model_default: str = _setting(
        "claude-haiku-4-5", "Model of an agent that names none; the cheapest that does the work.", varies=True
    )
    model_prices: Mapping[str, tuple[float, float]] = _setting(
        {},
        "US dollars per million input/output tokens, as claude-x=1/5,other=3/15 or JSON; goes before the list prices.",
    )
    cost_cap_usd: float = _number(10.0, "US dollars that all hosts together may spend in a UTC day.")
    requests_per_min: int = _count(50, "Model requests a minute, all hosts together; the API's lowest tier.")
    tokens_per_min: int = _count(40_000, "Model tokens a minute, all hosts together; the API's lowest tier.")
    max_tokens: int = _count(1024, "Longest answer asked of a model (tokens) by an agent that names none.", varies=True)
    prompt_extra: str = _setting("", "Text put after the prompt of every agent that asks a model.", varies=True)

    routing: str = _setting(
        ROUTING_LEARNED,
        "Who chooses the agent: the rules and what was learned, whichever is more confident, or the rules alone.",
        one_of=(ROUTING_LEARNED, ROUTING_RULES),
        varies=True,
    )
    weights: str = _setting(
        "on",
        "What tunes once a day how much each agent is preferred, by what people say and what ends: off, dry_run (it is "
        "only told), or on. On, for a day moves it by weight_step at most, and each decision, `headway agents` and "
        "`headway report` tell it.",
        one_of=SCALING,
    )
    weight_step: float = _setting(
        1.1, "Factor by which a day moves the weight of an agent at most.", minimum=1.001, maximum=2
    )
    embedder: str = _setting(
        "static",
        "How texts become vectors. static: a table, in some 20 microseconds a text. minilm: the model it was made "
        "from, a little better, a thousand times slower, needs torch. Routing models made with the other are not used.",
        one_of=EMBEDDERS,
    )
    explore: float = _share(
        0.05, "Share of the tasks (0 to 1) that try another agent that may be as good, to learn of it.", varies=True
    )
    cost_unit_usd: float = _setting(
        0.1,
        "US dollars that weigh as much as sure success against sure failure, at equal weight.",
        minimum=1e-6,
        varies=True,
    )
    wait_unit_s: float = _setting(
        60.0, "Seconds of waiting that weigh as much, at equal weight.", minimum=0.001, varies=True
    )
    verdict_s: float = _setting(60.0, "Seconds between two looks at the running experiments.", minimum=1)
    train_min_samples: int = _setting(
        1000, "Samples that a training takes; before there are as many, the rules route alone.", minimum=10
    )
    retrain_growth: float = _setting(
        0.2, "New samples, as a share of those the last training saw, that start the next one.", minimum=0.01
    )
    gate_certainty: float = _setting(
        0.7,
        "How certain the first model must be to choose better than the rules, on held-out decisions (docs/routing.md).",
        minimum=0.5,
        maximum=0.999,
    )
    promotion: str = _setting(
        "gate",
        "Who puts a model to use that has passed the gate: the gate at once, or a person by `headway models promote`.",
        one_of=("gate", "person"),
    )
    orchestrator_heartbeat_s: float = _setting(
        1.0, "Seconds between two heartbeats of a router or dispatcher in Redis.", minimum=0.1
    )
    orchestrator_failover_s: float = _setting(
        5.0,
        "Seconds without one after which it is held dead and its sessions are free; less than the 6 s after which "
        "Kafka gives its partitions to others, so that both say the same.",
        minimum=0.5,
    )
    watchdog_s: float = _setting(
        30.0, "Seconds a process may have work and no progress, or give no answer, before it is restarted.", minimum=1
    )

    gateway_host: str = _setting(
        "127.0.0.1", "Address the gateway listens on. Others than this machine reach it through a proxy with TLS."
    )
    gateway_names: str = _setting(
        "",
        "Names by which a proxy passes people on to the gateway, separated by commas. Requests for others are refused, "
        "when there are any, or it listens on this machine only.",
    )
    gateway_port: int = _port(
        8320, "Port of the gateway: page, HTTP API, live progress, schema registry. Gateway i has the i-th after it."
    )
    gateway_url: str = _setting(
        "", "Gateway that commands ask, as http://host:port. Empty: the one on this machine, with its local token."
    )
    gateway_token: str = _setting(
        "", "Token for the gateway of gateway_url, made there with `headway token create`.", secret=True
    )
    gateway_requests_per_s: float = _setting(
        500.0, "Requests a second of one token, or of one address without; above it they are refused.", minimum=1
    )
    gateway_body_bytes_max: int = _setting(
        1_048_576, "Longest body of a request (bytes): 500 tasks of 2 KB.", minimum=1024
    )
    gateway_tasks_max: int = _count(
        100_000, "Newest tasks that the gateway has in memory; older ones it looks up in the warehouse."
    )
    gateway_memory_mb: int = _count(256, "Events (MiB, packed) that the gateway has in memory of those tasks.")
    gateway_connections_max: int = _count(100, "Live connections (WebSocket and events) open at a time.")
    gateway_connections_user_max: int = _count(
        5, "Live connections of one access token; the local one may have half of all."
    )
    gateway_subscriptions_max: int = _count(100, "Things that one live connection may be subscribed to.")
    gateway_messages_per_s: float = _setting(
        20.0, "Messages a second that a live client may send; five seconds' worth at once.", minimum=0.1
    )
    gateway_message_bytes_max: int = _setting(65_536, "Longest message of a live client (bytes).", minimum=256)
    gateway_outbox_kb: int = _count(
        64, "Messages (KiB) that wait for a live client that reads slowly; beyond that it is told them when it reads."
    )
    gateway_ring_mb: int = _count(
        64, "Newest messages (MiB) in memory, for clients that were away shortly; older ones are read from Kafka."
    )
    gateway_live_tasks_max: int = _count(20_000, "Newest tasks that snapshots of live progress can show.")

    @property
    def zone_names(self) -> tuple[str, ...]:
        """The zones that instances are spread over; one without a name where there are none."""
        return self.zones or ("",)

    @property
    def bootstrap(self) -> str:
        """Kafka servers to connect to: the given ones, else the local broker."""
        return self.kafka_bootstrap or f"127.0.0.1:{self.kafka_port}"

    @property
    def redis(self) -> str:
        """URL of Redis: the given one, else the local server."""
        return self.redis_url or f"redis://127.0.0.1:{self.redis_port}/0"

    @property
    def warehouse(self) -> str:
        """URL of ClickHouse: the given one, else the local warehouse."""
        return self.clickhouse_url or f"http://127.0.0.1:{self.clickhouse_port}"

    @property
    def gateway(self) -> str:
        """URL of the gateway that commands ask: the given one, else the first on this machine."""
        host = reachable(self.gateway_host)
        return self.gateway_url.rstrip("/") or f"http://{f'[{host}]' if ':' in host else host}:{self.gateway_port}"

    @property
    def state(self) -> Path:
        return Path(self.state_dir)


def reachable(host: str) -> str:
    """Where what listens on `host` answers on this machine: all addresses are no address to call."""
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


class Effective(NamedTuple):
    """One setting as `headway config` shows it."""

    name: str
    value: str  # masked when secret
    source: str  # the variable, headway.toml, or default
    doc: str


FIELDS: dict[str, dataclasses.Field[Any]] = {f.name: f for f in dataclasses.fields(Settings)}
DEFAULTS = Settings()


def load_settings(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """The effective settings, or `BadSettings`. The arguments stand in for the environment and working directory."""
    return _load(environ, folder)[0]


def explain_settings(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> list[Effective]:
    """Each effective value and where it came from, in the order of the fields; secrets masked."""
    settings, sources = _load(environ, folder)
    return [
        Effective(name, shown(settings, name), sources.get(name, "default"), f.metadata["doc"])
        for name, f in FIELDS.items()
    ]


def varying() -> list[str]:
    """The settings that experiments can try values of."""
    return [name for name, f in FIELDS.items() if f.metadata["varies"]]


class Accepted(NamedTuple):
    """What a setting takes, for those who offer it: one of `choices` if there are any, else a `kind` within bounds."""

    kind: str  # text, whole, number, table
    choices: tuple[str, ...]
    minimum: float | None
    maximum: float | None


def accepted(name: str) -> Accepted:
    """What `with_values` and the environment accept for a setting."""
    rules, default = FIELDS[name].metadata, getattr(DEFAULTS, name)
    kind = {str: "text", int: "whole", float: "number"}.get(type(default), "table")
    return Accepted(kind, rules["one_of"] or (), rules["minimum"], rules["maximum"])


def with_values(settings: Settings, values: Mapping[str, str]) -> Settings:
    """The settings with other values for some that vary, as a task has them. Raises BadSettings."""
    parsed = {}
    for name, raw in values.items():
        if name not in FIELDS or not FIELDS[name].metadata["varies"]:
            raise BadSettings(
                f"{name} does not differ between tasks{_nearest(name, varying())} of {', '.join(varying())}"
            )
        parsed[name] = _parsed(name, raw, "an experiment")
    return dataclasses.replace(settings, **parsed)


def as_text(settings: Settings, name: str) -> str:
    """The value of one setting as the environment would hold it; secrets too."""
    return _text(getattr(settings, name))


def shown(settings: Settings, name: str) -> str:
    """The value of one setting as text, masked when it is a secret."""
    text = as_text(settings, name)
    return MASK if text and FIELDS[name].metadata["secret"] else text


def as_env(settings: Settings) -> dict[str, str]:
    """All settings as environment variables: what a child process needs to see the same values."""
    return {ENV_PREFIX + name.upper(): as_text(settings, name) for name in FIELDS}


def _load(environ: Mapping[str, str] | None, folder: Path | None) -> tuple[Settings, dict[str, str]]:
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, raw, source in [*_from_file((folder or Path.cwd()) / FILE_NAME), *_from_env(environ)]:
        values[name] = _parsed(name, raw, source)
        sources[name] = source
    settings = Settings(**values)
    _check_together(settings)
    return settings, sources


def _from_file(path: Path) -> list[tuple[str, Any, str]]:
    if not path.is_file():
        return []
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path}: not valid TOML: {error}") from error
    for name in table:
        if name not in FIELDS:
            raise BadSettings(f"{path}: unknown setting {name!r}{_nearest(name, list(FIELDS))}")
    return [(name, raw, FILE_NAME) for name, raw in table.items()]


def _from_env(environ: Mapping[str, str]) -> list[tuple[str, Any, str]]:
    """Values from the environment, the project's own names last so that they win."""
    aliases = [(name, f.metadata["env"]) for name, f in FIELDS.items() if f.metadata["env"]]
    found = [(name, environ[variable], variable) for name, variable in aliases if environ.get(variable)]
    known = {ENV_PREFIX + name.upper(): name for name in FIELDS}
    for variable in sorted(environ):
        if not variable.startswith(ENV_PREFIX):
            continue
        if variable not in known:
            raise BadSettings(f"unknown variable {variable}{_nearest(variable, list(known))}")
        found.append((known[variable], environ[variable], variable))
    return found


def _nearest(name: str, valid: list[str]) -> str:
    """The end of the message about an unknown name: the one that was probably meant."""
    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.0)
    return f"; the nearest valid one is {close[0]}"


def _parsed(name: str, raw: Any, source: str) -> Any:
    """`raw` (text from the environment, or a TOML value) as the field's type, checked against what it accepts."""
    rules = FIELDS[name].metadata
    parse: Callable[[Any], Any]
    parse, kind = _KINDS[name if name in _KINDS else type(getattr(DEFAULTS, name))]
    try:
        value = parse(raw)
    except (ValueError, TypeError, AttributeError):
        raise _refusal(name, raw, source, kind) from None
    if rules["one_of"] and value not in rules["one_of"]:
        raise _refusal(name, raw, source, "one of " + ", ".join(choice or '""' for choice in rules["one_of"]))
    low, high = rules["minimum"], rules["maximum"]
    if (low is not None and value < low) or (high is not None and value > high):
        wanted = f"{kind} from {low} to {high}" if high is not None else f"{kind} of at least {low}"
        raise _refusal(name, raw, source, wanted)
    return value


def _refusal(name: str, raw: Any, source: str, accepted: str) -> BadSettings:
    value = MASK if FIELDS[name].metadata["secret"] else repr(raw)
    return BadSettings(f"{name} = {value} (from {source}) is not accepted; it takes {accepted}")


def _string(raw: Any) -> str:
    if not isinstance(raw, str):
        raise TypeError
    return raw.strip()


def _integer(raw: Any) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise TypeError
    return int(raw)


def _decimal(raw: Any) -> float:
    if isinstance(raw, bool):
        raise TypeError
    value = float(raw)
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError
    return value


def _table(raw: Any) -> dict[str, Any]:
    """A TOML table, a JSON object, or acme=3,other=1."""
    if isinstance(raw, str):
        text = raw.strip()
        pairs = (part.split("=") for part in text.split(",") if part.strip())
        raw = json.loads(text) if text.startswith("{") else {name.strip(): value for name, value in pairs}
    return {str(name): value for name, value in raw.items()}


def _weights(raw: Any) -> Mapping[str, float]:
    weights = {name: _decimal(weight) for name, weight in _table(raw).items()}
    if any(weight <= 0 for weight in weights.values()):
        raise ValueError
    return types.MappingProxyType(weights)


def _shares(raw: Any) -> Mapping[str, float]:
    shares = {name: _decimal(share) for name, share in _table(raw).items()}
    if any(not 0 <= share <= 1 for share in shares.values()):
        raise ValueError
    return types.MappingProxyType(shares)


def _prices(raw: Any) -> Mapping[str, tuple[float, float]]:
    prices = {}
    for model, price in _table(raw).items():
        dollars_in, dollars_out = map(_decimal, price.split("/"))
        if not model or dollars_in < 0 or dollars_out < 0:
            raise ValueError
        prices[model] = (dollars_in, dollars_out)
    return types.MappingProxyType(prices)


def _names(raw: Any) -> tuple[str, ...]:
    """A TOML list, or a,b,c."""
    names = tuple(map(_string, raw.split(",") if isinstance(raw, str) else raw))
    if names == ("",):
        return ()
    # Nobody is to tell A from a, and filters of words do not.
    differ = len({name.lower() for name in names}) == len(names)
    if not differ or not all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{0,39}", name) for name in names):
        raise ValueError
    return names


_KINDS: dict[type | str, tuple[Callable[[Any], Any], str]] = {
    str: (_string, "text"),
    int: (_integer, "a whole number"),
    float: (_decimal, "a number"),
    "zones": (_names, "different names of letters and digits, as A,B,C"),
    "tenant_weights": (_weights, "names with weights above 0, as acme=3,other=1"),
    "sim_success": (_shares, "agent/word with a share from 0 (never succeeds) to 1, as coder/sql=0.9,coder/css=0"),
    "model_prices": (_prices, "models with input/output dollars per million tokens, as claude-x=1/5,claude-y=3/15"),
}
"""How a value is read, and the words for it: by type, by name where the type does not say enough."""


def _text(value: Any) -> str:
    """As the environment would hold it."""
    if isinstance(value, tuple):
        return ",".join(value)
    if not isinstance(value, Mapping):
        return str(value)
    return json.dumps({name: "{}/{}".format(*v) if isinstance(v, tuple) else v for name, v in value.items()})


def _check_together(settings: Settings) -> None:
    """What no single setting can say of itself."""
    if settings.kafka_security_protocol.startswith("SASL_") and not settings.kafka_sasl_mechanism:
        raise BadSettings(
            f"kafka_security_protocol = {settings.kafka_security_protocol} needs kafka_sasl_mechanism; "
            f"it takes one of {', '.join(SASL_MECHANISMS[1:])}"
        )
    if settings.kafka_security_protocol != "PLAINTEXT" and not settings.kafka_bootstrap:
        raise BadSettings(
            f"kafka_security_protocol = {settings.kafka_security_protocol} needs kafka_bootstrap: "
            "the local broker speaks PLAINTEXT only"
        )
    if settings.zone and settings.zone not in settings.zones:
        raise BadSettings(
            f"zone = {settings.zone} is not accepted with zones = {','.join(settings.zones) or '(none)'}; "
            "it takes one of them"
        )
    try:
        calendar(settings.calendar, settings.calendar_timezone)
    except BadTime as error:
        raise BadSettings(f"calendar = {settings.calendar} is not accepted: {error}") from None
    for least, most in (("instances_min", "instances_max"), ("fleet_min", "fleet_max")):
        low, high = getattr(settings, least), getattr(settings, most)
        if low > high:
            raise BadSettings(f"{least} = {low} is not accepted with {most} = {high}; it takes at most that")
    if settings.heartbeat_s * 3 > settings.lease_s:
        raise BadSettings(
            f"heartbeat_s = {settings.heartbeat_s} is not accepted with lease_s = {settings.lease_s}; "
            "it takes at most a third of it, so that two lost heartbeats do not free a slot"
        )
    if settings.orchestrator_heartbeat_s * 3 > settings.orchestrator_failover_s:
        raise BadSettings(
            f"orchestrator_heartbeat_s = {settings.orchestrator_heartbeat_s} is not accepted with "
            f"orchestrator_failover_s = {settings.orchestrator_failover_s}; "
            "it takes at most a third of it, so that two lost heartbeats do not free a session"
        )
