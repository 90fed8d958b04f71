"""What the API says when it cannot do what was asked: RFC 9457's `application/problem+json`, with a sentence that tells
what to do. Every error of the layers below becomes one here, in one table.
"""

from http import HTTPStatus
from math import ceil
from typing import Any

from confluent_kafka import KafkaException

from gateway.errors import BadInput, GatewayError, Unreachable
from infra.kafka import KafkaTrouble
from infra.models import BadPromotion
from infra.warehouse.errors import BadSql, WarehouseDown
from processors.experiments.lifecycle import BadChange

MEDIA_TYPE = "application/problem+json"
RETRY_S = 2
"""When to come again after trouble that passes: a restart takes about as long."""

TITLES = {
    400: "The request makes no sense",
    401: "No valid token",
    403: "Not allowed",
    404: "Not there",
    405: "Not possible here",
    408: "The request took too long to arrive",
    409: "Not possible as things are",
    413: "The request is too long",
    415: "Not JSON",
    421: "Not this gateway",
    429: "Too many requests",
    500: "A mistake of ours",
    503: "Not possible at this moment",
}
"""Every status that is answered, and what it means."""


class Problem(Exception):
    """The end of a request. `detail` is one sentence that says what is wrong and what to do."""

    def __init__(self, status: int, detail: str, *, retry_after_s: float | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after_s = None if retry_after_s is None else max(1, ceil(retry_after_s))
        """Whole seconds, for the header can say no less, and never less than what it takes."""
        self.more = more

    def document(self) -> dict[str, Any]:
        found = {
            "type": f"urn:headway:problem:{HTTPStatus(self.status).name.lower().replace('_', '-')}",
            "title": TITLES.get(self.status, HTTPStatus(self.status).phrase),
            "status": self.status,
            "detail": self.detail,
        }
        if self.retry_after_s is not None:
            found["retry_after"] = self.retry_after_s
        return found | self.more


def problem_of(error: Exception) -> Problem | None:
    """What an error means for whoever asked; null for one that nobody foresaw."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, BadInput):
        return Problem(409 if isinstance(error.__cause__, BadChange | BadPromotion) else 400, str(error))
    if isinstance(error, Unreachable | KafkaTrouble | WarehouseDown):
        return Problem(503, sentence(str(error)), retry_after_s=RETRY_S)
    if isinstance(error, KafkaException):
        return Problem(503, f"Kafka does not answer ({error.args[0].str()}); try again.", retry_after_s=RETRY_S)
    if isinstance(error, GatewayError):
        return Problem(409, closed(str(error)))
    if isinstance(error, BadSql):
        return Problem(409, sentence(str(error)))
    return None


def sentence(text: str) -> str:
    """With a capital and a full stop, as messages of the adapters seldom have them."""
    text = text.strip()
    return closed(text[:1].upper() + text[1:])


def closed(text: str) -> str:
    """With a full stop. A name that begins the sentence, of a field or of a thing, stays as it is written."""
    return text if text.endswith((".", "?", "!")) else f"{text}."
