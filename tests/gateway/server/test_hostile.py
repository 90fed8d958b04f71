"""Whoever means harm: what they send is refused in words, harms nobody else, and leaves nothing secret behind."""

import gzip
import io
import json
import logging
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.server import app, declare
from gateway.server.access import HEADERS
from infra.log import configure
from tests.support.gateway import Caller, Gateway

pytestmark = pytest.mark.e2e

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("text", "session_id", "tenant_id", "priority", "agent_id", "deadline_at", "timeout_ms", "items", "x")


@pytest.fixture(autouse=True)
def _still_well(strict: Gateway) -> Iterator[None]:
    """After each of these tests the gateway serves others as before."""
    yield
    began = time.monotonic()
    assert strict.steady.call("GET", "/api/me").status == 200
    assert time.monotonic() - began < 10  # a busy machine is slow, a gateway that is stuck says nothing


@pytest.fixture
def log(gateway: Gateway) -> Iterator[io.StringIO]:
    """All that the gateway and the libraries log meanwhile, down to debug, as a process writes it."""
    said, before, root = io.StringIO(), structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure(replace(gateway.services.settings, log_level="debug"), "gateway", said)
    try:
        yield said
    finally:
        structlog.configure(**before)
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.fixture(scope="session")
def admin(gateway: Gateway) -> Caller:
    return gateway.caller(role="admin")


