"""The settings as each task has them: the process' own, and what an experiment or an adopted winner puts in place."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import structlog

from infra.settings import BadSettings, Settings, with_values
from schemas.events import Override

T = TypeVar("T")

_KEPT_MAX = 1000
"""Combinations of values remembered; experiments have few."""

log = structlog.get_logger()


class PerTask(Generic[T]):
    """What a service makes of the settings, once for each combination of values."""

    def __init__(self, settings: Settings, make: Callable[[Settings], T]) -> None:
        self._settings = settings
        self._make = make
        self._usual = make(settings)
        self._known: dict[tuple[tuple[str, str], ...], T] = {}

    def of(self, overrides: Sequence[Override]) -> T:
        """What this process cannot take (it is older than who wrote it) stays as configured."""
        if not overrides:
            return self._usual
        key = tuple((override["name"], override["value"]) for override in overrides)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _KEPT_MAX:
                self._known.clear()
            found = self._known[key] = self._make(self._with(key))
        return found

    def _with(self, values: tuple[tuple[str, str], ...]) -> Settings:
        made = self._settings
        for name, value in values:
            try:
                made = with_values(made, {name: value})
            except BadSettings as error:
                log.warning("a task's own setting is passed over", setting=name, error=str(error))
        return made
