"""Alerts as people want to see them and what they may say to one. Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gateway.errors import BadInput
from schemas.events import Alert, AlertCommand, AlertRule

SEVERITIES = ("critical", "warning", "info")
"""The worst first."""

SILENCE_S_MAX = 7 * 86_400
"""A silence that lasts longer hides what nobody remembers; a rule that is not wanted can be taken out."""

COMMENT_CHARS_MAX = 300
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Limit(NamedTuple):
    """When a rule holds."""

    side: str
    value: float


def listed(alerts: Iterable[Alert], state: str | None = None) -> list[Alert]:
    """Those that fire first, the worst and the newest of them; then the others, the last resolved first."""
    wanted = [alert for alert in alerts if state in (None, alert["state"])]
    return sorted(wanted, key=_place)


def _place(alert: Alert) -> tuple[bool, int, int]:
    if alert["state"] == "firing":
        severity = alert["severity"]
        return False, SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES), -alert["since_at"]
    return True, 0, -(alert["until_at"] or 0)


def seen_by(alert: Alert, tenant: str | None) -> Alert:
    """The alert as a tenant may see it (null: all of them): without the tasks of others."""
    return {**alert, "tasks": [task for task in alert["tasks"] if tenant in (None, task["tenant_id"])]}


def limit_of(rule: AlertRule) -> Limit:
    return Limit("below", rule["below"] or 0.0) if rule["above"] is None else Limit("above", rule["above"])


def seconds(text: str) -> int:
    """`2h`, `30m`, `1d`, `90s`; 0 ends a silence. Raises BadInput."""
    found = re.fullmatch(r"(\d{1,7})([smhd]?)", text.strip())
    if found is None or (found[1] != "0" and not found[2]):
        raise BadInput(f"{text!r} is no time: give it as 90s, 30m, 2h or 1d; 0 ends a silence.")
    total = int(found[1]) * _UNITS[found[2] or "s"]
    if total > SILENCE_S_MAX:
        raise BadInput(f"A silence lasts 7 days at most, not {text}: take the rule out when it is not wanted.")
    return total


def acknowledgement(alert: Alert, by: str, comment: str, now: int) -> AlertCommand:
    """Raises BadInput when nothing fires that somebody could take on."""
    if alert["state"] != "firing":
        raise BadInput(f"{alert['alert_id']} is resolved: there is nothing to take on.")
    return _command("acknowledge", alert["alert_id"], None, by, comment, now)


def silence(
    target: str, alerts: Mapping[str, Any], rules: Mapping[str, Any], for_s: int, by: str, comment: str, now: int
) -> AlertCommand | None:
    """Of an alert, or of all alerts of a rule; null when there is neither."""
    if target not in alerts and target not in rules:
        return None
    return _command("silence", target, now + for_s * 1_000_000, by, comment, now)


def lasting(silences: Mapping[str, AlertCommand], now: int) -> list[AlertCommand]:
    """Those that still last, by what they are of: of a rule also while none of its alerts fires."""
    return [one for _, one in sorted(silences.items()) if (one["until_at"] or 0) > now]


def obeyed(command: AlertCommand, alerts: Mapping[str, Alert]) -> bool:
    """Whether the alerts say what a command asked for: at once where none of its target fires."""
    target, until = command["target"], command["until_at"]
    concerned = [a for a in alerts.values() if a["state"] == "firing" and target in (a["alert_id"], a["rule"])]
    if command["kind"] == "acknowledge":
        return all((alert["acknowledged_at"] or 0) >= command["at"] for alert in concerned)
    if until is None or until <= command["at"]:
        return all(alert["silenced_until_at"] is None for alert in concerned)
    return all((alert["silenced_until_at"] or 0) >= until for alert in concerned)


def _command(kind: Any, target: str, until: int | None, by: str, comment: str, now: int) -> AlertCommand:
    return {
        "event_id": f"{target}/{kind}/{now}",
        "target": target,
        "kind": kind,
        "until_at": until,
        "at": now,
        "by": by,
        "comment": comment,
    }
