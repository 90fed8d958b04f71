"""The figures of the benchmarks, against their definitions."""

import pytest

from lab.bench import fairness, memory, queue
from lab.bench.figures import jain, out_of_order, quantile, spread, starts_while_all_wait, widest_lead
from lab.bench.line import Rounds, section
from lab.bench.load import AGENTS
from schemas.partition import partition_of


def test_quantiles_are_values_that_were_measured():
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile(list(map(float, range(100))), 0.99) == 99.0
    assert quantile([7.0], 0.99) == 7.0


def test_jain_is_one_when_even_and_one_nth_when_one_has_all():
    assert jain([5, 5, 5, 5]) == 1.0
    assert jain([9, 0, 0]) == pytest.approx(1 / 3)


def test_spread_shows_median_least_and_greatest():
    assert spread([3.0, 1.0, 2.0]) == "2.0 (1.0–3.0)"


def test_starts_count_until_the_first_backlog_is_gone():
    assert starts_while_all_wait("aababbb", {"a": 3, "b": 9}) == {"a": 3, "b": 1}
    assert starts_while_all_wait("aa", {"a": 3, "b": 9}) == {"a": 2, "b": 0}


def test_a_task_is_out_of_order_right_after_one_of_lesser_priority():
    assert out_of_order([1, 1, 2, 5]) == 0
    assert out_of_order([1, 5, 2, 2, 1]) == 2
    assert out_of_order([]) == 0


def test_the_widest_lead_is_over_every_tenant_even_one_that_never_started():
    assert widest_lead("abcabc", "abc") == 1
    assert widest_lead("aaab", "ab") == 3
    assert widest_lead("ababab", "abc") == 3


def test_ratios_are_of_medians_and_are_told():
    found = Rounds([2000.0, 1000.0, 1500.0], [500.0, 1000.0, 750.0], [20.0], [40.0], [20.0], [20.0], [1.0])
    results = found.results()
    assert results["throughput_ratio_celery"] == 2.0 and results["p99_ratio_chain"] == 2.0
    assert results["rounds"]["tasks_per_s"] == [2000.0, 1000.0, 1500.0] and "load_before" not in results
    assert "**2.00 × Celery + Redis**" in section(found)


def test_the_pools_of_the_burst_lie_in_all_partitions():
    assert {partition_of(agent.encode(), 4) for agent in AGENTS} == {0, 1, 2, 3}


def test_starts_before_a_newcomer_are_those_since_it_was_queued():
    starts = [
        {"task_id": "old", "assigned_at": 10},
        {"task_id": "same-moment", "assigned_at": 20},
        {"task_id": "new", "assigned_at": 20},
        {"task_id": "later", "assigned_at": 30},
    ]
    assert fairness._ahead(starts, "new", 20) == 1
    assert fairness._ahead(starts, "new", 15) == 1
    assert fairness._ahead(starts, "new", 5) == 2


def test_sections_tell_the_figures_that_are_asked_for():
    told = queue.section(
        {
            "queue_waiting": 100_000,
            "queue_dispatcher_mb": 230,
            "queue_bytes_a_task": 1500,
            "queue_recovery_s": 4.2,
            "queue_started": 30_000,
            "queue_out_of_order": 0,
            "queue_tenant_lead": 1,
        }
    )
    assert "100,000 tasks wait" in told and "**4.2 s**" in told and "**0** came" in told
    told = memory.section(
        {
            "memory_mb": {"kafka": 400.0, "router-0": 80.0},
            "memory_after_burst_mb": {"kafka": 500.0, "router-0": 90.0},
        }
    )
    assert "**90 MB**" in told and "| router-0 | 80 | 90 |" in told
