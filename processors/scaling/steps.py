"""How many instances the fleet may gain or lose within a cool-down, and what it gained and lost of late."""

from schemas.events import ScalingDecision

STEP_UP, STEP_DOWN = 10, 5
SHARE_UP, SHARE_DOWN = 0.05, 0.025
"""Of the fleet as it was before: more than that beyond 200 instances, or a large fleet could not follow its load."""


class Steps:
    def __init__(self, up_us: int, down_us: int) -> None:
        self._within_us = {1: up_us, -1: down_us}
        self._moved: dict[str, tuple[str, int, int]] = {}
        """By decision: agent, when, and by how many."""

    def note(self, decision: ScalingDecision) -> None:
        by = decision["after"] - decision["before"]
        self._moved[decision["event_id"]] = (decision["agent_id"], decision["at"], by)

    def undo(self, decision: ScalingDecision) -> int:
        """When the agent was changed before that; 0 where that is not known."""
        self._moved.pop(decision["event_id"], None)
        return max((at for agent_id, at, _ in self._moved.values() if agent_id == decision["agent_id"]), default=0)

    def forget(self, now: int) -> None:
        longest = max(self._within_us.values())
        self._moved = {name: move for name, move in self._moved.items() if now - move[1] < longest}

    def up(self, fleet: int, now: int) -> tuple[int, int]:
        """The step of a fleet that has so many by now, and what is left of it."""
        gained = self._lately(1, now)
        step = max(STEP_UP, int(SHARE_UP * (fleet - gained)))
        return step, step - gained

    def down(self, fleet: int, now: int) -> tuple[int, int]:
        lost = self._lately(-1, now)
        step = max(STEP_DOWN, int(SHARE_DOWN * (fleet + lost)))
        return step, step - lost

    def _lately(self, sign: int, now: int) -> int:
        return sum(max(0, sign * by) for _, at, by in self._moved.values() if now - at < self._within_us[sign])
