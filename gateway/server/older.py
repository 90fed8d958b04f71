"""Tasks that are older than the memory: looked up in the warehouse, where there is one."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from gateway.asking import Asker
from gateway.listing import STATUSES, WENT_WRONG
from gateway.record import Record
from gateway.server.recent import CHAT, SHOWN, TEXT_CHARS
from gateway.server.shapes import Schema, event
from gateway.turns import TITLE_CHARS, turn_of
from infra.settings import Settings
from infra.warehouse.tables import tables

STORY = (
    "task_submitted",
    "routing_decision",
    "task_assigned",
    "task_progress",
    "task_result",
    "evaluation",
    "task_command",
    "task_moved",
    "dead_letter",
    "task_outcome",
    "feedback_given",
)
"""Tables with events about a task."""

TURN = ("task_submitted", "routing_decision", "task_outcome", "feedback_given")
"""Those that a turn of a conversation is told from, once it has ended."""

_TIMES = ("submitted_at", "started_at", "finished_at")
_OF_VIEW = {
    "state": "toString(status)",
    "text": f"substringUTF8(text, 1, {TEXT_CHARS})",
    "attempts": "coalesce(attempts, 0)",
    "cost_usd_micros": "toInt64(round(coalesce(cost_usd, 0) * 1000000))",
    **{name: f"toUnixTimestamp64Micro({name})" for name in _TIMES},
}
_COLUMNS = ", ".join(f"{_OF_VIEW.get(name, 't.' + name)} AS {name}_" for name in SHOWN)
_FILTERS = {
    "state": "toString(status) = {state:String}",
    "agent": "agent_id = {agent:String}",
    "skill": "skill = {skill:String}",
    "tenant": "tenant_id = {tenant:String}",
    "session": "session_id = {session:String}",
    "parent": "parent_id = {parent:String}",
    "priority": "priority = {priority:Int32}",
    "cost_min": "round(coalesce(cost_usd, 0) * 1000000) >= {cost_min:Int64}",
    "since": "submitted_at >= fromUnixTimestamp64Micro({since:Int64})",
    "until": "submitted_at < fromUnixTimestamp64Micro({until:Int64})",
    "text": "positionCaseInsensitiveUTF8(text, {text:String}) > 0",
}
"""What a list may be asked for, in SQL."""
_WENT_WRONG = f"toString(status) IN ({', '.join(repr(status) for status in WENT_WRONG)})"


class Older:
    """One connection, asked in a thread of its own. Raises Unreachable, WarehouseDown."""

    def __init__(self, settings: Settings) -> None:
        self.there = bool(settings.sinks or settings.clickhouse_url)
        """Whether this line has a warehouse."""
        self._asker = Asker(settings)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="older")

    def close(self) -> None:
        self._thread.shutdown()

    async def page(self, wanted: Mapping[str, Any], before: tuple[int, str] | None, count: int) -> list[dict[str, Any]]:
        """Tasks as a list shows them, newest first."""
        conditions = [_FILTERS[name] for name in wanted]
        values = dict(wanted)
        if wanted.get("state") not in (None, "open", "went_wrong", *STATUSES):
            return []  # only the memory knows the phases of open tasks
        if wanted.get("state") == "went_wrong":
            conditions[list(wanted).index("state")] = _WENT_WRONG
            del values["state"]
        if before is not None:
            conditions.append("(submitted_at, task_id) < (fromUnixTimestamp64Micro({at:Int64}), {id:String})")
            values |= {"at": before[0], "id": before[1]}
        where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
        sql = f"SELECT {_COLUMNS} FROM task AS t {where}ORDER BY submitted_at DESC, task_id DESC LIMIT {int(count)}"
        return await self._rows(sql, values)

    async def find(self, task_id: str, tenant: str | None) -> dict[str, Any] | None:
        """The task of this id, among those of a tenant; null: of all."""
        condition = " AND tenant_id = {tenant:String}" if tenant is not None else ""
        sql = f"SELECT {_COLUMNS} FROM task AS t WHERE task_id = {{id:String}}{condition} ORDER BY submitted_at LIMIT 1"
        found = await self._rows(sql, {"id": task_id} | ({"tenant": tenant} if tenant is not None else {}))
        return found[0] if found else None

    async def children(self, task_id: str) -> dict[str, str]:
        sql = "SELECT task_id, toString(status) AS status FROM task WHERE parent_id = {id:String} LIMIT 1000"
        return {str(row["task_id"]): str(row["status"]) for row in await self._asked(sql, {"id": task_id})}

    async def turns(
        self, tenant: str, session: str, before: tuple[int, str] | None, count: int
    ) -> list[dict[str, Any]]:
        """Turns of a conversation, newest first."""
        conditions = "tenant_id = {tenant:String} AND session_id = {session:String} AND parent_id IS NULL"
        values: dict[str, Any] = {"tenant": tenant, "session": session}
        if before is not None:
            conditions += " AND (submitted_at, task_id) < (fromUnixTimestamp64Micro({at:Int64}), {id:String})"
            values |= {"at": before[0], "id": before[1]}
        sql = f"SELECT task_id FROM task WHERE {conditions} ORDER BY submitted_at DESC, task_id DESC LIMIT {int(count)}"
        ids = [str(row["task_id"]) for row in await self._asked(sql, values)]
        records = await self._records_of(tenant, ids)
        return [turn_of(task_id, records[task_id]) for task_id in ids]

    async def conversations(self, tenant: str, before: tuple[int, str] | None, count: int) -> list[dict[str, Any]]:
        """Those of a tenant in which something was said, the one with the newest message first."""
        values: dict[str, Any] = {"tenant": tenant}
        having = ""
        if before is not None:
            having = "HAVING (newest, session_id) < (fromUnixTimestamp64Micro({at:Int64}), {id:String}) "
            values |= {"at": before[0], "id": before[1]}
        sql = (
            f"SELECT session_id, argMin(substringUTF8(text, 1, {TITLE_CHARS}), submitted_at) AS title, "
            "count() AS turns, max(submitted_at) AS newest, toUnixTimestamp64Micro(min(submitted_at)) AS started_at, "
            "toUnixTimestamp64Micro(max(submitted_at)) AS newest_at, countIf(toString(status) = 'open') AS open "
            "FROM task WHERE tenant_id = {tenant:String} AND parent_id IS NULL AND session_id != task_id "
            "AND session_id IN (SELECT session_id FROM task_submitted "
            f"WHERE tenant_id = {{tenant:String}} AND (notEmpty(conversation) OR startsWith(session_id, '{CHAT}'))) "
            f"GROUP BY session_id {having}ORDER BY newest DESC, session_id DESC LIMIT {int(count)}"
        )
        names = ("title", "turns", "started_at", "newest_at", "open")
        return [
            {"conversation_id": row["session_id"], **{name: row[name] for name in names}}
            for row in await self._asked(sql, values)
        ]

    async def _records_of(self, tenant: str, ids: Sequence[str]) -> dict[str, list[Record]]:
        """What a turn is told from, of several tasks at once; without what was streamed."""
        found: dict[str, list[Record]] = {task_id: [] for task_id in ids}
        values = {"tenant": tenant} | {f"id{n}": task_id for n, task_id in enumerate(ids)}
        those = ", ".join(f"{{id{n}:String}}" for n in range(len(ids)))
        for folder in TURN if ids else ():
            names = ", ".join(event(folder)["properties"])
            sql = (
                f"SELECT _topic, _partition, _offset, {names} FROM {folder} "
                f"WHERE tenant_id = {{tenant:String}} AND task_id IN ({those}) LIMIT {len(ids) * 100}"
            )
            for fields in await self._asked(sql, values):
                record = _record(folder, fields)
                found[record.event["task_id"]].append(record)
        return found

    async def records(self, row: Mapping[str, Any]) -> list[Record]:
        """Every event of a task that a table still holds."""
        found = []
        for folder in STORY:
            found += [_record(folder, fields) for fields in await self._asked(*_events_of(folder, row))]
        return found

    async def _rows(self, sql: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{name: row[name + "_"] for name in SHOWN} for row in await self._asked(sql, values)]

    async def _asked(self, sql: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        answer = await asyncio.get_running_loop().run_in_executor(
            self._thread, partial(self._asker.rows_of, sql, dict(values))
        )
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def _events_of(folder: str, row: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    names = ", ".join(event(folder)["properties"])
    own = " AND tenant_id = {tenant:String}" if "tenant_id" in event(folder)["properties"] else ""
    sql = (
        f"SELECT _topic, _partition, _offset, {names} FROM {folder} WHERE task_id = {{id:String}}{own} "
        "AND _at >= fromUnixTimestamp64Micro({since:Int64}) ORDER BY _at LIMIT 2000"
    )
    # An hour before, for the clocks of those who hand in may be wrong.
    return sql, {"id": row["task_id"], "tenant": row["tenant_id"], "since": row["submitted_at"] - 3_600_000_000}


def _record(folder: str, fields: dict[str, Any]) -> Record:
    place = (fields.pop("_topic"), fields.pop("_partition"), fields.pop("_offset"))
    return Record(*place, str(tables()[folder].event), _as_event(event(folder), fields))


def _as_event(schema: Schema, value: Any) -> Any:
    """A value of the warehouse as the event had it: times are whole microseconds there."""
    if isinstance(value, dict) and "properties" in schema:
        return {name: _as_event(schema["properties"].get(name, {}), part) for name, part in value.items()}
    if isinstance(value, list) and "items" in schema:
        return [_as_event(schema["items"], part) for part in value]
    kind = schema.get("type", ())
    if isinstance(value, str) and ("integer" in kind if isinstance(kind, list) else kind == "integer"):
        return round(datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp() * 1_000_000)
    return value
