"""When an alert fires and when it is resolved, what it sets off, and what people may say to it.

An alert fires when its measure was beyond the threshold at every look for `for_s`, and is resolved when it was clearly
on the good side for a while: by a tenth of the threshold, so that a value that hovers there does not flap. Looks that
are further apart than GAP_US say nothing of the time between: what was counted begins anew.

Only one process keeps alerts, and each change of one is a record that replaces the one before. So whoever starts with
the newest records goes on with what fires; an action that was `due` and has no result yet is due again.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from processors.alerts.measures import NOTHING, SHARES, Reading
from schemas.events import Alert, AlertAction, AlertCommand, AlertRule

GAP_US = 5_000_000
UPDATE_US = 10_000_000
"""An alert that fires tells new values no more often."""

MARGIN = 0.1
"""Of the threshold, by which a value must be on the good side."""

CLEAR_S_MAX = 60.0
"""An alert is resolved after `for_s` on the good side, and after no more than this."""

DUE, SILENCED = "due", "silenced"
NOTIFY = "notify"


class Spell(NamedTuple):
    """A time in which something was so at every look."""

    since: int
    seen: int

    def on(self, now: int) -> "Spell":
        return Spell(now, now) if now - self.seen > GAP_US else Spell(self.since, now)


def alert_id(rule: str, subject: str) -> str:
    return f"{rule}/{subject}"


def threshold(rule: AlertRule) -> float:
    limit = rule["below"] if rule["above"] is None else rule["above"]
    return 0.0 if limit is None else limit


def is_beyond(rule: AlertRule, value: float | None) -> bool:
    limit = threshold(rule)
    return value is not None and (value < limit if rule["above"] is None else value > limit)


def is_well(rule: AlertRule, value: float | None) -> bool:
    """Clearly on the good side; also when there is nothing to see any more."""
    limit = threshold(rule)
    if value is None:
        return True
    return value >= limit * (1 + MARGIN) if rule["above"] is None else value <= limit * (1 - MARGIN)


class Alerts:
    def __init__(self, known: Iterable[Alert] = ()) -> None:
        """`known`: the newest records."""
        self.known: dict[str, Alert] = {alert["alert_id"]: alert for alert in known}
        self._beyond: dict[str, Spell] = {}
        self._well: dict[str, Spell] = {}
        self._silences: dict[str, AlertCommand] = {}
        """The newest by target: an alert, or a rule."""

    @property
    def firing(self) -> list[Alert]:
        return [alert for alert in self.known.values() if alert["state"] == "firing"]

    # --- looks

    def look(self, rules: Mapping[str, AlertRule], seen: Mapping[str, Mapping[str, Reading]], now: int) -> list[Alert]:
        """The alerts that are other than before, by what each rule sees of each subject now."""
        changed: list[Alert | None] = []
        firing: dict[str, list[str]] = {}
        for alert in self.firing:
            firing.setdefault(alert["rule"], []).append(alert["subject"])
        for name, rule in rules.items():
            readings = seen.get(name, {})
            for subject in dict.fromkeys([*readings, *firing.pop(name, ())]):
                changed.append(self._look(rule, subject, readings.get(subject, NOTHING), now))
        for name, subjects in firing.items():
            gone = "Its rule is there no more."
            changed += [self._resolve(self.known[alert_id(name, subject)], None, gone, now) for subject in subjects]
        # What was not looked at now begins anew when it is there again.
        self._beyond = {name: spell for name, spell in self._beyond.items() if spell.seen == now}
        self._well = {name: spell for name, spell in self._well.items() if spell.seen == now}
        self._silences = {t: one for t, one in self._silences.items() if (one["until_at"] or 0) > now}
        return [alert for alert in changed if alert is not None]

    def _look(self, rule: AlertRule, subject: str, reading: Reading, now: int) -> Alert | None:
        name = alert_id(rule["rule"], subject)
        alert = self.known.get(name)
        if alert is not None and alert["state"] == "firing":
            return self._look_at_firing(alert, rule, reading, now)
        if not is_beyond(rule, reading.value):
            self._beyond.pop(name, None)
            return None
        spell = self._beyond[name] = self._beyond.get(name, Spell(now, now)).on(now)
        return self._fire(name, rule, subject, reading, now) if _lasted(spell, rule["for_s"]) else None

    def _fire(self, name: str, rule: AlertRule, subject: str, reading: Reading, now: int) -> Alert:
        del self._beyond[name]
        before = self.known.get(name)
        value = cast(float, reading.value)
        alert: Alert = {
            "alert_id": name,
            "state": "firing",
            "severity": rule["severity"],
            "rule": rule["rule"],
            "subject": subject,
            "measure": rule["measure"],
            "since_at": now,
            "until_at": None,
            "at": now,
            "value": value,
            "threshold": threshold(rule),
            "worst": value,
            "evidence": evidence(rule, reading),
            "tasks": reading.tasks,
            "actions": [{"what": what, "at": now, "result": DUE} for what in dict.fromkeys(rule["actions"])],
            "acknowledged_by": None,
            "acknowledged_at": None,
            "silenced_until_at": None,
            "silenced_by": None,
            "comment": "",
            "fired": (before["fired"] if before else 0) + 1,
        }
        return self._keep(self._with_silence(alert, now))

    def _look_at_firing(self, alert: Alert, rule: AlertRule, reading: Reading, now: int) -> Alert | None:
        name, said = alert["alert_id"], evidence(rule, reading)
        if is_well(rule, reading.value):
            spell = self._well[name] = self._well.get(name, Spell(now, now)).on(now)
            if _lasted(spell, min(rule["for_s"], CLEAR_S_MAX)):
                return self._resolve(alert, reading.value, said, now)
        else:
            self._well.pop(name, None)
        quiet = self._with_silence(alert, now)
        if quiet is not alert:
            return self._keep({**quiet, "at": now})
        if reading.value is None or reading.value == alert["value"] or now - alert["at"] < UPDATE_US:
            return None
        worse = min if rule["above"] is None else max
        told = {"value": reading.value, "worst": worse(alert["worst"], reading.value), "evidence": said, "at": now}
        return self._keep(_with(alert, **told, tasks=reading.tasks, threshold=threshold(rule)))

    def _resolve(self, alert: Alert, value: float | None, said: str, now: int) -> Alert:
        self._well.pop(alert["alert_id"], None)
        actions: list[AlertAction] = [
            {**action, "result": f"not done: it was resolved while {action['result']}", "at": now}
            if action["result"] in (DUE, SILENCED)
            else action
            for action in alert["actions"]
        ]
        over = {"state": "resolved", "until_at": now, "at": now, "value": value, "evidence": said}
        return self._keep(_with(alert, **over, actions=actions))

    # --- what it sets off

    def due(self) -> list[tuple[Alert, str]]:
        """What is to be done now. It stays due until `done` is told."""
        return [(alert, a["what"]) for alert in self.firing for a in alert["actions"] if a["result"] == DUE]

    def done(self, name: str, since_at: int, what: str, result: str, now: int) -> list[Alert]:
        """What came of an action of the alert that fired then; of an earlier time it is not told any more."""
        alert = self.known.get(name)
        if alert is None or alert["since_at"] != since_at:
            return []
        actions = [
            {**action, "result": result, "at": now} if action["what"] == what else action for action in alert["actions"]
        ]
        return [self._keep(_with(alert, actions=actions, at=now))]

    # --- what people say

    def obey(self, command: AlertCommand) -> list[Alert]:
        """The alerts that a command changes. The same command again, also to who starts anew, changes nothing."""
        if command["kind"] == "acknowledge":
            return self._acknowledge(command)
        if command["kind"] == "silence":
            before = self._silences.get(command["target"])
            if before is None or before["at"] <= command["at"]:
                self._silences[command["target"]] = command
        return []  # the next look hides or shows what fires

    def _acknowledge(self, command: AlertCommand) -> list[Alert]:
        alert, at = self.known.get(command["target"]), command["at"]
        if alert is None or alert["state"] != "firing" or at < alert["since_at"]:
            return []
        if alert["acknowledged_at"] is not None and alert["acknowledged_at"] >= at:
            return []
        said = {"acknowledged_by": command["by"], "acknowledged_at": at, "comment": command["comment"]}
        return [self._keep(_with(alert, **said, at=max(at, alert["at"])))]

    def _with_silence(self, alert: Alert, now: int) -> Alert:
        """The alert as silences have it now; the very same one when that changes nothing."""
        asked = [self._silences[target] for target in (alert["alert_id"], alert["rule"]) if target in self._silences]
        until, by, comment = max(
            ((one["until_at"] or 0, one["by"], one["comment"]) for one in asked), default=(0, "", "")
        )
        is_silent = until > now
        results = {DUE: SILENCED} if is_silent else {SILENCED: DUE} if alert["acknowledged_at"] is None else {}
        actions: list[AlertAction] = [
            {**action, "result": results.get(action["result"], action["result"])}
            if action["what"] == NOTIFY
            else action
            for action in alert["actions"]
        ]
        now_said: dict[str, Any] = {
            "silenced_until_at": until if is_silent else None,
            "silenced_by": by if is_silent else None,
            "comment": comment if comment and is_silent and until != alert["silenced_until_at"] else alert["comment"],
            "actions": actions,
        }
        made = _with(alert, **now_said)
        return alert if made == alert else made

    def _keep(self, alert: Alert) -> Alert:
        self.known[alert["alert_id"]] = alert
        return alert


def evidence(rule: AlertRule, reading: Reading) -> str:
    limit = threshold(rule)
    said = f"{limit:.1%}" if rule["measure"] in SHARES else f"{limit:g}"
    bound = "at least" if rule["above"] is None else "at most"
    return " ".join([f"{reading.said}; {bound} {said}.", *filter(None, [reading.suggestion])])


def _lasted(spell: Spell, seconds: float) -> bool:
    return spell.seen - spell.since >= seconds * 1_000_000


def _with(alert: Alert, **changes: Any) -> Alert:
    return cast(Alert, {**alert, **changes})
