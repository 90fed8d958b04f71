"""What alerts set off: telling somebody at a web address, pausing experiments, replacing instances. In threads, so that
nobody waits for it.

An action may be started twice, when a process ended before its result was written: a notification carries an id by
which its receiver knows a repeat, and an experiment that is paused is not paused again.
"""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import structlog

from infra import experiments, fleet, kafka, metrics, registry
from infra.settings import Settings
from processors.experiments import lifecycle
from processors.scaling.autoscaler import BY as AUTOSCALER
from processors.scaling.emergency import replacements
from schemas.codec import BadMessage, decode_as
from schemas.events import AgentDefinition, AgentDesired, Alert, Experiment
from streams.scaling import limits, resize

BY = "monitor"
TIMEOUT_S = 5.0
PAUSES_S = (1.0, 4.0)
"""Between the tries of a notification."""
_THREADS = {"notify": 4, "pause_experiments": 1, "scale_out": 1}
"""Several notify, for one that waits for an answer delays no others; experiments are changed one at a time."""

log = structlog.get_logger()


class Wish(NamedTuple):
    alert: Alert
    what: str
    advice: str


class Done(NamedTuple):
    alert_id: str
    since_at: int
    what: str
    result: str


class Acting:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._wishes: dict[str, SimpleQueue[Wish]] = {what: SimpleQueue() for what in _THREADS}
        self._done: SimpleQueue[Done] = SimpleQueue()
        self._under_way: set[tuple[str, int, str]] = set()
        for what, threads in _THREADS.items():
            for _ in range(threads):
                Thread(target=self._work, args=(what,), name=what, daemon=True).start()

    def start(self, wish: Wish) -> None:
        """Once, however often it is asked for until its result was taken."""
        name = (wish.alert["alert_id"], wish.alert["since_at"], wish.what)
        if name in self._under_way:
            return
        self._under_way.add(name)
        if wish.what in self._wishes:
            self._wishes[wish.what].put(wish)
        else:
            self._done.put(Done(*name, "not done: this monitor does not know how"))

    def results(self) -> Iterator[Done]:
        """What came of those that ended since the call before."""
        while True:
            try:
                done = self._done.get_nowait()
            except Empty:
                return
            self._under_way.discard(done[:3])
            yield done

    def _work(self, what: str) -> None:
        while True:
            wish = self._wishes[what].get()
            try:
                result = _ACTS[what](self._settings, wish)
            except Exception as error:  # whatever it is: it stands with the alert, and others wait for this thread
                result = f"failed: {type(error).__name__}"
            log.info("alert acted on", alert=wish.alert["alert_id"], what=what, result=result)
            self._done.put(Done(wish.alert["alert_id"], wish.alert["since_at"], what, result))


# --- notify


class _NoRedirect(HTTPRedirectHandler):
    """A redirected POST would arrive without what it says."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER = build_opener(_NoRedirect(), ProxyHandler({}))


def notify(settings: Settings, wish: Wish) -> str:
    """Tells of an alert; what came of it, without the address, which may hold a key."""
    if not settings.alerts_webhook:
        metrics.NOTIFICATIONS.labels("none").inc()
        return "nobody to notify: alerts_webhook is empty"
    if not settings.alerts_webhook.startswith(("http://", "https://")):
        metrics.NOTIFICATIONS.labels("failed").inc()
        return "failed: alerts_webhook is no http:// or https:// address"
    body = json.dumps(notification(wish.alert, wish.advice)).encode()
    for pause_s in (*PAUSES_S, None):
        problem, may_pass = _post(settings.alerts_webhook, body)
        if problem is None:
            metrics.NOTIFICATIONS.labels("sent").inc()
            return "sent"
        if pause_s is None or not may_pass:
            break
        time.sleep(pause_s)
    metrics.NOTIFICATIONS.labels("failed").inc()
    return f"failed: {problem}"


def notification(alert: Alert, advice: str) -> dict[str, Any]:
    """`notification_id` is the same when it comes again. Tasks are left out: the address is nobody's of a tenant."""
    told = {name: value for name, value in alert.items() if name not in ("tasks", "actions")}
    return {"notification_id": f"{alert['alert_id']}@{alert['since_at']}", **told, "advice": advice}


