"""Stands in for a service where only the supervisor is tested: answers on its metrics port, stops on SIGTERM."""

import signal
import sys
import threading

from infra import metrics
from infra.settings import load_settings

service, index = sys.argv[1], int(sys.argv[3])
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
print(f"{service} {index} starts", flush=True)
metrics.serve(load_settings(), metrics.port_offset(service, index))
stop.wait()
print(f"{service} {index} stops", flush=True)
