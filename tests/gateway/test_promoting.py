"""Models as a person sees them: which one is in use, what each was made from, and how to make it again."""

import pytest
from click.testing import CliRunner

from gateway import promoting
from gateway.cli import headway
from gateway.promoting import UnknownModel, again, found, in_use, listed
from infra.models import RULES
from lab.ports import free_ports
from tests.support.learning import model


def test_the_newest_stand_first_the_rules_at_the_end_and_one_is_in_use() -> None:
    used = model("old", created_at=1, status="promoted", promoted_at=5)
    known = {"old": used, "new": model("new", created_at=2)}
    rows = listed(known)
    assert [(row["name"], row["in_use"]) for row in rows] == [("new", False), ("old", True), (RULES, False)]
    assert rows[0]["weights_bytes"] > 0
    assert "weights" not in rows[0]
    assert in_use({}) == RULES == listed({})[0]["name"]


def test_a_name_that_is_mistyped_is_told_the_one_that_was_meant() -> None:
    with pytest.raises(UnknownModel, match="did you mean mlp-1"):
        found({"mlp-1": model("mlp-1")}, "mlp-l")
    assert found({}, RULES)["weights"] == b""


def test_the_command_that_makes_a_model_again_names_its_range_seed_and_kind() -> None:
    ranges = [{"partition": 0, "from_offset": 5, "to_offset": 90}, {"partition": 1, "from_offset": 0, "to_offset": 70}]
    told = again(model("m", kind="mlp", seed=7, ranges=ranges))
    assert told == "headway train --from 0:5,1:0 --to 0:90,1:70 --seed 7 --kind mlp --dry-run"


@pytest.mark.parametrize("arguments", [["train"], ["models", "list"], ["models", "rollback"]], ids=" ".join)
def test_without_a_line_the_commands_say_so(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWAY_KAFKA_PORT", str(free_ports(1)))
    said = CliRunner().invoke(headway, arguments)
    assert (said.exit_code, "No Kafka broker answers" in said.output) == (3, True)


def test_the_rules_may_be_all_there_is() -> None:
    assert promoting.told(found({}, RULES), RULES)["in_use"]