def _post(address: str, body: bytes) -> tuple[str | None, bool]:
    """What is wrong, and whether that may pass."""
    try:
        request = Request(address, body, {"Content-Type": "application/json"}, method="POST")
        with _OPENER.open(request, timeout=TIMEOUT_S):
            return None, False
    except HTTPError as error:
        error.close()
        return f"it answers {error.code}", error.code == 429 or error.code >= 500
    except TimeoutError:
        return f"no answer within {TIMEOUT_S:g} s", True
    except URLError as error:
        return f"it cannot be reached ({type(error.reason).__name__})", True
    except (OSError, HTTPException) as error:
        return f"no answer ({type(error).__name__})", True
    except ValueError:
        return "alerts_webhook is no address", False


# --- pause_experiments


def pause_experiments(settings: Settings, wish: Wish) -> str:
    """Pauses what runs; what somebody else changes at the same moment is looked at anew."""
    reason = f"Alert {wish.alert['alert_id']}: {wish.alert['evidence']}"
    try:
        names = [name for name, one in experiments.read(settings).items() if one["status"] == "running"]
        paused = [name for name in names if _pause(settings, name, reason)]
    except kafka.KafkaTrouble as error:
        return f"failed: {error}"
    return f"paused {', '.join(paused)}" if paused else "no experiment was running"


def _pause(settings: Settings, name: str, reason: str) -> bool:
    def change(known: dict[str, Experiment]) -> Experiment:
        return lifecycle.paused(known[name], time.time_ns() // 1000, BY, reason)

    try:
        experiments.change(settings, change)
    except lifecycle.BadChange:
        return False  # it runs no more
    return True


# --- scale_out


def scale_out(settings: Settings, wish: Wish) -> str:
    """Asks for as many more instances of each agent as are missing, within the bounds of the autoscaler."""
    if settings.scaling == "off":
        return "not done: scaling is off"
    mark = f"Alert {wish.alert['alert_id']} of {wish.alert['since_at']}:"
    try:
        definitions: dict[str, AgentDefinition] = registry.newest(settings, registry.AGENTS)
        wishes: dict[str, AgentDesired] = fleet.desired(settings)
        pools = registry.newest(settings, registry.POOLS).values()
        zones, now = settings.zone_names, time.time_ns() // 1000
        found = replacements(definitions.values(), wishes, pools, zones, limits(settings), now)
        again = {name for name in found if name in wishes and wishes[name]["reason"].startswith(mark)}
        due = {name: one for name, one in found.items() if name not in again}
        if settings.scaling == "on":
            there, reason = _zones_there(settings, now), f"{mark} {wish.alert['evidence']}"
            due = {
                name: one
                for name, one in due.items()
                if resize(settings, name, *one, by=AUTOSCALER, reason=reason, there=there)
            }
        made = [f"{name} {one.before} → {one.after}" for name, one in due.items()]
    except kafka.KafkaTrouble as error:
        return f"failed: {error}"
    if not made:
        return "no instance is missing that the bounds let replace"
    return f"{'asked for' if settings.scaling == 'on' else 'would have asked for'} {', '.join(made)}"


def _zones_there(settings: Settings, now: int) -> set[str]:
    """Zones of which a host that takes work was heard within the lease."""
    since = now - int(settings.lease_s * 1_000_000)
    found = set()
    for message in kafka.read_all(settings, "agents.heartbeats", since_us=since):
        with suppress(BadMessage):
            beat = decode_as("AgentHeartbeat", message.value())
            if not beat["draining"]:
                found.add(beat["zone"])
    return found


_ACTS = {"notify": notify, "pause_experiments": pause_experiments, "scale_out": scale_out}
