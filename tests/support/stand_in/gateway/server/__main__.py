"""Stands in for the gateway where only the supervisor is tested: its loop answers on /healthz, it stops on SIGTERM."""

import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from infra.settings import load_settings


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


index = int(sys.argv[2])
server = ThreadingHTTPServer(("127.0.0.1", load_settings().gateway_port + index), Health)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
