"""The settings of a task: what an experiment put in place, and nothing that a process cannot take."""

import pytest

from infra.per_task import PerTask
from infra.settings import DEFAULTS, BadSettings, varying, with_values


def test_a_tasks_own_values_stand_in_place_of_the_configured_ones():
    per_task = PerTask(DEFAULTS, lambda settings: settings)
    assert per_task.of([]) is DEFAULTS
    own = per_task.of([{"name": "redos_max", "value": "4"}, {"name": "balancer", "value": "adaptive"}])
    assert (own.redos_max, own.balancer, own.retries_max) == (4, "adaptive", DEFAULTS.retries_max)
    assert per_task.of([{"name": "redos_max", "value": "4"}, {"name": "balancer", "value": "adaptive"}]) is own


def test_what_a_process_does_not_know_or_accept_stays_as_configured():
    per_task = PerTask(DEFAULTS, lambda settings: settings)
    own = per_task.of(
        [{"name": "not_yet", "value": "1"}, {"name": "balancer", "value": "?"}, {"name": "redos_max", "value": "2"}]
    )
    assert (own.balancer, own.redos_max) == (DEFAULTS.balancer, 2)


def test_only_settings_that_vary_between_tasks_can_be_tried():
    with pytest.raises(BadSettings, match="kafka_port does not differ between tasks"):
        with_values(DEFAULTS, {"kafka_port": "1"})
    with pytest.raises(BadSettings, match=r"quality_min = '2'.*from 0 to 1"):
        with_values(DEFAULTS, {"quality_min": "2"})
    assert {"balancer", "model_default", "prompt_extra", "quality_min", "redos_max"} <= set(varying())
