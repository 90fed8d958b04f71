"""The crash campaign's short form: everything is killed once under load, and nothing is lost or done twice."""

from pathlib import Path

import pytest

from lab.chaos.__main__ import chaos_settings
from lab.chaos.campaign import Campaign
from lab.chaos.plan import once_each
from lab.own_line import running

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(180)
def test_no_kill_loses_or_repeats_a_task(tmp_path: Path) -> None:
    said: list[str] = []
    with running(chaos_settings(tmp_path, processes=1, kafka_heap_mb=256)) as line:
        campaign = Campaign(line, seed=1, rate=15.0, tell=said.append)
        campaign.warm_up()
        result = campaign.round(1, once_each(processes=1, apart_s=3.0), count=300)
        campaign.close()
    assert result.holds, (result, said)
    assert result.verdict["open"] == 0
    assert len(result.strikes) == 6
