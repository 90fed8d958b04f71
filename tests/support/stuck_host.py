"""An executor host whose intake stands still for as long as a file is there: it beats, and reads nothing of what it is
given. As a process: `python -m tests.support.stuck_host INDEX FILE`.
"""

import sys
import time
from pathlib import Path

from confluent_kafka import Consumer

from infra.settings import load_settings
from streams.executor import host
from streams.executor.intake import Intake


class Stuck(Intake):
    def _turn(self, consumer: Consumer) -> None:
        while Path(sys.argv[2]).exists():
            time.sleep(0.05)
        super()._turn(consumer)


if __name__ == "__main__":
    host.Intake = Stuck  # type: ignore[misc]
    host.main(load_settings(), int(sys.argv[1]))
