"""The warehouse on this machine: ClickHouse as a library (chDB), behind as much of ClickHouse's HTTP interface as its
clients need. One process owns the data folder; every other one asks here as it would ask a ClickHouse server.

A request is a session of its own. `readonly=1` among its parameters holds against anything the query says.
"""

import os
import re
import signal
import socketserver
import sys
import tempfile
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import chdb

BODY_BYTES_MAX = 256 * 1024 * 1024
READERS_MAX = WRITERS_MAX = 4
"""Queries, and inserts, that run at the same time; more wait for their turn."""

_NOT_SETTINGS = {
    "query",
    "database",
    "user",
    "password",
    "session_id",
    "query_id",
    "compress",
    "decompress",
    "role",
    "enable_http_compression",
    "client_protocol_version",
    "default_format",
    "quota_key",
    "wait_end_of_query",
}
_NAME = re.compile(r"[a-z_0-9]+")
_INSERT = re.compile(r"\s*INSERT\s+INTO\s+(?P<into>.+?)\s+FORMAT\s+(?P<format>\w+)\s*;?\s*$", re.IGNORECASE | re.DOTALL)
_INSERT_HEAD = re.compile(rb"\s*INSERT\s+INTO\s+[^\n]+?\s+FORMAT\s+\w+[ \t]*\n", re.IGNORECASE)
_CODE = re.compile(r"Code: (\d+)")


class Refused(Exception):
    """The request cannot be what it should be; the text says why, the code is ClickHouse's for the like."""

    def __init__(self, reason: str, code: int = 36) -> None:
        super().__init__(reason)
        self.code = code


_connect: Any = chdb.connect  # it has no types


class Warehouse:
    """The data folder, and who may work on it at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._writing = threading.BoundedSemaphore(WRITERS_MAX)
        self._reading = threading.BoundedSemaphore(READERS_MAX)
        self._open = _connect(self._folder)  # as long as one connection is open, the others open at once

    def answer(self, sql: str, parameters: Mapping[str, str], body: bytes) -> bytes:
        settings = {name: value for name, value in parameters.items() if name not in _NOT_SETTINGS}
        if not all(map(_NAME.fullmatch, settings)):
            raise Refused("a setting's name has small letters, digits and _ only")
        read_only = settings.pop("readonly", "0") != "0"
        with self._reading if read_only else self._writing:
            session = _connect(self._folder)
            try:
                if _NAME.fullmatch(parameters.get("database", "")):
                    session.query(f"USE {parameters['database']}")
                for name, value in settings.items():
                    session.query(f"SET {name} = {_quoted(value)}")
                if read_only:
                    _check_reads(bytes(session.query(f"SELECT formatQuery({_quoted(sql)})", "TSVRaw").bytes()).decode())
                    session.query("SET readonly = 1")
                elif body and (insert := _INSERT.match(sql)):
                    return self._insert(session, insert, body)
                return bytes(session.query(sql, parameters.get("default_format", "TabSeparated")).bytes())
            finally:
                session.close()

    def _insert(self, session: Any, insert: "re.Match[str]", body: bytes) -> bytes:
        with tempfile.NamedTemporaryFile(dir=_MEMORY) as file:
            file.write(body)
            file.flush()
            session.query(f"INSERT INTO {insert['into']} FROM INFILE '{file.name}' FORMAT {insert['format']}")
        return b""

    def close(self) -> None:
        self._open.close()


def _check_reads(sql: str) -> None:
    """Refuses what a read-only session of chDB would still do. `sql` is one statement as `formatQuery` writes it:
    without comments, and no name in a second spelling."""
    words = _QUOTED.sub("''", sql)
    if not _READS.match(words):
        raise Refused("this reads only: SELECT, WITH, SHOW, DESCRIBE, EXPLAIN or EXISTS", 164)
    if re.search(r"\bINTO\s+OUTFILE\b", words):
        raise Refused("INTO OUTFILE is not for the warehouse: take the answer and write it yourself", 164)
    if re.match(r"DESCRIBE TABLE \w+\(", words):
        raise Refused("only tables, views and questions are described: a table function would look elsewhere", 164)
    if re.search(r"\bfile\b", words):
        raise Refused("file() is not for the warehouse: it would read the files of this machine", 164)


_READS = re.compile(r"\W*(SELECT|WITH|SHOW|DESCRIBE|EXPLAIN|EXISTS)\b")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`", re.DOTALL)
_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits 45 ms for an acknowledgement
    warehouse: Warehouse

    def do_GET(self) -> None:
        if self.path == "/ping":
            self._send(200, b"Ok.\n")
        else:
            self._answer(b"")

    def do_POST(self) -> None:
        try:
            body = self._body()
        except (Refused, ValueError, EOFError) as error:
            self.close_connection = True  # what is left of the body would be taken for the next request
            self._send(400, f"the request could not be read: {error}\n".encode())
            return
        self._answer(body)

    def _body(self) -> bytes:
        """Whole, or EOFError: half an insert of a client that died is none."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self._exactly(int(self.headers.get("Content-Length") or 0))
        chunks: list[bytes] = []
        while size := int(self.rfile.readline(20).split(b";")[0], 16):
            if sum(map(len, chunks)) + size > BODY_BYTES_MAX:
                raise Refused(f"a request has at most {BODY_BYTES_MAX} bytes")
            chunks.append(self._exactly(size))
            self.rfile.readline(3)
        self.rfile.readline(3)
        return b"".join(chunks)

    def _exactly(self, size: int) -> bytes:
        if not 0 <= size <= BODY_BYTES_MAX:
            raise Refused(f"a request has at most {BODY_BYTES_MAX} bytes")
        body = self.rfile.read(size)
        if len(body) < size:
            raise EOFError("its end is missing")
        return body

    def _answer(self, body: bytes) -> None:
        parameters = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if self.headers.get("Origin"):  # a page in somebody's browser
            self._send(403, b"not for web pages\n")
            return
        sql = parameters.get("query")
        if sql is None:  # the body holds the query, and behind an insert's FORMAT its data
            head = _INSERT_HEAD.match(body)
            end = head.end() if head else len(body)
            sql, body = body[:end].decode(errors="replace"), body[end:]
        try:
            self._send(200, self.warehouse.answer(sql, parameters, body))
        except Refused as error:
            said = f"Code: {error.code}. {error}\n".encode()
            self._send(400, said, {"X-ClickHouse-Exception-Code": str(error.code)})
        except Exception as error:  # chDB has one error for everything
            code = _CODE.search(str(error))
            headers = {"X-ClickHouse-Exception-Code": code[1] if code else "1001"}
            self._send(500, f"{error}\n".encode(errors="replace"), headers)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        usual = {"Content-Length": str(len(body)), "X-ClickHouse-Timezone": "UTC"}
        for name, value in {**usual, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not worth a line."""


class _Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """One who has gone away without waiting for the answer is no error of ours."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def serve(folder: Path, port: int) -> None:
    """Until SIGTERM or SIGINT."""
    os.environ.setdefault("TZ", "UTC")
    folder.mkdir(parents=True, exist_ok=True)
    warehouse = Warehouse(folder)
    handler = type("Handler", (_Handler,), {"warehouse": warehouse})
    with _Server(("127.0.0.1", port), handler) as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        server.serve_forever(poll_interval=0.1)
    warehouse.close()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]))
