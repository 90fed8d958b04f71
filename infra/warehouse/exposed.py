"""The tasks that took part in an experiment, and what became of them, as arrays out of the warehouse.

What is asked for is a range of Kafka's time that is over: every record of it is stored. So a range gives the same data
whenever it is asked for, and their hash says so.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from infra import kafka
from infra.settings import Settings

SETTLED_US = 15_000_000
"""After that time a record is in its topic or never will be: a transaction has 10 s."""
PATIENCE_S = 10.0
"""The sink is a second behind while the line works."""
_LOOK_S = 0.2
HISTORY_DAYS = 7
"""Before the experiment, from which covariates are taken."""
_TOPICS = ("routing.decisions", "tasks.outcomes")

_TOOK = "(toUnixTimestamp64Micro(finished_at) - toUnixTimestamp64Micro(submitted_at)) / 1000"
_KNOWN_BEFORE = {
    "complexity": "d.complexity",
    "usual_ms": "ifNull(usual.ms, nan)",
    "before_ms": "ifNull(before.ms, nan)",
}
_OUTCOME = {
    "completed": "multiIf(status = 'completed', 1, status = 'cancelled', nan, 0)",
    "routing_success": "if(status IN ('completed', 'failed', 'dead_lettered') AND empty(items), "
    "status = 'completed' AND redos = 0, nan)",
    "redone": "if(status = 'cancelled', nan, redos > 0)",
    "completion_ms": f"if(status = 'completed', {_TOOK}, nan)",
    "wait_ms": "ifNull((toUnixTimestamp64Micro(started_at) - toUnixTimestamp64Micro(submitted_at)) / 1000, nan)",
    "run_ms": "if(status = 'completed', "
    "ifNull((toUnixTimestamp64Micro(finished_at) - toUnixTimestamp64Micro(started_at)) / 1000, nan), nan)",
    "quality": "ifNull(quality, nan)",
    "attempts": "attempts",
    "cost_usd": "cost_usd_micros / 1000000",
    "tokens": "tokens_in + tokens_out",
    "priority": "priority",
}
COLUMNS = {
    "completed": "1 when the task completed, else 0; none when it was cancelled",
    "routing_success": "1 when its first answer was accepted, 0 when not or when it failed; none when never tried",
    "redone": "1 when an answer was judged too poor and done again, else 0",
    "completion_ms": "from handed in to completed [ms]",
    "wait_ms": "from handed in to the first start [ms]",
    "run_ms": "from the first start to completed [ms]",
    "quality": "quality of the accepted answer, 0 to 1",
    "attempts": "attempts it took",
    "cost_usd": "what it cost [US dollars]",
    "tokens": "tokens bought, in and out",
    "priority": "1 (first) to 10 (last); known before",
    "complexity": "how hard it looked to the router, 0 to 1; known before",
    "usual_ms": "completion_ms usual for its kind of work in the 7 days before the experiment; known before",
    "before_ms": "the unit's own mean completion_ms in those days; known before",
    "tasks": "1 for every task: the base of a ratio",
}
"""What a metric or covariate of an experiment can be, one value a task."""


@dataclass(frozen=True)
class Exposed:
    """One entry a task, in the order of decisions. Names are hashes; `arm` is -1 for one that was not asked for."""

    at: NDArray[np.int64]
    arm: NDArray[np.int64]
    unit: NDArray[np.uint64]
    propensity: NDArray[np.float64]
    columns: dict[str, NDArray[np.float64]]
    """Those that were asked for."""
    clusters: dict[str, NDArray[np.uint64]]
    """By session_id or tenant_id, when that was asked for."""
    data_hash: str


@dataclass(frozen=True)
class Asked:
    experiment: str
    arms: Sequence[str]
    unit: str
    """session, task or tenant."""
    columns: Collection[str]
    """Of COLUMNS."""
    cluster: str | None
    started_at: int
    to_at: int
    """The end of the data [µs]; they begin where the experiment did."""


def settled_until(settings: Settings, client: Client) -> int | None:
    """Up to which time [µs] everything that Kafka took is stored; waits a little for the sink, None when it is far
    behind."""
    now = time.time_ns() // 1000
    wanted = {
        (topic, partition): end for topic in _TOPICS for partition, end in kafka.ends(settings, topic).items() if end
    }
    patience_ends = time.monotonic() + PATIENCE_S
    while wanted:
        sql = "SELECT topic, partition, max(next_offset) FROM sink_position GROUP BY topic, partition"
        stored = {(topic, partition): at for topic, partition, at in client.query(sql).result_rows}
        wanted = {place: end for place, end in wanted.items() if _is_behind(settings, place, end, stored.get(place, 0))}
        if wanted and time.monotonic() > patience_ends:
            return None
        if wanted:
            time.sleep(_LOOK_S)
    return now - SETTLED_US


def _is_behind(settings: Settings, place: tuple[str, int], end: int, at: int) -> bool:
    """One offset past what is stored is the mark of a transaction; more may be marks as well."""
    return end - at > 1 and kafka.unread(settings, "headway-sink", *place, at, before=end)


def exposed(client: Client, asked: Asked) -> Exposed:
    """The tasks that were decided in the range, and of their outcomes those that came in it."""
    parameters = {
        "experiment": asked.experiment,
        "arms": list(asked.arms),
        "start": _time(asked.started_at),
        "to": _time(max(asked.to_at, asked.started_at)),
        "history": _time(asked.started_at - HISTORY_DAYS * 86_400_000_000),
    }
    seen = _rows(client, *_exposures(asked), parameters)
    later = [name for name in _OUTCOME if name in asked.columns]
    came = _rows(client, *_outcomes(later), parameters)
    by_task = _each_once(seen)
    by_time = np.argsort(seen["at"][by_task], kind="stable")
    seen_in_order = {name: seen[name][by_task[by_time]] for name in seen.dtype.names}
    columns = {name: values[by_time] for name, values in _joined(seen["task"][by_task], came, later).items()}
    columns |= {name: seen_in_order[name] for name in _KNOWN_BEFORE if name in asked.columns}
    columns |= {"tasks": np.ones(len(by_time))} if "tasks" in asked.columns else {}
    digest = sha256()
    for values in (*seen_in_order.values(), *(columns[name] for name in later)):
        digest.update(values.tobytes())
    return Exposed(
        seen_in_order["at"],
        seen_in_order["arm"],
        seen_in_order["unit"],
        seen_in_order["propensity"],
        columns,
        {asked.cluster: seen_in_order["cluster"]} if asked.cluster else {},
        digest.hexdigest(),
    )


def _joined(tasks: NDArray[np.uint64], came: Any, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """What became of each task, which come in order; NaN where nothing has yet."""
    if not len(came):
        return {name: np.full(len(tasks), np.nan) for name in names}
    by_task = _each_once(came)
    known = came["task"][by_task]
    place = np.minimum(np.searchsorted(known, tasks), len(known) - 1)
    has_one, row = known[place] == tasks, by_task[place]
    return {name: np.where(has_one, came[name][row], np.nan) for name in names}


def _exposures(asked: Asked) -> tuple[str, dict[str, str]]:
    """The statement, and the kind of each of its columns."""
    known = {name: sql for name, sql in _KNOWN_BEFORE.items() if name in asked.columns}
    taken = {
        "task": ("<u8", "cityHash64(d.session_id, d.task_id)"),
        "at": ("<i8", "toUnixTimestamp64Micro(d.decided_at)"),
        "arm": ("<i8", "toInt64(indexOf({arms:Array(String)}, e.arm)) - 1"),
        "unit": ("<u8", "cityHash64(e.unit)"),
        "propensity": ("<f8", "e.propensity"),
        **({"cluster": ("<u8", f"cityHash64(d.{asked.cluster})")} if asked.cluster else {}),
        **{name: ("<f8", f"toFloat64({sql})") for name, sql in known.items()},
    }
    own = "tenant_id" if asked.unit == "tenant" else "session_id"
    joins = {
        "usual_ms": f"LEFT JOIN ({_before('skill')}) AS usual ON usual.own = d.skill",
        "before_ms": f"LEFT JOIN ({_before(own)}) AS before ON before.own = d.{own}",
    }
    sql = f"""
    SELECT {", ".join(f"{sql} AS {name}" for name, (_, sql) in taken.items())}
    FROM routing_decision AS d ARRAY JOIN exposures AS e
    {" ".join(join for name, join in joins.items() if name in known)}
    WHERE e.experiment = {{experiment:String}} AND _at >= {{start:DateTime64(3)}} AND _at < {{to:DateTime64(3)}}
    """
    return sql, {name: kind for name, (kind, _) in taken.items()}


def _outcomes(names: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Of all tasks: to choose here costs less than to have them chosen there."""
    sql = f"""
    SELECT cityHash64(session_id, task_id) AS task, toUnixTimestamp64Micro(finished_at) AS at,
      {", ".join(f"toFloat64({_OUTCOME[name]}) AS {name}" for name in names)}
    FROM task_outcome WHERE _at >= {{start:DateTime64(3)}} AND _at < {{to:DateTime64(3)}}
    """
    return sql, {"task": "<u8", "at": "<i8"} | dict.fromkeys(names, "<f8")


