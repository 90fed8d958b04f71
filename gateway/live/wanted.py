"""Whether a message is one that a client has asked for. Pure."""

from collections.abc import Iterable

from gateway.live.messages import ALL_TENANTS, Key


class Wanted:
    """Keys of one client, looked up faster than one by one: a resume asks about each of thousands of messages."""

    __slots__ = ("_agents", "_all", "_sessions", "_tasks", "_tenant", "_tenants")

    def __init__(self, keys: Iterable[Key]) -> None:
        named: dict[str, set[str]] = {"session": set(), "task": set(), "agent": set(), "tenant": set()}
        self._tenant: str | None = None
        for kind, tenant, name in keys:
            named[kind].add(name)
            self._tenant = tenant  # the same in all of them: it is the client's
        self._sessions, self._tasks, self._agents, self._tenants = named.values()
        self._all = ALL_TENANTS in self._tenants

    def takes(self, tenant_id: str, session_id: str, task_id: str, agent_id: str | None) -> bool:
        if self._tenant is not None and self._tenant != tenant_id:
            return False
        return (
            self._all
            or session_id in self._sessions
            or task_id in self._tasks
            or tenant_id in self._tenants
            or agent_id in self._agents
        )
