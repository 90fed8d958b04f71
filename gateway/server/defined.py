"""What files define, by HTTP: told as a file, checked, changed and taken out; the same for agents, skills, notes, rules
and schedules."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway import defining
from gateway.errors import GatewayError
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.problems import Problem, closed, sentence
from gateway.server.services import Services
from gateway.server.shapes import Schema, example, fields, many, or_null, problems, record, ref, text, whole
from infra.definitions import Kind
from infra.front_matter import BadFile

READ_BACK_S = 3.0
"""How long a change may take to come back from its topic until it is answered all the same."""

_MARKDOWN = text(
    "Its file: front matter and text, as docs/agents.md, skills.md, knowledge.md, alerts.md and schedules.md tell.",
    maxLength=300_000,
)
_SEEN = whole("`updated_at` as it was when you looked: who changed it since then is not overwritten.", minimum=0)
STAYS = or_null(text("Why an admin cannot take it out; null: it can be tried."))
_FILE = record("The file.", {"markdown": _MARKDOWN, "updated_at": _SEEN}, optional=("updated_at",))


@dataclass(frozen=True)
class Defined:
    """One kind of definitions as the API has it."""

    kind: Kind[Any]
    folder: str
    """Of the event's schema."""
    part: str
    """Name of its schema in the document."""
    published: Callable[[Services], Mapping[str, Any]]

    @property
    def key(self) -> str:
        return self.kind.key

    @property
    def what(self) -> str:
        return self.kind.form.what

    def known(self, call: Call) -> Any:
        """The one that is asked about. Raises Problem."""
        found = self.published(call.services).get(call.given[self.key])
        if found is None:
            raise Problem(404, f"There is no {self.what} of this name; GET /api/{self.kind.plural} lists them.")
        return found

    async def stays(self, call: Call) -> str | None:
        """Why the one that is asked about cannot be taken out; null to those who may not try, and when it can."""
        if not call.principal.may("admin"):
            return None
        try:
            return await call.services.slow(defining.why_stays, self.kind, call.services.settings, self.known(call))
        except GatewayError as error:
            return closed(str(error))

    async def markdown(self, call: Call) -> Reply:
        services = call.services
        return Reply(await services.slow(defining.file_text, self.kind, services.settings, self.known(call)))

    async def check(self, call: Call) -> Reply:
        try:
            definition = defining.checked(self.kind, call.body.get(self.key, self.what), call.body["markdown"])
        except BadFile as error:
            return Reply({"definition": None, "problems": [{"line": error.line, "said": error.said}]})
        return Reply({"definition": definition, "problems": []})

    async def define(self, call: Call) -> Reply:
        services, name, body = call.services, call.given[self.key], call.body
        is_file = isinstance(body, dict) and "markdown" in body
        for problem in problems(_FILE if is_file else self._fields, body, services.parts):
            raise Problem(400, closed(problem))
        body = dict(body)
        known = self.published(services).get(name)
        seen = body.pop("updated_at", None)
        if seen is not None and seen != (known["updated_at"] if known else 0):
            raise Problem(
                409, f"Somebody else has changed this {self.what} meanwhile: look at it again, then send yours anew."
            )
        if body.pop(self.key, name) != name:
            raise Problem(
                400, f"{self.key} is another than that of the address; {defining.an(self.what)} keeps its name."
            )
        body.pop("removed", None)
        try:
            text_of = body["markdown"] if is_file else defining.markdown_of(self.kind, body)
            made = await services.slow(defining.define, self.kind, services.settings, known, name, text_of)
        except BadFile as error:
            where = f"line {error.line}: " if error.line is not None and is_file else ""
            line = {"line": error.line} if where else {}
            raise Problem(400, sentence(where + error.said), **line) from error
        return Reply(await self.followed(services, name, lambda now: now is not None and _same(now, made)))

    async def remove(self, call: Call) -> Reply:
        services, known = call.services, self.known(call)
        gone = await services.slow(defining.remove, self.kind, services.settings, known)
        name = known[self.key]
        now = await self.followed(services, name, lambda now: (now is None) if gone else now is not known)
        return Reply({self.key: name, "definition": now})

    async def followed(self, services: Services, name: str, so: Callable[[Any], bool]) -> Any:
        """What is known once a change has been read back, so that whoever made it sees it at the next look."""
        until = time.monotonic() + READ_BACK_S
        while not so(self.published(services).get(name)) and time.monotonic() < until:  # noqa: ASYNC110  a thread
            await asyncio.sleep(0.01)
        return self.published(services).get(name)

    # --- the declarations

    @property
    def _fields(self) -> Schema:
        form = self.kind.form
        own = (*form.fields, *([form.body] if form.body else []), self.key, "removed")
        return record(
            "The fields; what is left out or null is up to the line.",
            {name: or_null(_sayable(schema)) for name, schema in fields(self.folder, *own).items()}
            | {"updated_at": _SEEN},
            optional=(*own, "updated_at"),
        )

    def example_file(self) -> str:
        return defining.markdown_of(self.kind, example(self.folder))

    @property
    def named(self) -> Parameter:
        """The name in an address."""
        return Parameter(
            self.key, "path", text(f"name of the {self.what}", maxLength=200), example(self.folder)[self.key]
        )

    def routes(
        self,
        some_fields: Mapping[str, Any],
        remove: Callable[[Call], Awaitable[Reply]] | None = None,
        gone: Mapping[str, Schema] | None = None,
        gone_example: Mapping[str, Any] | None = None,
    ) -> list[Route]:
        """Check, define, remove and the file. `remove` answers more than this one: the fields of `gone`."""
        new = Parameter(
            self.key,
            "path",
            text(
                f"{defining.an(self.what)}'s id, which is {self.kind.form.id_accepted}",
                pattern=f"^(?:{self.kind.form.id.pattern})$",
            ),
            self.named.example,
        )
        an, base = defining.an(self.what), f"/api/{self.kind.plural}"
        address = f"{base}/{{{self.key}}}"
        return [
            self._check_route(an, base),
            Route(
                "PUT",
                address,
                self.define,
                "admin",
                f"Define {an}, or change it",
                answer=ref(self.part),
                example=lambda: example(self.folder),
                doc="It works as soon as the line has read it, within seconds. The file is kept in the state folder, "
                f"or where `{self.kind.setting}` has one of this name, so that it is there after the next start.",
                parameters=[new],
                body={"anyOf": [_FILE, self._fields]},
                body_checked_by_handler=True,
                body_examples=lambda: {"fields": dict(some_fields), "a file": {"markdown": self.example_file()}},
                errors=(409,),
            ),
            Route(
                "DELETE",
                address,
                remove or self.remove,
                "admin",
                f"Take {an} out",
                answer=record("It is gone.", self._gone | dict(gone or {})),
                example=lambda: {self.key: self.named.example, "definition": None} | dict(gone_example or {}),
                doc=f"For those that were made here; as `headway {self.kind.commands} remove`.",
                parameters=[self.named],
                errors=(404, 409),
            ),
            Route(
                "GET",
                f"{address}/markdown",
                self.markdown,
                "admin",
                f"Tell the definition of {an} as a file",
                answer=text("Front matter and text."),
                example=self.example_file,
                parameters=[self.named],
                errors=(404,),
                media_type="text/markdown",
            ),
        ]

    @property
    def _gone(self) -> dict[str, Schema]:
        return {
            self.key: text("Its name."),
            "definition": {
                "anyOf": [ref(self.part), {"type": "null"}],
                "description": "What works under this name again, where one is shipped; null: nothing.",
            },
        }

    def _check_route(self, an: str, base: str) -> Route:
        line = or_null(whole("Line of the file, from 1; null: the file as a whole."))
        problem = record("A problem.", {"line": line, "said": text("What is wrong, and what is accepted.")})
        return Route(
            "POST",
            f"{base}/check",
            self.check,
            "admin",
            f"Tell what the file of {an} defines, or what is wrong with it, without keeping it",
            answer=record(
                "The definition, or the problem.",
                {
                    "definition": {"anyOf": [ref(self.part), {"type": "null"}]},
                    "problems": many(problem, "None: it can be used."),
                },
            ),
            example=lambda: {"definition": {**example(self.folder), "updated_at": 0}, "problems": []},
            body=record(
                "The file.", {"markdown": _MARKDOWN, self.key: text("Its name.", maxLength=63)}, optional=(self.key,)
            ),
            body_examples=lambda: {"a file": {"markdown": self.example_file()}},
        )


def _sayable(schema: Schema) -> Schema:
    """A field without the word that stands, in an event, for a word that is newer than its reader."""
    return schema | {"enum": [word for word in schema["enum"] if word != "unknown"]} if "enum" in schema else schema


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return {**one, "updated_at": 0} == {**other, "updated_at": 0}
