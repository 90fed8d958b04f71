"""What one client may ask of the gateway, and the words it is closed with when it asks for more. Pure: data."""

from dataclasses import dataclass
from typing import NamedTuple

from infra.settings import Settings


class Close(NamedTuple):
    """Why a connection ends: a WebSocket close code and a sentence of at most 123 bytes, which is what a close frame
    holds.
    """

    code: int
    reason: str


LEAVING = Close(1001, "The gateway stops. Connect again with your newest token.")
TOO_BIG = Close(1009, "The message is too big.")
NOT_READY = Close(1013, "The gateway still reads the topics. Try again in a few seconds.")
MALFORMED = Close(4400, "Not a message of this protocol: a JSON object with an action is expected.")
TOKEN_OVER = Close(4401, "The access token is over or was revoked. Connect again with another one.")
NO_PONG = Close(4408, "No pong came in time. Connect again with your newest token.")
TOO_MANY_SUBSCRIPTIONS = Close(
    4409, "Too many subscriptions. Unsubscribe from some, or subscribe to a tenant or agent."
)
TOO_SLOW = Close(4410, "You read too slowly. Connect again with your newest token: nothing is missed.")
REFUSED_TOO_OFTEN = Close(4422, "Refused more than 100 times: each error said what would be right.")
TOO_MANY_MESSAGES = Close(4429, "Too many messages. Send fewer a second.")
TOO_MANY_CONNECTIONS = Close(
    4503, "The gateway has all the connections it takes: close a tab, or have gateway_connections_max raised."
)
TOO_MANY_OF_USER = Close(
    4504, "You have as many connections as you may: close a tab, or have gateway_connections_user_max raised."
)

ALL_CLOSES = (
    LEAVING,
    TOO_BIG,
    NOT_READY,
    MALFORMED,
    TOKEN_OVER,
    NO_PONG,
    TOO_MANY_SUBSCRIPTIONS,
    TOO_SLOW,
    REFUSED_TOO_OFTEN,
    TOO_MANY_MESSAGES,
    TOO_MANY_CONNECTIONS,
    TOO_MANY_OF_USER,
)

PING_S = 30.0
PONG_S = 10.0
"""How long the answer to a ping may take."""

REFUSED_MAX = 100
"""Refusals a connection gets until it is closed: who is in error so often is not going to stop."""


@dataclass(frozen=True)
class Limits:
    connections: int = 100
    connections_of_user: int = 5
    message_bytes: int = 65_536
    subscriptions: int = 100
    messages_per_s: float = 20.0
    outbox_bytes: int = 65_536

    def connections_of(self, *, is_local: bool) -> int:
        """Of one token. The local one stands for a person together with all their tabs, terminals and programs on this
        machine: it may have half of all, so that others still come in.
        """
        return max(self.connections_of_user, self.connections // 2) if is_local else self.connections_of_user


def limits_of(settings: Settings) -> Limits:
    return Limits(
        connections=settings.gateway_connections_max,
        connections_of_user=settings.gateway_connections_user_max,
        message_bytes=settings.gateway_message_bytes_max,
        subscriptions=settings.gateway_subscriptions_max,
        messages_per_s=settings.gateway_messages_per_s,
        outbox_bytes=settings.gateway_outbox_kb * 1024,
    )
