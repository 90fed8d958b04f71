"""Files of agents, skills, notes and rules that change while the line runs: a thread brings the topics in line with
them."""

from collections.abc import Callable
from threading import Event, Thread

from infra.definitions import Published, Watch
from infra.kafka import KafkaTrouble
from infra.settings import Settings

LOOK_S = 1.0
"""Between two looks; a change is published at the second look that finds it as it was."""


class Reloading:
    """Begins with the files as they are; `start` once what they say is published."""

    def __init__(self, settings: Settings, tell: Callable[[str], None]) -> None:
        self._watch = Watch(settings)
        self._tell = tell
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="reloading", daemon=True)
        self._troubled = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Without waiting: a write that is under way may take as long as Kafka does."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_S):
            try:
                for plural, done in self._watch.look().items():
                    for line in told(plural, done):
                        self._tell(line)
                self._troubled = False
            except (KafkaTrouble, OSError) as error:  # the broker may be starting again; the next look tries anew
                if not self._troubled:
                    self._tell(f"files that changed are not published yet: {error}")
                self._troubled = True


def told(plural: str, done: Published) -> list[str]:
    """What a publication did, in lines for a log."""
    lines = [f"{plural} published: {', '.join(done.changed)}"] if done.changed else []
    lines += [f"{plural} taken out: {', '.join(done.removed)}"] if done.removed else []
    return lines + [f"not taken over, what was known stays: {problem}" for problem in done.problems]
