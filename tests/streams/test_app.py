"""How a service reads: what it commits, and what that costs. The reading itself is tested on the real broker."""

import asyncio
from pathlib import Path
from typing import Any

from faust.types import TP

from infra.settings import Settings
from streams.app import Line

PLACE = TP("routing.decisions", 0)


async def consumer_of_a_service(folder: Path) -> Any:
    line = Line(Settings(state_dir=str(folder)), "dispatcher", 0, [PLACE.topic], "dispatch.log", lambda _: None)  # type: ignore[arg-type,return-value]

    async def nothing(_: Any) -> None:
        """No broker is there to read from."""

    return line.app.transport.create_consumer(nothing, on_partitions_revoked=nothing, on_partitions_assigned=nothing)


class Message:
    def __init__(self, offset: int) -> None:
        self.tp, self.topic, self.offset, self.acked = PLACE, PLACE.topic, offset, False


def test_offsets_that_transactions_leave_out_cost_nothing_and_hold_up_no_commit(tmp_path):
    async def scenario() -> None:
        consumer = await consumer_of_a_service(tmp_path)
        for offset in range(0, 40_000, 2):  # a transaction's mark stands between any two
            await consumer._add_gap(PLACE, offset + 1, offset + 1)
            consumer.ack(Message(offset))
        assert consumer._filter_committable_offsets([PLACE]) == {PLACE: 39_999}
        kept = (*consumer._gap.values(), *consumer._acked.values(), *consumer._acked_index.values())
        assert sum(map(len, kept)) <= 1

    asyncio.run(scenario())
