"""The way from a command to the gateway: where it is, with which token, and what to do when it does not answer."""

import json
from http.client import HTTPException
from socket import create_connection
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from gateway.errors import BadInput, GatewayError, Unreachable
from gateway.sending import now_us
from gateway.server.tokens import Tokens
from gateway.silence import remedy
from infra import stack
from infra.settings import Settings

CONNECT_S = 3.0
ANSWER_S = 5.0


def reach(settings: Settings) -> None:
    """Raises Unreachable, with what to do, when no gateway answers."""
    host, port = _place(settings.gateway)
    try:
        create_connection((host, port), CONNECT_S).close()
    except OSError:
        raise silent(settings) from None


def token_of(settings: Settings) -> str:
    """The token to come in with: the local one is for the gateway of this machine, and is sent to no other."""
    if settings.gateway_token:
        return settings.gateway_token
    if settings.gateway_url:
        raise GatewayError(
            f"The gateway at {settings.gateway} wants a token of its own: make one there with `headway token create`, "
            "and set HEADWAY_GATEWAY_TOKEN to it."
        )
    if not (settings.state / "tokens.json").exists():
        raise GatewayError(f"A gateway answers at {settings.gateway}, but it is not of this folder. {_whose(settings)}")
    return Tokens(settings).local(now_us())


def ask(settings: Settings, token: str, path: str, *, method: str = "GET") -> Any:
    """The answer to a request, once: how a command looks at what is there, and learns whether its token is good."""
    request = Request(settings.gateway + path, headers={"Authorization": f"Bearer {token}"}, method=method)
    try:
        with urlopen(request, timeout=ANSWER_S) as answer:
            return json.load(answer)
    except HTTPError as error:
        raise refused(settings, error.code, _detail(error.read())) from None
    except (OSError, HTTPException, ValueError):
        raise silent(settings) from None


def tasks(settings: Settings, token: str, **wanted: str | int) -> list[dict[str, Any]]:
    """The newest tasks as `GET /api/tasks` lists them."""
    found: list[dict[str, Any]] = ask(settings, token, f"/api/tasks?{urlencode(wanted)}")["tasks"]
    return found


def refused(settings: Settings, status: int, detail: str) -> GatewayError:
    """What the gateway said when it did not do what it was asked."""
    if status == 401:
        whose = "" if settings.gateway_token else f" {_whose(settings)}"
        return GatewayError(
            f"The gateway at {settings.gateway} does not take this token: it is unknown or has expired.{whose}"
        )
    return GatewayError(f"The gateway at {settings.gateway} says ({status}): {detail}")


def _detail(body: bytes) -> str:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")[:200]


def _place(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        return parts.hostname or "", port
    except (ValueError, KeyError):
        raise BadInput(f"{url} is no address of a gateway; one is like http://127.0.0.1:8320.") from None


def silent(settings: Settings) -> Unreachable:
    """What to say when the gateway does not answer: what a person can do about it."""
    return Unreachable(f"No gateway answers at {settings.gateway}; {_remedy(settings)}.")


def _remedy(settings: Settings) -> str:
    running = [row["name"] for row in stack.status(settings)["processes"] if row["state"] != "stopped"]
    if settings.gateway_url or "gateway-0" in running or (settings.gateways and not running):
        return remedy(settings, "gateway-0")
    again = "`headway down`, then " if running else ""
    return f"this line runs without one (gateways = 0): {again}`HEADWAY_GATEWAYS=1 headway up`"


def _whose(settings: Settings) -> str:
    other = stack.elsewhere(settings)
    where = f"its state is in {other}" if other else "it may belong to another user"
    return f"Another line runs here, {where}: go to its folder, or set HEADWAY_STATE_DIR."