def raw(gateway: Gateway, sent: bytes, *, more: bytes = b"", pause_s: float = 0.0, wait_s: float = 10.0) -> bytes:
    """What comes back for these bytes, until the other side is silent or hangs up."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=wait_s) as connection:
        connection.sendall(sent)
        if more:
            time.sleep(pause_s)
            connection.sendall(more)
        told = b""
        while part := connection.recv(65536):
            told += part
        return told


def request(gateway: Gateway, line: str, *headers: str, body: str = "") -> bytes:
    head = [line, "Host: 127.0.0.1", "Connection: close", f"Authorization: Bearer {gateway.steady.token}", *headers]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode("latin-1")


def status(told: bytes) -> int:
    return int(told.split(b" ", 2)[1]) if told else 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b'{"text": "x"} {"text": "y"}', "no JSON"),
        (b"\xff\xfe", "no UTF-8 text"),
        (b"[" * 10_000, "JSON that nobody means"),
        (b'{"text": NaN}', "JSON that nobody means"),
        (b'{"text": "x", "timeout_ms": 1e999}', "JSON that nobody means"),
        (b'{"text": "x", "text": "y"}', '"text" is there twice'),
        (b'{"text": "x", "items": [{"a": 1, "a": 2}]}', '"a" is there twice'),
        (b'{"text": "x", "priority": ' + b"9" * 1_900 + b"}", "priority ="),
        (b'{"text": "\\ud800"}', "text that is not empty"),
        (b"null", "a task is an object"),
        (b"[]", "a task is an object"),
        (b'"text"', "a task is an object"),
        (b'{"tasks": []}', "1 to 500 of them"),
        (b'{"tasks": {}}', "1 to 500 of them"),
        (b'{"tasks": [1]}', "tasks[0]: a task is an object"),
        (b'{"text": "x", "tenant_id": 7}', "leave tenant_id out"),
        (b'{"text": "x", "session_id": "a b"}', "without blanks"),
        (b'{"text": "x", "__proto__": {}}', "__proto__"),
        (b'{"text": "   "}', "text that is not empty"),
    ],
)
def test_a_body_that_makes_no_sense_is_refused_in_words(gateway: Gateway, body: bytes, said: str) -> None:
    answer = gateway.steady.call("POST", "/api/tasks", raw=body)
    assert answer.status in (400, 403)
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert said in answer.body["detail"]


@given(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_whatever_breaks_a_route(admin: Caller, value: Any) -> None:
    sent = json.dumps(value).encode()
    for path in ("/api/tasks", "/api/experiments"):
        assert admin.call("POST", path, raw=sent).status in (202, 400, 403)


@given(
    st.dictionaries(st.sampled_from(["limit", "cursor", "since", "until", "text", "state", "x"]), st.text(max_size=50))
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_query_whatever_breaks_a_route(gateway: Gateway, query: dict[str, str]) -> None:
    from urllib.parse import urlencode

    answer = gateway.steady.call("GET", f"/api/tasks?{urlencode(query)}")
    assert answer.status in (200, 400)


@given(st.text(min_size=1, max_size=300))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_id_whatever_breaks_a_route(gateway: Gateway, task_id: str) -> None:
    from urllib.parse import quote

    if task_id not in (".", ".."):
        assert gateway.steady.call("GET", f"/api/tasks/{quote(task_id, safe='')}").status == 404


def test_a_body_that_is_too_long_is_refused_before_it_is_read(strict: Gateway) -> None:
    head = request(strict, "POST /api/tasks HTTP/1.1", "Content-Type: application/json", "Content-Length: 99999999")
    told = raw(strict, head)
    assert status(told) == 413
    assert b"A body may have 2,048 bytes" in told


def test_a_body_of_unknown_length_is_read_no_further_than_allowed(strict: Gateway) -> None:
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    head = request(strict, "POST /api/tasks HTTP/1.1", "Content-Type: application/json", "Transfer-Encoding: chunked")
    assert status(raw(strict, head + chunk * 5 + b"0\r\n\r\n")) == 413


def test_a_body_that_unpacks_to_more_than_is_allowed_is_refused(strict: Gateway) -> None:
    packed = gzip.compress(b" " * 50_000_000)
    headers = ("Content-Type: application/json", "Content-Encoding: gzip", f"Content-Length: {len(packed)}")
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = raw(strict, request(strict, "POST /api/tasks HTTP/1.1", *headers) + packed[:2000])
    assert status(told) == 413
    assert time.monotonic() - began < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KB


def test_an_answer_does_not_wait_for_a_body_without_end(gateway: Gateway) -> None:
    head = request(gateway, "GET /api/me HTTP/1.1", "Transfer-Encoding: chunked")
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(head)
        told = connection.recv(65536)
        assert status(told) == 200
        began = time.monotonic()
        with suppress(OSError):
            while connection.send(b"400\r\n" + b"x" * 1024 + b"\r\n"):
                assert time.monotonic() - began < 8, "it is still listened to"
                time.sleep(0.05)  # as slow as somebody who means to stay


def test_who_does_not_read_an_answer_is_let_go(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "SEND_S", 0.3)
    monkeypatch.setattr(app, "_dumps", lambda value: b" " * 50_000_000)  # more than any system takes on for us
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(request(gateway, "GET /api/me HTTP/1.1"))
        time.sleep(1)  # and reads nothing
        told = 0
        with suppress(ConnectionError):
            while part := connection.recv(1 << 20):
                told += len(part)
        assert told < 50_000_000


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("127.0.0.1:{port}", True),
        ("localhost:{port}", True),
        ("LOCALHOST", True),
        ("[::1]:{port}", True),
        ("192.168.1.7", True),
        ("gateway.example", True),
        ("other.example:443", True),
        ("evil.example:{port}", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1:{port}@evil.example", False),
        ("[", False),
        ("evil.example.", False),
    ],
)
def test_a_name_that_was_made_to_point_here_opens_nothing(gateway: Gateway, host: str, good: bool) -> None:
    headers = {"Host": host.replace("{port}", str(gateway.port))}
    for caller in (gateway.caller(), gateway.stranger()):
        for path in ("/", "/healthz", "/api/openapi.json", "/subjects"):
            answer = caller.call("GET", path, headers=headers)
            assert (answer.status != 421) == good, answer
            assert answer.status in (200, 421)


def test_two_names_of_one_gateway_are_none(gateway: Gateway) -> None:
    assert status(raw(gateway, request(gateway, "GET /api/me HTTP/1.1", "Host: localhost"))) == 400


def test_an_origin_that_is_no_address_is_another_page(gateway: Gateway) -> None:
    for origin in ("http://[", "http://[::1", "\x00", "file://", "javascript:1"):
        answer = gateway.caller().call("POST", "/api/tasks", {"text": "x"}, headers={"Origin": origin})
        assert answer.status == 403 or (answer.status == 400 and "\x00" in origin)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "-1", "61", "0x1", "1_0", "%D9%A3%D9%A3%D9%A3"])
def test_a_number_that_is_none_is_refused(gateway: Gateway, value: str) -> None:
    caller = gateway.caller()
    answer = caller.call("GET", f"/api/tasks/x/wait?timeout={value}")
    assert answer.status == 400 or (value == "1_0" and answer.status == 404)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9" * 18, "0"])
def test_times_at_the_ends_of_the_calendar_are_times(gateway: Gateway, at: str) -> None:
    for name in ("since", "until"):
        assert gateway.caller().call("GET", f"/api/tasks?{name}={at.replace('+', '%2B')}").status == 200


def test_no_line_of_the_log_can_be_forged_by_an_address(gateway: Gateway, log: io.StringIO) -> None:
    gateway.caller().call("GET", "/api/tasks/x%0a2026-11-21%20[error]%20forged")
    said = log.getvalue()
    assert "forged" in said
    assert not any("forged" in line and "request" not in line for line in said.splitlines())


def test_a_crowd_at_once_is_answered_and_nobody_is_forgotten(gateway: Gateway) -> None:
    """A thousand connections in the same moment, each with a token, and the gateway is as it was afterwards."""
    sent = request(gateway, "GET /api/tasks?limit=1 HTTP/1.1")
    crowd = [socket.create_connection(("127.0.0.1", gateway.port), timeout=30) for _ in range(1000)]
    try:
        for connection in crowd:
            connection.sendall(sent)
        answers = [status(connection.recv(65536)) for connection in crowd]
    finally:
        for connection in crowd:
            connection.close()
    assert set(answers) <= {200, 429}
    assert answers.count(200) > 0
    assert gateway.stranger().call("GET", "/healthz").status == 200


def test_headers_that_are_too_long_or_too_many_are_refused(strict: Gateway) -> None:
    assert status(raw(strict, request(strict, "GET /api/me HTTP/1.1", "X: " + "a" * 100_000))) == 400
    assert status(raw(strict, request(strict, "GET /" + "a" * 100_000 + " HTTP/1.1"))) == 400


def test_a_body_that_comes_drop_by_drop_is_waited_for_only_so_long(
    strict: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declare, "BODY_S", 0.3)
    head = request(strict, "POST /api/tasks HTTP/1.1", "Content-Type: application/json", "Content-Length: 100")
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", strict.port), timeout=5) as connection:
        connection.sendall(head + b'{"te')
        told = connection.recv(65536)
    assert status(told) == 408
    assert time.monotonic() - began < 3


def test_connections_without_a_whole_request_are_closed_also_when_they_dribble(strict: Gateway) -> None:
    """The time between requests is 0.5 s here, counted from the connection on and not from the last byte."""
    slow = [socket.create_connection(("127.0.0.1", strict.port), timeout=5) for _ in range(50)]
    began = time.monotonic()
    try:
        for connection in slow:
            connection.sendall(b"GET /api/me HTTP/1.1\r\nHost: x\r\n")
        gone = 0
        while gone < len(slow):
            assert time.monotonic() - began < 5, f"{gone} of {len(slow)} are closed"
            gone = sum(_is_closed(connection) for connection in slow)
            time.sleep(0.05)
    finally:
        for connection in slow:
            connection.close()


def _is_closed(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"X: y\r\n")
        connection.setblocking(False)
        return connection.recv(1000) == b"" or True
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.setblocking(True)


@pytest.mark.parametrize(
    "path",
    [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/%00",
        "/page.py",
        "/api/../api/config",
        "/api/tasks/..%2f..%2fapi%2fconfig",
        "/api/tasks/%00",
        "/%c0%ae%c0%ae/etc/passwd",
        "/\\..\\..\\etc\\passwd",
        "/static/../../gateway/server/tokens.py",
        "http://127.0.0.1/../../etc/passwd",
        "*",
    ],
)
def test_no_path_leads_out_of_what_is_served(gateway: Gateway, path: str) -> None:
    told = raw(gateway, request(gateway, f"GET {path} HTTP/1.1"))
    assert status(told) in (200, 400, 403, 404)
    for stolen in (b"root:", b"hw_", b"import ", b"gateway_port"):
        assert stolen not in told


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: -1",),
        ("Content-Length: 1e3",),
        ("Transfer-Encoding: chunked, chunked",),
        ("Transfer-Encoding: x",),
        ("A\x00B: c",),
        ("X: a\rb",),
        (" folded: yes",),
        ("No colon here",),
    ],
    ids=lambda headers: ", ".join(headers),
)
def test_requests_that_two_servers_could_read_in_two_ways_are_refused(
    gateway: Gateway, headers: tuple[str, ...]
) -> None:
    smuggled = "0\r\n\r\nGET /api/config HTTP/1.1\r\nHost: x\r\n\r\n"
    told = raw(
        gateway, request(gateway, "POST /api/tasks HTTP/1.1", "Content-Type: application/json", *headers, body=smuggled)
    )
    assert status(told) in (0, 400, 413, 415)
    assert told.count(b"HTTP/1.1 ") <= 1


def test_more_than_one_token_is_none(gateway: Gateway) -> None:
    told = raw(gateway, request(gateway, "GET /api/me HTTP/1.1", f"Authorization: Bearer {gateway.token()}"))
    assert status(told) == 401


def test_methods_that_are_not_there_are_told_so(gateway: Gateway) -> None:
    caller = gateway.caller()
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "QUERY"):
        answer = caller.call(method, "/api/tasks")
        assert answer.status == 405
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert "access-control-allow-origin" not in answer.headers


def test_who_asks_too_often_is_told_when_to_come_again_and_others_are_served(strict: Gateway) -> None:
    loud, quiet = strict.caller(), strict.caller()
    answers = [loud.call("GET", "/api/me") for _ in range(60)]
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert refused[0].headers["retry-after"] == str(refused[0].body["retry_after"]) == "1"
    assert "20 requests a second" in refused[0].body["detail"]
    assert quiet.call("GET", "/api/me").status == 200


def test_guessing_tokens_is_counted_too(strict: Gateway) -> None:
    guesses = [
        strict.stranger().call("GET", "/api/me", headers={"Authorization": f"Bearer guess-{n}"}).status
        for n in range(60)
    ]
    assert set(guesses) == {401, 429}
    assert strict.caller().call("GET", "/api/me").status == 200


@pytest.mark.parametrize("path", ["/", "/api/me", "/api/nothing", "/healthz", "/subjects", "/api/openapi.json"])
def test_every_answer_carries_the_security_headers(gateway: Gateway, path: str) -> None:
    for caller in (gateway.caller(), gateway.stranger()):
        answer = caller.call("GET", path)
        assert {name: answer.headers.get(name.lower()) for name in HEADERS} == HEADERS
        assert "server" not in answer.headers
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_a_script_in_a_text_comes_back_as_json_and_never_as_a_page(gateway: Gateway) -> None:
    script = "<script>alert(1)</script>"
    caller = gateway.caller()
    for answer in (
        caller.call("POST", "/api/tasks", {"text": "x", "priority": script}),
        caller.call("GET", f"/api/tasks?state={script}"),
        caller.call("GET", "/" + script.replace("/", "%2f")),
    ):
        assert answer.status in (200, 400, 404)
        assert answer.headers["x-content-type-options"] == "nosniff"
        if "text/html" in answer.headers["content-type"]:  # the page, which is the same at each of its addresses
            assert script not in answer.body
        else:
            assert answer.headers["content-type"].split(";")[0] == "application/problem+json"


def test_no_token_is_ever_written_to_a_log(gateway: Gateway, log: io.StringIO) -> None:
    token = gateway.token()
    secret = token.split("_", 2)[2]
    caller = gateway.stranger()
    for headers in ({"Authorization": f"Bearer {token}"}, {"Authorization": token}, {"X": token}):
        caller.call("GET", "/api/me", headers=headers)
    caller.call("GET", f"/api/me?token={token}")
    raw(gateway, f"GET /api/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\x00\r\n\r\n".encode())
    raw(gateway, f"{token} / HTTP/1.1\r\n\r\n".encode())
    said = log.getvalue()
    assert "request" in said
    assert secret not in said
