"""Questions to the gateway while a screen is shown: short, none of them waited for by the person."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from gateway.cli import door
from gateway.cli.screen.link import Link
from infra.settings import Settings

ANSWER_S = 2.0

AWAY = (aiohttp.ClientError, OSError, TimeoutError, ValueError, KeyError)
"""It is away, starts again, or something else answers: to be asked again."""


class Asking:
    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings, self._http = settings, http

    async def get(self, path: str, **query: str | int) -> Any:
        """Raises one of AWAY; or GatewayError, when it would be the same the next time."""
        async with self._http.get(path, params=query) as answer:
            if answer.status in (401, 403):
                raise door.refused(self._settings, answer.status, (await answer.json())["detail"])
            answer.raise_for_status()
            return await answer.json()

    async def health(self, link: Link) -> None:
        link.answers = False
        found = await self.get("/healthz")
        link.answers, link.caught_up, link.as_of = True, found["state"] == "ready", found["as_of"]

    async def tasks(self, pages_max: int, page: int, **wanted: str | int) -> tuple[list[Mapping[str, Any]], bool, int]:
        """The newest tasks that are wanted, whether they are all, and up to when the gateway knew everything."""
        rows: list[Mapping[str, Any]] = []
        for _ in range(pages_max):
            found = await self.get("/api/tasks", limit=page, **wanted)
            rows += found["tasks"]
            if found["next"] is None:
                return rows, True, found["as_of"]
            wanted["cursor"] = found["next"]
        return rows, False, found["as_of"]


@asynccontextmanager
async def asking(settings: Settings, token: str) -> AsyncIterator[Asking]:
    headers, timeout = {"Authorization": f"Bearer {token}"}, aiohttp.ClientTimeout(ANSWER_S)
    async with aiohttp.ClientSession(settings.gateway, headers=headers, timeout=timeout) as http:
        yield Asking(settings, http)
