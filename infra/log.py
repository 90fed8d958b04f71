"""Logs of every process: one line an event, for people or as JSON, ours and the libraries' alike, on stderr."""

import logging
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from infra.settings import Settings

# Libraries that tell more than an operator can use; their warnings stay.
QUIET = ("aiokafka", "faust", "mode", "httpx", "httpcore", "anthropic", "asyncio")

# Without a broker aiokafka says the same some twenty times a second, which costs more than the work.
SAME_AGAIN_S = 10.0


def configure(settings: Settings, process: str, to: TextIO | None = None) -> None:
    """Set up logging for this process; `process` is its name in the local stack, such as router-0.

    `to` is stderr by default.
    """
    to = to or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if settings.log_format == "text" else "iso", utc=False),
    ]
    render: list[Processor]
    if settings.log_format == "json":

        def name_process(_logger: Any, _method: str, event: Any) -> Any:
            event["process"] = process
            return event

        render = [name_process, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:  # no process name: the local stack puts it before each line
        render = [
            structlog.dev.ConsoleRenderer(
                colors=to.isatty(),
                pad_event_to=0,
                pad_level=False,
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(to)
    handler.addFilter(_is_no_chatter)
    handler.addFilter(_Sparing())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _is_no_chatter(record: logging.LogRecord) -> bool:
    """Faust tells of each start and stop of its parts, in the name of our modules: `[^--Consumer]: ...`."""
    return record.levelno >= logging.WARNING or not str(record.msg).startswith("[^")


class _Sparing(logging.Filter):
    """Lets a library say the same thing once in a while; our own lines always pass."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(QUIET):
            return True
        what = (record.name, str(record.msg))
        if record.created - self._said.get(what, 0.0) < SAME_AGAIN_S:
            return False
        if len(self._said) > 1000:
            self._said.clear()
        self._said[what] = record.created
        return True


def bind(**context: Any) -> Any:
    """A logger that adds `context` (topic, partition, task_id, ...) to each of its lines."""
    return structlog.get_logger(**context)
