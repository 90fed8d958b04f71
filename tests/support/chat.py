"""A client of the chat that keeps what it heard, and puts the answers together as a page does."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.support.gateway import Gateway

ENDS = ("task_completed", "task_failed", "task_cancelled")


class Chat:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.heard: list[dict[str, Any]] = []
        self.turns: dict[str, dict[str, Any]] = {}
        """By task: as shown, and gone on with."""
        self.token: str | None = None

    async def say(self, action: str, **more: Any) -> None:
        await self._socket.send_json({"action": action, **more})

    async def raw(self, text: str) -> None:
        await self._socket.send_str(text)

    async def hear(self, *events: str, timeout_s: float = 15.0, **data: Any) -> dict[str, Any]:
        """The next message of one of these names, with these values in its data."""
        async with asyncio.timeout(timeout_s):
            while True:
                frame = await self._socket.receive()
                assert frame.type is aiohttp.WSMsgType.TEXT, (frame, self._socket.close_code, events)
                message: dict[str, Any] = json.loads(frame.data)
                self._take(message)
                named = not events or message["event"] in events
                if named and all(message["data"].get(name) == value for name, value in data.items()):
                    return message

    async def open(self, token: str | None = None) -> dict[str, Any]:
        await self.say("open", token=token)
        return await self.hear("resumed", "gap") if token else await self.hear("conversation")

    async def message(self, text: str, key: str | None = None, **more: Any) -> str:
        """The id of the task that it became."""
        key = key or uuid.uuid4().hex
        await self.say("message", text=text, key=key, **more)
        return str((await self.hear("accepted", key=key))["data"]["task_id"])

    async def submitted(self, task_id: str) -> dict[str, Any]:
        """What everybody hears of a message; it may come before `accepted`."""
        told = [m for m in self.heard if m["event"] == "task_submitted" and m["data"]["task_id"] == task_id]
        return told[0] if told else await self.hear("task_submitted", task_id=task_id)

    async def answered(self, task_id: str, timeout_s: float = 30.0) -> dict[str, Any]:
        """How a task ended; what was missed comes before `resumed`, so that may have been heard already."""
        told = [m for m in self.heard if m["event"] in ENDS and m["data"]["task_id"] == task_id]
        return told[-1] if told else await self.hear(*ENDS, task_id=task_id, timeout_s=timeout_s)

    async def refused(self) -> str:
        return str((await self.hear("error"))["data"]["reason"])

    async def close_code(self) -> int | None:
        async with asyncio.timeout(15):
            while (await self._socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        return self._socket.close_code

    def _take(self, message: dict[str, Any]) -> None:
        self.heard.append(message)
        self.token = message["token"] or self.token
        event, data = message["event"], message["data"]
        if event == "conversation":
            self.turns = {turn["task_id"]: turn for turn in data["turns"]}
        elif event == "task_submitted":
            assert data["task_id"] not in self.turns, "told twice"
            self.turns[data["task_id"]] = {"text": data["text"], "attempt": 0, "sequence": -1, "answer": ""}
        elif event == "progress_update" and data["kind"] == "text":
            self._add(self.turns[data["task_id"]], data)
        elif event in ENDS:
            turn = self.turns[data["task_id"]]
            assert turn.get("finished_at") is None, "ended twice"
            turn |= {"finished_at": data["finished_at"], "streamed": turn["answer"], "state": data["status"]}
            turn["answer"] = data["output"] or turn["answer"]

    def _add(self, turn: dict[str, Any], piece: dict[str, Any]) -> None:
        if piece["attempt"] > turn["attempt"]:
            turn |= {"attempt": piece["attempt"], "answer": "", "sequence": -1}
        assert piece["sequence"] > turn["sequence"], "a piece came twice"
        turn["answer"] += piece["message"]
        turn["sequence"] = piece["sequence"]


@asynccontextmanager
async def chatting(gateway: Gateway, conversation_id: str, token: str | None = None) -> AsyncIterator[Chat]:
    """`token`: of access; one of a submitter of tenant default, without."""
    access = token or gateway.token()
    url = f"http://127.0.0.1:{gateway.port}/ws/chat/{conversation_id}"
    protocols = ("headway.live", f"headway.token.{access}")
    async with aiohttp.ClientSession() as http, http.ws_connect(url, protocols=protocols) as socket:
        yield Chat(socket)
