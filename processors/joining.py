"""Tasks that decompose: their items become subtasks of the line, and their outcomes are joined into one."""

from collections import Counter

from schemas.events import ItemFinished, ItemOutcome, TaskOutcome, TaskSubmitted

_OUTPUT_BYTES_MAX = 400_000
"""Output kept of all items together: the join and its record must fit a Kafka message."""


def join_pool(task_id: str) -> str:
    """The pool of a task that waits for its items: one of its own, so that such tasks spread over the partitions."""
    return f"join:{task_id}"


def subtasks(parent: TaskSubmitted, now: int) -> list[TaskSubmitted]:
    """One submission an item, with ids that a repeat gives again."""
    count = len(parent["items"])
    return [
        {
            **parent,
            "task_id": f"{parent['task_id']}.{index}",
            "text": f"{parent['text']}\n\nItem {index + 1} of {count}: {item}",
            "submitted_at": now,
            "items": [],
            "parent_id": parent["task_id"],
            "item_index": index,
            "redrive_of": None,
        }
        for index, item in enumerate(parent["items"])
    ]


def open_items(parent: TaskSubmitted) -> list[ItemOutcome]:
    return [
        {
            "index": index,
            "task_id": f"{parent['task_id']}.{index}",
            "status": "open",
            "output": "",
            "error": None,
            "tokens_in": 0,
            "tokens_out": 0,
            "cost_usd_micros": 0,
        }
        for index in range(len(parent["items"]))
    ]


def finished(outcome: TaskOutcome, now: int) -> ItemFinished:
    """What the parent of a subtask is told when the subtask has its outcome."""
    parent_id, index = outcome["parent_id"], outcome["item_index"]
    assert parent_id is not None and index is not None
    return {
        "event_id": f"{outcome['task_id']}/item",
        "task_id": outcome["task_id"],
        "session_id": outcome["session_id"],
        "tenant_id": outcome["tenant_id"],
        "pool": join_pool(parent_id),
        "parent_id": parent_id,
        "at": now,
        "item": {
            "index": index,
            "task_id": outcome["task_id"],
            "status": outcome["status"],
            "output": outcome["output"],
            "error": outcome["error"],
            "tokens_in": outcome["tokens_in"],
            "tokens_out": outcome["tokens_out"],
            "cost_usd_micros": outcome["cost_usd_micros"],
        },
    }


def settle(items: list[ItemOutcome], done: ItemOutcome) -> bool:
    """Notes one finished item; False when it was known already or is none of these."""
    if not 0 <= done["index"] < len(items) or items[done["index"]]["status"] != "open":
        return False
    share = _OUTPUT_BYTES_MAX // len(items)
    items[done["index"]] = {**done, "output": cut(done["output"], share)}
    return True


def verdict(items: list[ItemOutcome]) -> tuple[str, str | None]:
    """Joined output and error of a task whose items have all ended; the error is None when all completed."""
    output = "\n\n".join(item["output"] for item in items if item["output"])
    short = Counter(item["status"] for item in items if item["status"] != "completed")
    if not short:
        return output, None
    kinds = ", ".join(f"{count} {status}" for status, count in sorted(short.items()))
    first = next(item for item in items if item["status"] != "completed")
    why = f" (item {first['index']}: {first['error']})" if first["error"] else ""
    return "", f"{short.total()} of {len(items)} items did not complete: {kinds}{why}"


def cut(text: str, bytes_max: int) -> str:
    """The text, shortened with a note when it is too long for an event."""
    raw = text.encode()
    if len(raw) <= bytes_max:
        return text
    return raw[:bytes_max].decode(errors="ignore") + f"\n[cut: {len(raw)} bytes, {bytes_max} kept]"
