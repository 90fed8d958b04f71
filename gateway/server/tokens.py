"""The bearer tokens: a file in the state folder that knows each by its hash only, and is of use to nobody who reads it.

A token is `hw_<id>_<secret>`. The id names it in lists and logs; the secret is 256 random bits, so that a plain SHA-256
of it cannot be turned back. The one exception is the local token, an admin's, made at the first start and kept whole,
readable by its owner alone: who can read it can read every store of the line as well.
"""

import fcntl
import hmac
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from gateway.errors import BadInput, GatewayError
from gateway.server.principal import Principal, Role
from infra.settings import Settings

LOCAL = "local"
_TOKEN = re.compile(r"hw_([0-9a-f]{8})_([A-Za-z0-9_-]{43})", re.ASCII)
_NOBODY = sha256(b"").hexdigest()
"""Compared with when no token has the id, so that the answer takes as long."""


@dataclass(frozen=True)
class Token:
    """What is kept of a token."""

    token_id: str
    name: str
    tenant_id: str
    role: Role
    digest: str
    """SHA-256 of the whole token, in hexadecimal digits."""
    created_at: int
    expires_at: int | None
    """[µs, UTC]; null: never."""

    def principal(self) -> Principal:
        is_local = self.name == LOCAL and self.role == "admin"
        return Principal(self.token_id, self.name, self.tenant_id, self.role, self.expires_at, is_local)

    def is_over(self, now_us: int) -> bool:
        return self.expires_at is not None and now_us >= self.expires_at


class Tokens:
    """The tokens of a state folder. Changes by others are seen at the next look."""

    def __init__(self, settings: Settings) -> None:
        self._file = settings.state / "tokens.json"
        self._local = settings.state / "token"
        self._known: dict[str, Token] = {}
        self._read_at: tuple[int, int] | None = None

    def all(self) -> list[Token]:
        """Oldest first."""
        self._look()
        return list(self._known.values())

    def principal_of(self, text: str, now_us: int) -> Principal | None:
        """Whom a token stands for; null when it is none of ours, or over."""
        self._look()
        shape = _TOKEN.fullmatch(text)
        token = self._known.get(shape[1]) if shape else None
        same = hmac.compare_digest(_digest(text), token.digest if token else _NOBODY)
        return token.principal() if token and same and not token.is_over(now_us) else None

    def holds(self, principal: Principal, now_us: int) -> bool:
        """Whether the token that somebody came with is neither over nor revoked: for connections that stay open."""
        self._look()
        token = self._known.get(principal.token_id)
        return token is not None and token.principal() == principal and not token.is_over(now_us)

    def create(self, name: str, tenant_id: str, role: Role, expires_at: int | None, now_us: int) -> str:
        """A new token. This is the only time that it is seen."""
        text = f"hw_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"
        token = Token(text.split("_")[1], name, tenant_id, role, _digest(text), now_us, expires_at)
        self._change(lambda known: known | {token.token_id: token})
        return text

    def revoke(self, token_id: str) -> Token:
        found: list[Token] = []

        def without(known: dict[str, Token]) -> dict[str, Token]:
            found.extend(token for token in known.values() if token.token_id == token_id)
            return {i: token for i, token in known.items() if i != token_id}

        self._change(without)
        if not found:
            raise GatewayError(f"There is no token {token_id}; `headway token list` lists them.")
        return found[0]

    def local(self, now_us: int) -> str:
        """The admin's token of this machine, made when there is none, or when it does not work any more."""
        text = self._read_local()
        if text and self.principal_of(text, now_us):
            return text
        text = self.create(LOCAL, "default", "admin", None, now_us)
        _write(self._local, text + "\n")
        return text

    def _read_local(self) -> str | None:
        try:
            return self._local.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None

    def _look(self) -> None:
        try:
            found = self._file.stat()
        except FileNotFoundError:
            self._known, self._read_at = {}, None
            return
        if self._read_at != (found.st_mtime_ns, found.st_ino):
            self._known = self._read()
            self._read_at = (found.st_mtime_ns, found.st_ino)

    def _read(self) -> dict[str, Token]:
        if not self._file.exists():
            return {}
        try:
            rows = [Token(**row) for row in json.loads(self._file.read_text(encoding="utf-8"))]
        except (ValueError, TypeError) as error:
            raise GatewayError(
                f"{self._file} is no list of tokens ({error}): move it away, and make new ones."
            ) from None
        return {token.token_id: token for token in rows}

    def _change(self, make: Callable[[dict[str, Token]], dict[str, Token]]) -> None:
        """One writer at a time; who reads sees the file before or after, never between."""
        with _alone(self._file.with_suffix(".lock")):
            tokens = make(self._read())
            _write(self._file, json.dumps([asdict(token) for token in tokens.values()], indent=1) + "\n")
        self._look()


def named(tokens: list[Token], asked: str) -> Token:
    """The token of this id, else the only one of this name."""
    found = [token for token in tokens if asked == token.token_id] or [t for t in tokens if asked == t.name]
    if len(found) == 1:
        return found[0]
    if not found:
        raise GatewayError(f"There is no token {asked!r}; `headway token list` lists them.")
    raise BadInput(
        f"{len(found)} tokens are called {asked!r}: give the id, one of {', '.join(t.token_id for t in found)}."
    )


def as_row(token: Token) -> dict[str, object]:
    """All that may be shown of it."""
    return {name: value for name, value in asdict(token).items() if name != "digest"}


def _digest(text: str) -> str:
    return sha256(text.encode(errors="replace")).hexdigest()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and readable by the owner alone from its first moment on."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
