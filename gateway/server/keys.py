"""What was handed in lately, and idempotency keys: the task id that follows from one. Pure."""

import json
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from gateway.ids import task_id_at

KEYS = UUID("b0f2a1a5-9f0c-4d5e-8d35-6c1b8c1f6f0e")
"""Name space of task ids made from keys."""

_MADE = re.compile(r"again-([0-9a-f]{12})-[0-9a-f]{32}")

REMEMBERED_MAX = 50_000

READ_BACK_S = 5.0
"""How long a task that Kafka has confirmed may take to be read back from its topic, while Kafka answers."""


def new_key(now_us: int) -> str:
    """For whoever sends none: should Kafka not confirm, it makes the request safe to send again all the same."""
    return f"again-{now_us // 1000:012x}-{secrets.token_hex(16)}"


def task_id_of(tenant_id: str, key: str, index: int, of: str = "{key}") -> str:
    """The same key of the same tenant always means the same task; another tenant's never does. `of`: what the key is
    sent with, for the same one may come with different requests. By a key made here the id tells its time.
    """
    name = json.dumps([tenant_id, of.replace("{key}", key), index])
    made = _MADE.fullmatch(key)
    if made is None:
        return str(uuid5(KEYS, name))
    return task_id_at(int(made[1], 16), int.from_bytes(sha256(name.encode()).digest()))


class Keys:
    """What was asked for under which task id, so that a key is not used for two things."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, bytes] = OrderedDict()
        self._unread: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._under_way: dict[str, bytes] = {}

    @contextmanager
    def handing_in(self, asked: Mapping[str, Mapping[str, Any]]) -> Iterator[bool]:
        """While Kafka has not confirmed them: what is asked for under which id. False when another thing is, too."""
        digests = {task_id: _digest(one) for task_id, one in asked.items()}
        fits = all(self._under_way.get(task_id, digest) == digest for task_id, digest in digests.items())
        mine = {task_id for task_id in digests if fits and task_id not in self._under_way}
        self._under_way |= {task_id: digests[task_id] for task_id in mine}
        try:
            yield fits
        finally:
            for task_id in mine:
                del self._under_way[task_id]

    def remember(self, task_id: str, tenant_id: str, asked: Mapping[str, Any], now_s: float) -> None:
        self._asked[task_id] = _digest(asked)
        self._unread[task_id] = tenant_id, now_s
        for known in (self._asked, self._unread):
            if len(known) > REMEMBERED_MAX:
                known.popitem(last=False)

    def unread(self, task_id: str, now_s: float) -> tuple[str, float] | None:
        """Of a task handed in here that may not have been read back yet: its tenant, and how long ago that was [s]."""
        tenant_id, at = self._unread.get(task_id, ("", now_s))
        return (tenant_id, now_s - at) if task_id in self._unread else None

    def was_read(self, task_id: str) -> None:
        self._unread.pop(task_id, None)

    def same(self, task_id: str, asked: Mapping[str, Any]) -> bool | None:
        """Whether the same was asked for under this id before; null when nothing was."""
        known = self._asked.get(task_id)
        return None if known is None else known == _digest(asked)


class LastSaid:
    """The newest message that was handed in here of each conversation: the next one is to know of it."""

    def __init__(self) -> None:
        self._said: OrderedDict[tuple[str, str], str] = OrderedDict()

    def remember(self, tenant_id: str, conversation_id: str, task_id: str) -> None:
        self._said[tenant_id, conversation_id] = task_id
        self._said.move_to_end((tenant_id, conversation_id))
        if len(self._said) > REMEMBERED_MAX:
            self._said.popitem(last=False)

    def task_id(self, tenant_id: str, conversation_id: str) -> str | None:
        return self._said.get((tenant_id, conversation_id))

    def was_read(self, tenant_id: str, conversation_id: str, task_id: str) -> None:
        if self._said.get((tenant_id, conversation_id)) == task_id:
            del self._said[tenant_id, conversation_id]


def _digest(asked: Mapping[str, Any]) -> bytes:
    return sha256(json.dumps(asked, sort_keys=True).encode()).digest()
