"""The warehouse is gone for a while under load: the line goes on, and all is stored once the warehouse is back."""

import os
from pathlib import Path

import pytest

from lab.chaos.__main__ import chaos_settings
from lab.chaos.campaign import Campaign
from lab.chaos.plan import outage
from lab.own_line import running

pytestmark = pytest.mark.e2e

OUTAGE_S = float(os.environ.get("OUTAGE_S", "8"))
RATE = 15.0


@pytest.mark.timeout(180 + 2 * OUTAGE_S)
def test_the_line_goes_on_without_a_warehouse_and_all_is_stored_afterwards(tmp_path: Path) -> None:
    said: list[str] = []
    with running(chaos_settings(tmp_path, processes=1, kafka_heap_mb=256, sinks=1)) as line:
        campaign = Campaign(line, seed=1, rate=RATE, tell=said.append)
        campaign.warm_up()
        result = campaign.round(1, outage(OUTAGE_S), count=int(RATE * OUTAGE_S))
        campaign.close()
        (row,) = [row for row in line.processes() if row["name"] == "warehouse"]
    assert row["restarts"] > 1, "it was to be gone for longer than one start takes"
    assert result.holds, (result, said)
    assert result.strikes[0].ended > RATE * OUTAGE_S / 3
    assert result.account["rows"] > 5 * result.tasks
