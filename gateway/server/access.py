"""Who may come in: the token of a request, where it comes from, how often it may come, and what its role allows."""

import time
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

import structlog
from aiohttp import hdrs, web

from gateway.errors import GatewayError
from gateway.server.principal import Principal, Role
from gateway.server.problems import RETRY_S, Problem
from gateway.server.services import Services
from infra.settings import Settings

SAFE = ("GET", "HEAD")
PROTOCOL_TOKEN = "headway.token."
"""A browser sets no header on a WebSocket: there the token comes as one of the subprotocols, after this."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer. Nothing of other places is loaded, no script stands in a page, and no other page frames ours."""


def check_origin(request: web.Request) -> None:
    """What changes something, or stays open, is asked for by our own page or by no page. Raises Problem."""
    if request.method in SAFE and not _is_upgrade(request):
        return
    origins = request.headers.getall(hdrs.ORIGIN, [])
    if any(_place(origin) != request.host or not request.host for origin in origins):
        raise Problem(403, "Another page may not do this for you; open the gateway's own page (`headway open`).")


def check_host(request: web.Request, settings: Settings) -> None:
    """A page elsewhere can have its own name point here, and is then taken for ours: what is asked by a name that is
    not ours is refused. An address cannot be made to point elsewhere. Raises Problem."""
    hosts = request.headers.getall(hdrs.HOST, [])
    if len(hosts) > 1:
        raise Problem(400, "There is more than one Host header; send one.")
    if hosts and not _is_ours(hosts[0], settings.gateway_host, settings.gateway_names):
        raise Problem(421, "No gateway is known by the name in Host here; name it in the setting gateway_names.")


def principal_of(request: web.Request, services: Services) -> Principal | None:
    """Whom the request's token stands for; null when it carries none. Raises Problem for one that is not valid."""
    token = _token(request)
    if token is None:
        return None
    try:
        principal = services.tokens.principal_of(token, time.time_ns() // 1000)
    except GatewayError as error:  # it names a file, which is no business of whoever asks
        structlog.get_logger().error("the tokens cannot be read", error=str(error))
        raise Problem(503, "The gateway cannot read its tokens; its log says why.", retry_after_s=RETRY_S) from None
    if principal is None:
        raise Problem(401, "This token is not known, or has expired; make one with `headway token create`.")
    return principal


def check_rate(request: web.Request, services: Services, principal: Principal | None) -> None:
    """Raises Problem."""
    who = principal.token_id if principal else f"address {request.remote}"
    wait_s = services.limiter.take(who, time.monotonic())
    if wait_s > 0:
        per_s = services.settings.gateway_requests_per_s
        raise Problem(429, f"More than {per_s:g} requests a second; wait, then try again.", retry_after_s=wait_s)


def with_role(principal: Principal | None, role: Role) -> Principal:
    """The principal, when it may do what takes this role. Raises Problem."""
    if principal is None:
        raise Problem(401, "Send a token with the header Authorization: Bearer …; `headway token create` makes one.")
    if not principal.may(role):
        raise Problem(403, f"This takes a token of role {role}, and yours is {principal.role}.")
    return principal


def _token(request: web.Request) -> str | None:
    given = request.headers.getall(hdrs.AUTHORIZATION, [])
    if len(given) > 1:
        raise Problem(401, "There is more than one Authorization header; send one.")
    if given:
        kind, _, token = given[0].partition(" ")
        if kind.lower() != "bearer":
            raise Problem(401, "The token goes into the header Authorization: Bearer ….")
        return token.strip()
    if _is_upgrade(request):
        offered = request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "").split(",")
        tokens = [one.strip().removeprefix(PROTOCOL_TOKEN) for one in offered if one.strip().startswith(PROTOCOL_TOKEN)]
        return tokens[0] if tokens else None
    return None


@lru_cache(1024)
def _is_ours(host: str, listens: str, names: str) -> bool:
    name = (_place(f"//{host}", name_only=True) or "").rstrip(".").lower()
    known = {listens, *(one.strip().lower() for one in names.split(","))} - {""}
    if not names and not (listens == "localhost" or _is_address(listens, loopback=True)):
        return True
    return name in known | {"localhost"} or name.endswith(".localhost") or _is_address(name)


def _is_address(name: str, *, loopback: bool = False) -> bool:
    try:
        return ip_address(name).is_loopback or not loopback
    except ValueError:
        return False


def _place(url: str, *, name_only: bool = False) -> str | None:
    """Host and port of an address; null when it is none."""
    try:
        parts = urlsplit(url)
        return parts.hostname if name_only else parts.netloc
    except ValueError:
        return None


def _is_upgrade(request: web.Request) -> bool:
    return request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"
