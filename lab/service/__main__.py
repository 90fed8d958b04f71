"""`python -m lab.service --index I`: one process of the lab."""

import argparse

from infra import kafka, log, metrics
from infra.settings import load_settings
from lab.service.serving import Service


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.service", description="Runs what people ask of the lab.")
    parser.add_argument("--index", type=int, default=0, help="which of several processes, from 0")
    index = parser.parse_args().index
    settings = load_settings()
    log.configure(settings, f"lab-{index}")
    kafka.await_broker(settings)
    metrics.serve(settings, metrics.port_offset("lab", index))
    Service(settings).run()


if __name__ == "__main__":
    main()
