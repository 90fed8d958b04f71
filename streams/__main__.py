"""`python -m streams SERVICE --index I`: starts one process of the line."""

import argparse
import gc
import importlib
import os

import uvloop

from infra import kafka, log
from infra.settings import load_settings

_MODULES = {
    "router": "streams.router",
    "dispatcher": "streams.dispatcher",
    "executor": "streams.executor.host",
    "sink": "streams.sink",
    "judge": "streams.judge",
    "joiner": "streams.joiner",
    "monitor": "streams.monitor",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m streams", description="Starts one process of the line.")
    parser.add_argument("service", choices=_MODULES)
    parser.add_argument("--index", type=int, default=0, help="which of several processes of this service, from 0")
    arguments = parser.parse_args()
    settings = load_settings()
    log.configure(settings, f"{arguments.service}-{arguments.index}")
    # Threads of sums would wait busily for each other, on processors that the rest of the line needs.
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    uvloop.install()
    gc.set_threshold(50_000, 20, 50)  # a backlog is many objects that live long: looking at them often finds nothing
    service = importlib.import_module(_MODULES[arguments.service])
    kafka.await_broker(settings)
    service.main(settings, arguments.index)


if __name__ == "__main__":
    main()
