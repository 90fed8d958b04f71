"""A local server that speaks the Anthropic Messages API, so that the real client can be tested without a key.

Each request takes the next scripted behaviour; with none left it is answered well. A text in the task such as
`[[429]]` or `[[slow]]` asks for a behaviour too. Alone: python -m tests.support.messages_api --port 22080
"""

import argparse
import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Behaviour:
    """How one request is answered."""

    status: int = 200
    retry_after_s: float | None = None
    text: str | None = None
    """The answer; None: one that quotes the task."""
    piece_s: float = 0.0
    """Pause between two pieces of the answer."""
    cut_after: int | None = None
    """The connection is cut after so many pieces."""
    garbage: bool = False
    """The stream turns into nonsense after its first piece."""
    overloaded_inside: bool = False
    """The stream reports an overload after its first piece."""
    tokens_in: int = 20
    tokens_out: int = 30


OK = Behaviour()
NAMED = {
    "ok": OK,
    "429": Behaviour(status=429, retry_after_s=1.0),
    "529": Behaviour(status=529),
    "500": Behaviour(status=500),
    "401": Behaviour(status=401),
    "404": Behaviour(status=404),
    "slow": Behaviour(piece_s=0.5),
    "garbage": Behaviour(garbage=True),
    "cut": Behaviour(cut_after=2),
    "overloaded": Behaviour(overloaded_inside=True),
}
_ERROR_TYPES = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}
_ERROR_TYPES |= {429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"}


@dataclass
class MessagesApi:
    """Start it with `serving()`. Thread-safe enough for tests: lists only grow, the script only shrinks."""

    script: deque[Behaviour] = field(default_factory=deque)
    requests: list[dict[str, Any]] = field(default_factory=list)
    """The bodies that came in."""
    times: list[float] = field(default_factory=list)
    """When they came, by time.monotonic()."""
    url: str = ""

    @contextmanager
    def serving(self, port: int = 0) -> Iterator["MessagesApi"]:
        api = self

        class Handler(_Handler):
            def do_POST(self) -> None:
                self.answer(api)

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def behaviour(self, body: dict[str, Any]) -> Behaviour:
        if self.script:
            return self.script.popleft()
        text = str(body.get("messages"))
        return next((b for name, b in NAMED.items() if f"[[{name}]]" in text), OK)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, api: MessagesApi) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        api.requests.append(body)
        api.times.append(time.monotonic())
        if self.path != "/v1/messages":
            self._error(NAMED["404"])
            return
        if not (self.headers.get("authorization") or self.headers.get("x-api-key")):
            self._error(NAMED["401"])
            return
        behaviour = api.behaviour(body)
        if behaviour.status != 200:
            self._error(behaviour)
            return
        try:
            self._stream(behaviour, body)
        except OSError:  # the client has gone
            self.close_connection = True

    def _error(self, behaviour: Behaviour) -> None:
        kind = _ERROR_TYPES.get(behaviour.status, "api_error")
        data = json.dumps(
            {"type": "error", "error": {"type": kind, "message": f"scripted {behaviour.status}"}}
        ).encode()
        self.send_response(behaviour.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        if behaviour.retry_after_s is not None:
            self.send_header("retry-after", f"{behaviour.retry_after_s:g}")
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, behaviour: Behaviour, body: dict[str, Any]) -> None:
        self.close_connection = True  # the stream ends with the connection
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        usage = {"input_tokens": behaviour.tokens_in, "output_tokens": 1}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "content": []}
        self._event("message_start", message=message | {"stop_reason": None, "stop_sequence": None, "usage": usage})
        self._event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for n, piece in enumerate(_pieces(behaviour, body)):
            if behaviour.cut_after == n:
                return
            self._event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
            if behaviour.garbage:
                self.wfile.write(b"event: content_block_delta\ndata: {\x00nonsense\xff\n\n")
            if behaviour.overloaded_inside:
                self._event("error", error={"type": "overloaded_error", "message": "scripted overload"})
                return
            time.sleep(behaviour.piece_s)
        self._event("content_block_stop", index=0)
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        self._event("message_delta", delta=delta, usage={"output_tokens": behaviour.tokens_out})
        self._event("message_stop")

    def _event(self, name: str, **data: Any) -> None:
        self.wfile.write(f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode())
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def _pieces(behaviour: Behaviour, body: dict[str, Any]) -> list[str]:
    text = behaviour.text
    if text is None:
        text = f"Here is the answer to your task, complete and checked: {body['messages'][-1]['content']}"
    return [text[i : i + 12] for i in range(0, len(text), 12)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A local server that speaks the Anthropic Messages API.")
    parser.add_argument("--port", type=int, default=22080)
    with MessagesApi().serving(parser.parse_args().port) as running:
        print(f"ANTHROPIC_BASE_URL={running.url} ANTHROPIC_API_KEY=any", flush=True)
        threading.Event().wait()
