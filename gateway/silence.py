"""Why something of the line gives no answer, and what a person can do: by the settings and the stack's record."""

from infra.settings import Settings

OUTSIDE = {"kafka": "kafka_bootstrap", "warehouse": "clickhouse_url", "gateway-0": "gateway_url"}
"""What may run elsewhere → the setting that says where."""


def remedy(settings: Settings, process: str) -> str:
    """What to do when `process` does not answer."""
    if getattr(settings, OUTSIDE[process]):
        return f"check {OUTSIDE[process]}"
    if comes_back(settings, process):
        return f"the line is up and {process} is starting again: try again in some seconds"
    return "start the line with `headway up`"


def comes_back(settings: Settings, process: str) -> bool:
    """Whether waiting can help: somebody else's server may come back, ours does when its supervisor lives."""
    from infra import stack  # only here: a line that answers does not wait for these modules

    if getattr(settings, OUTSIDE[process]):
        return True
    found = stack.status(settings)
    return found["state"] not in ("stopped", "stopping") and process in (row["name"] for row in found["processes"])
