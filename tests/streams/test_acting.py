"""Telling somebody of an alert: tried again where that helps, never twice by one wish, and never with the address."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from infra.settings import Settings
from streams import acting
from streams.acting import Acting, Wish, notification, notify
from tests.support.alerts import alert
from tests.support.waiting import until

WISH = Wish(alert("errors"), "notify", "Look.")


class Receiver:
    def __init__(self) -> None:
        self.answers: list[int] = []
        """Statuses of the next answers; then 204."""
        self.asked = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked += 1
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.settings = Settings(alerts_webhook=f"http://127.0.0.1:{self.server.server_port}/?key=secret")


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(acting, "PAUSES_S", (0.0, 0.0))
    made = Receiver()
    yield made
    made.server.shutdown()


@pytest.mark.parametrize(
    ("answers", "result", "asked"),
    [
        ([], "sent", 1),
        ([500, 429], "sent", 3),
        ([503, 503, 503], "failed: it answers 503", 3),
        ([404], "failed: it answers 404", 1),
        ([302], "failed: it answers 302", 1),
    ],
)
def test_it_is_tried_again_where_that_may_help(receiver: Receiver, answers: list[int], result: str, asked: int) -> None:
    receiver.answers = answers
    assert notify(receiver.settings, WISH) == result
    assert receiver.asked == asked


@pytest.mark.parametrize("address", ["", "file:///etc/passwd", "http://[secret", "http://127.0.0.1:1/?key=secret"])
def test_what_is_no_address_or_answers_nothing_is_told_without_it(receiver: Receiver, address: str) -> None:
    result = notify(Settings(alerts_webhook=address), WISH)
    assert result.startswith(("failed: ", "nobody to notify"))
    assert "secret" not in result and "passwd" not in result


def test_a_notification_names_itself_and_no_tasks_of_tenants() -> None:
    told = notification(WISH.alert, "Look.")
    assert told["notification_id"] == f"errors/line@{WISH.alert['since_at']}"
    assert told["advice"] == "Look."
    assert "tasks" not in told


def test_what_is_under_way_is_not_started_again(receiver: Receiver) -> None:
    acts = Acting(receiver.settings)
    for _ in range(5):
        acts.start(WISH)
    (done,) = until(lambda: list(acts.results()), 10, "the result")
    assert done == ("errors/line", WISH.alert["since_at"], "notify", "sent")
    assert receiver.asked == 1
    acts.start(Wish(WISH.alert, "panic", ""))
    assert next(iter(until(lambda: list(acts.results()), 10, "the result"))).result.startswith("not done")