def _before(own: str) -> str:
    """What tasks took before the experiment, by one of their columns."""
    return (
        f"SELECT {own} AS own, toNullable(avg({_TOOK})) AS ms FROM task_outcome WHERE status = 'completed' "
        "AND _at >= {history:DateTime64(3)} AND _at < {start:DateTime64(3)} GROUP BY own"
    )


def _rows(client: Client, sql: str, kinds: dict[str, str], parameters: dict[str, Any]) -> Any:
    """Rows of fixed width are read as they are."""
    found = client.raw_query(sql, parameters=parameters, fmt="RowBinary")
    return np.frombuffer(found, dtype=np.dtype(list(kinds.items())))


def _each_once(rows: Any) -> NDArray[np.int64]:
    """The places of the rows in the order of their tasks; of a task that comes twice the earliest counts."""
    tasks, order = rows["task"], np.argsort(rows["task"])
    fresh = np.ones(len(rows), dtype=bool)
    fresh[1:] = np.diff(tasks[order]) > 0
    if not fresh.all():
        order = np.lexsort((rows["at"], tasks))
        fresh[1:] = np.diff(tasks[order]) > 0
    return order[fresh]


def _time(at: int) -> str:
    """As a parameter of a query, to the millisecond, which is how Kafka tells time."""
    return datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
