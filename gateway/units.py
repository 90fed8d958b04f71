"""How times, durations and money are written for people."""

from datetime import UTC, datetime


def duration(us: float) -> str:
    """`340 ms`, `4.2 s`, `3 min 05 s`, `2 h 10 min`."""
    if us < 0:
        return "-" + duration(-us)
    if us < 1_000_000:
        return f"{us / 1000:.0f} ms"
    seconds = us / 1_000_000
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def moment(us: int) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(us / 1_000_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def money(usd_micros: int) -> str:
    """Dollars, with as many places as show that it was not nothing."""
    dollars = usd_micros / 1_000_000
    return f"${dollars:.2f}" if usd_micros == 0 or dollars >= 0.1 else f"${dollars:.6f}".rstrip("0")


def many(count: int, what: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def short(text: str, width: int) -> str:
    """The first line of a text, cut to a width."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"
