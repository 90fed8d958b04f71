"""A message on its way out: encoded once for each way of sending, however many clients get it."""

from gateway.live.messages import message

_SHORT, _MEDIUM = 126, 65_536
_FINAL_TEXT = 0x81


class Parcel:
    __slots__ = ("_event", "_frame", "body", "conflated", "token")

    def __init__(self, body: bytes, token: str | None, conflated: object | None = None) -> None:
        self.body = body
        self.token = token
        self.conflated = conflated
        """What the newest message of this name stands for; null: itself only."""
        self._frame: bytes | None = None
        self._event: bytes | None = None

    @property
    def size(self) -> int:
        return len(self.body)

    @property
    def frame(self) -> bytes:
        """As a WebSocket frame."""
        if self._frame is None:
            self._frame = _frame(self.body)
        return self._frame

    @property
    def server_sent(self) -> bytes:
        """As a server-sent event, in a chunk of HTTP/1.1."""
        if self._event is None:
            name = b"" if self.token is None else b"id: %b\n" % self.token.encode()
            event = name + b"data: " + self.body + b"\n\n"
            self._event = b"%x\r\n%b\r\n" % (len(event), event)
        return self._event


def parcel(event: str, data: dict[str, object], *, at_us: int, token: str | None = None, **more: str | None) -> Parcel:
    """A message that is about no single task."""
    body = message(event, data, at_us=at_us, session_id=more.get("session_id"), token=token)
    return Parcel(body, token, more.get("conflated"))


def _frame(body: bytes) -> bytes:
    """A whole text message of a server in one frame (RFC 6455, 5.2): a server does not mask."""
    size = len(body)
    if size < _SHORT:
        return bytes((_FINAL_TEXT, size)) + body
    if size < _MEDIUM:
        return bytes((_FINAL_TEXT, 126)) + size.to_bytes(2, "big") + body
    return bytes((_FINAL_TEXT, 127)) + size.to_bytes(8, "big") + body
