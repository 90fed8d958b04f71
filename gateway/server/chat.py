"""The chat: one conversation over a WebSocket. Messages in, and everything that comes of them as it happens.

The connection is one of live progress (`gateway.live`), with its limits and resume tokens. It differs in two things:
what may be asked (`Talk`), and what is shown first: the conversation as of a place in the topics, after which the live
messages go on, so that nothing lies between and nothing comes twice.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import structlog
from aiohttp import web

from gateway.errors import BadInput
from gateway.live.connections import House, MakeSocket, Socket, WebSocket
from gateway.live.connections import Principal as Guest
from gateway.live.hub import Hub
from gateway.live.limits import LEAVING, NOT_READY
from gateway.live.messages import Key
from gateway.live.parcel import parcel
from gateway.live.protocol import Action, Aside, Conversation, Refused, Say
from gateway.sending import now_us
from gateway.server import conversations, feedback, lookup
from gateway.server.principal import Principal
from gateway.server.problems import Problem, closed, problem_of
from gateway.server.services import Services
from gateway.server.shapes import Schema, problems, record, text
from gateway.submission import name_of
from schemas.events import TaskCommand

ASIDES_MAX = 20
"""What one connection may have asked for and not been answered."""

READY_S = 10.0
"""How long the memory may take to come to where live progress is: at the start of a gateway it reads everything."""

KEY_CHARS_MAX = 200

_TASK = text("The task.", minLength=1, maxLength=200)
_ASKS: dict[str, Schema] = {
    "message": record(
        "",
        {**conversations.MESSAGE, "key": text("", minLength=1, maxLength=KEY_CHARS_MAX)},
        optional=("agent_id", "skill", "model"),
    ),
    "stop": record("", {"task_id": _TASK}),
    "feedback": record("", {"task_id": _TASK, **feedback.SAID["properties"]}, optional=("score", "comment")),
}
_REF = ("action", "ref")

log = structlog.get_logger()


@dataclass(slots=True)
class Talk(Conversation):
    """What a client of the chat may say: a state machine as that of live progress, with other words."""

    conversation_id: str = ""
    may_write: bool = False
    is_open: bool = False

    def _done(self, said: dict[str, Any], ref: str | None) -> Iterator[Action]:
        action = said.get("action")
        if action == "ping":
            yield Say("pong", {"ref": ref})
        elif action == "presence":
            yield self._presence({**said, "session_id": self.conversation_id})
        elif action == "open":
            token = said.get("token")
            if token is not None and not isinstance(token, str):
                raise Refused("token is a text: the newest one that you were sent, or leave it out.")
            if self.is_open:
                raise Refused("The conversation is open already: connect anew to resume.")
            self.is_open = True
            yield Aside("open", {"token": token}, ref)
        elif isinstance(action, str) and action in _ASKS:
            yield Aside(action, self._asked(action, said), ref)
        else:
            raise Refused("action is one of open, message, stop, feedback, presence, ping.")

    def _asked(self, action: str, said: dict[str, Any]) -> dict[str, Any]:
        if not self.is_open:
            raise Refused('Open the conversation first: {"action": "open"}.')
        if not self.may_write:
            raise Refused("This takes a token of role submitter; yours may only look.")
        asked = {name: value for name, value in said.items() if name not in _REF}
        for problem in problems(_ASKS[action], asked, {}):
            raise Refused(closed(problem))
        return asked


class ChatSocket(WebSocket):
    __slots__ = ("_asides", "_key", "_services", "_talk", "_who", "_working", "conversation_id")

    def __init__(
        self,
        house: House,
        guest: Guest,
        transport: asyncio.Transport,
        ws: Socket,
        services: Services,
        who: Principal,
        conversation_id: str,
    ) -> None:
        super().__init__(house, guest, transport, ws)
        self.tenant = who.tenant_id  # an admin, too, talks in its own tenant
        self.conversation = self._talk = Talk(
            house.limits,
            who.tenant_id,
            who.expires_at,
            self.conversation.heard_at,
            conversation_id=conversation_id,
            may_write=who.may("submitter"),
        )
        self.conversation_id = conversation_id
        self._services = services
        self._who = who
        self._key: Key = ("session", who.tenant_id, conversation_id)
        self._asides: deque[Aside] = deque()
        self._working: asyncio.Task[None] | None = None

    def aside(self, action: Aside) -> None:
        if len(self._asides) >= ASIDES_MAX:
            reason = "Too much at once: wait for the answers to what you asked for."
            self.do(self.conversation.refuse(reason, action.ref))
            return
        self._asides.append(action)
        if self._working is None or self._working.done():
            self._working = asyncio.ensure_future(self._work())

    def shows_itself(self) -> bool:
        """After a gap; and when it read so slowly that it never saw the beginning."""
        self._asides.appendleft(Aside("show", {}, None))
        if self._working is None or self._working.done():
            self._working = asyncio.ensure_future(self._work())
        return True

    async def _work(self) -> None:
        """One thing after the other: messages are handed in in the order in which they were said."""
        while self._asides and not self.is_closing:
            aside = self._asides.popleft()
            try:
                await self._DOES[aside.action](self, aside)
            except Exception as error:
                if aside.action == "open":
                    self._talk.is_open = False  # so that it may be tried again
                known = problem_of(error)
                retry = {"retry_after": known.retry_after_s} if known is not None and known.retry_after_s else {}
                self._say("error", reason=self._reason(error), ref=aside.ref, **retry)

    def _reason(self, error: Exception) -> str:
        known = problem_of(error)
        if known is not None:
            return known.detail
        incident = secrets.token_hex(4)
        log.error("a chat failed", incident=incident, exc_info=error)
        return f"This is a mistake of ours; the gateway's log tells more about incident {incident}."

    def _say(self, event: str, **data: Any) -> None:
        self.answer(parcel(event, data, at_us=now_us(), session_id=self.conversation_id))

    def _hub(self) -> Hub:
        if self.house.hub is None:
            raise Problem(503, "The gateway reads the topics anew; try again.", retry_after_s=1)
        return self.house.hub

    async def _open(self, aside: Aside) -> None:
        token = aside.said["token"]
        if token is None:
            await self._show(aside)
        else:
            self._hub().subscribe(self, (self._key,), token)

    async def _show(self, _aside: Aside) -> None:
        hub = self._hub()
        layout, places = hub.layout, list(hub.places)
        if not await conversations.reached(self._services, layout, places, READY_S):
            self.close(NOT_READY)
            return
        shown = await conversations.conversation(
            self._services, self._who.tenant_id, self.conversation_id, taken=conversations.before(layout, places)
        )
        if self.house.hub is not hub:
            self.close(LEAVING)
        elif not self.is_closing:
            token = layout.token(places)
            self.show(parcel("conversation", shown, at_us=now_us(), token=token, session_id=self.conversation_id))
            hub.follow(self, (self._key,), places)

    async def _message(self, aside: Aside) -> None:
        key = aside.said["key"]
        told = await conversations.say(self._services, self.house.hub, self._who, self.conversation_id, aside.said, key)
        self._say("accepted", ref=aside.ref, key=key, task_id=told["task_id"], repeated=told["repeated"])

    async def _stop(self, aside: Aside) -> None:
        task = await self._task(aside.said["task_id"])
        task_id, at = task.row["task_id"], now_us()
        told = self._hub().tasks.said_in(self._who.tenant_id, self.conversation_id)
        if task.ended or any(known.ended for known in told if known.task_id == task_id):
            raise Problem(409, "The task has ended already; nothing is left to stop.")
        await self._services.outbox.command(
            TaskCommand(
                event_id=f"{task_id}/cancel/{at}", task_id=task_id, kind="cancel", at=at, by=self._who.name, reason=""
            )
        )

    async def _feedback(self, aside: Aside) -> None:
        task_id = aside.said["task_id"]
        await self._task(task_id)
        task = await feedback.answered(self._services, self._who, task_id)
        await feedback.give(self._services, self._who, task.row, aside.said)

    async def _task(self, task_id: str) -> lookup.Found:
        """One of this conversation; of any other it is not told whether there is one."""
        found = await lookup.find(self._services, self._who, task_id)
        if (found.row["tenant_id"], found.row["session_id"]) != (self._who.tenant_id, self.conversation_id):
            raise Problem(404, "There is no task of this id; GET /api/tasks lists those there are.")
        return found

    _DOES: ClassVar[dict[str, Callable[["ChatSocket", Aside], Awaitable[None]]]] = {
        "open": _open,
        "show": _show,
        "message": _message,
        "stop": _stop,
        "feedback": _feedback,
    }


def conversation_id_of(request: web.Request) -> str:
    """Raises Problem."""
    try:
        return name_of(request.match_info["conversation_id"])
    except ValueError as accepted:
        raise BadInput(f"A conversation's id is {accepted}.") from None


def socket_of(services: Services, who: Principal, conversation_id: str) -> MakeSocket:
    return partial(ChatSocket, services=services, who=who, conversation_id=conversation_id)
