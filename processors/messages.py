"""The events that the dispatcher writes about a task, filled in from what it remembers. No decision is made here."""

from processors.evaluation import Judgement
from processors.task import Task
from schemas.codec import encode
from schemas.events import DeadLetter, Evaluation, OutcomeStatus, TaskAssigned, TaskCommand, TaskMoved, TaskOutcome


def assignment(task: Task, instance_id: str, timeout_ms: int, now: int) -> TaskAssigned:
    return {
        "event_id": f"{task.task_id}/{task.attempt}/run",
        "task_id": task.task_id,
        "session_id": task.session_id,
        "tenant_id": task.tenant_id,
        "kind": "run",
        "attempt": task.attempt,
        "instance_id": instance_id,
        "agent_id": task.agent_id or "",
        "pool": task.pool,
        "skill": task.skill,
        "assigned_at": now,
        "deadline_at": task.deadline_at,
        "timeout_ms": timeout_ms,
        "feedback": task.feedback,
        "steps": task.steps,
        "reason": None,
        "task": task.raw,
        "settings": task.settings,
        "model": task.model,
    }


def stop(task_id: str, attempt: int, instance_id: str, pool: str, agent_id: str, reason: str, now: int) -> TaskAssigned:
    """Takes an attempt back, also of a task that is no longer remembered."""
    return {
        "event_id": f"{task_id}/{attempt}/cancel",
        "task_id": task_id,
        "session_id": "",
        "tenant_id": "",
        "kind": "cancel",
        "attempt": attempt,
        "instance_id": instance_id,
        "agent_id": agent_id,
        "pool": pool,
        "skill": "",
        "assigned_at": now,
        "deadline_at": None,
        "timeout_ms": 0,
        "feedback": None,
        "steps": [],
        "reason": reason,
        "task": b"",
        "settings": [],
        "model": None,
    }


def evaluation(task: Task, judged: Judgement, now: int) -> Evaluation:
    return {
        "event_id": f"{task.task_id}/{task.attempt}/evaluation",
        "task_id": task.task_id,
        "session_id": task.session_id,
        "tenant_id": task.tenant_id,
        "attempt": task.attempt,
        "agent_id": task.agent_id or "",
        "at": now,
        "success": judged.success,
        "quality": judged.quality,
        "verdict": judged.verdict,
        "reasons": list(judged.reasons),
        "redos": task.redos,
        "evaluator": judged.evaluator,
    }


def buried(task: Task, reason: str, now: int) -> DeadLetter:
    """The dead letter of a task that was given up; its submission is the payload."""
    return {
        "event_id": f"{task.task_id}/dead",
        "at": now,
        "service": "dispatcher",
        "topic": "tasks.submitted",
        "partition": -1,
        "offset": -1,
        "key": task.session_id.encode(),
        "payload": task.raw,
        "reason": reason,
        "task_id": task.task_id,
        "session_id": task.session_id,
        "tenant_id": task.tenant_id,
        "attempts": task.attempt,
    }


def outcome(
    task: Task,
    status: OutcomeStatus,
    now: int,
    *,
    output: str,
    error: str | None,
    retry_after_ms: int | None,
    model: str | None,
    quality: float | None,
) -> TaskOutcome:
    return {
        "event_id": f"{task.task_id}/outcome",
        "task_id": task.task_id,
        "session_id": task.session_id,
        "tenant_id": task.tenant_id,
        "status": status,
        "output": output,
        "error": error,
        "retry_after_ms": retry_after_ms,
        "agent_id": task.agent_id,
        "instance_id": task.instance_id,
        "model": model,
        "skill": task.skill,
        "priority": task.priority,
        "attempts": task.attempt,
        "redos": task.redos,
        "quality": quality,
        "submitted_at": task.submitted_at,
        "started_at": task.started_at,
        "finished_at": now,
        "parent_id": task.parent_id,
        "item_index": task.item_index,
        "items": task.items,
        "tokens_in": task.tokens_in,
        "tokens_out": task.tokens_out,
        "cost_usd_micros": task.cost_usd_micros,
        "decided": task.decided,
    }


def move(task: Task, from_agent_id: str, reason: str, now: int) -> TaskMoved:
    """Of a task that is its new pool's already."""
    return {
        "event_id": f"{task.task_id}/moved",
        "task_id": task.task_id,
        "session_id": task.session_id,
        "tenant_id": task.tenant_id,
        "at": now,
        "pool": task.pool,
        "agent_id": task.agent_id or "",
        "from_pool": task.moved_from or "",
        "from_agent_id": from_agent_id,
        "reason": reason,
        "record": encode("DispatchRecord", task.to_record()),
    }


def cancellation(task_id: str, by: str, reason: str, now: int) -> TaskCommand:
    return {
        "event_id": f"{task_id}/cancel",
        "task_id": task_id,
        "kind": "cancel",
        "at": now,
        "by": by,
        "reason": reason,
    }
