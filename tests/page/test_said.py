"""What the page's modules without elements say, asked of node: no browser and no line is needed."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

VIEWS = Path(__file__).parents[2] / "gateway" / "page" / "views"
SAID = """
const { figuresOf, madeOf } = await import(process.argv[1]);
const asked = JSON.parse(process.argv[2]);
process.stdout.write(JSON.stringify([figuresOf(asked), asked.candidates.map((one) => madeOf(asked, one))]));
"""

FLEET_SAID = """
const said = await import(process.argv[1]);
const { name, given } = JSON.parse(process.argv[2]);
process.stdout.write(JSON.stringify(said[name](...given)));
"""
HOST = {"host_id": "h-1", "zone": "b", "state": "open", "instances": 2, "running": 1, "reason": ""}
AWAY = HOST | {"host_id": "h-2", "zone": "a"}


def decision(router: str, values: tuple[float | None, float | None]) -> dict[str, Any]:
    candidates = [
        {"agent_id": agent, "score": score, "learned": value, "utility": value, "reason": "by its words"}
        for (agent, score), value in zip((("generalist", 0.2), ("css-coder", 0.7)), values, strict=True)
    ]
    told = {"agent_id": "generalist", "router": router, "confidence": 1, "propensity": 1, "candidates": candidates}
    return told | {"decided": {"scorer": "m-7"}}


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's module")
def test_the_lag_is_told_in_steps_for_a_figure_that_changes_each_second_only_flickers() -> None:
    said = [
        asked_of_node(FLEET_SAID, "../format.js", {"name": "lagSaid", "given": [ms]}) for ms in (0, 49, 51, 999, 4200)
    ]
    assert said == ["< 50 ms", "< 50 ms", "< 100 ms", "< 1 s", "4 s"]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's module")
@pytest.mark.parametrize(
    ("asked", "said", "made"),
    [
        (
            decision("hybrid/1", (0.62, 0.55)),
            "; m-7 values it at 0.62, 1.00 sure; second: css-coder with 0.55.",
            "expected 0.62; by the rules 0.20: by its words",
        ),
        (
            decision("rules/2", (0.62, 0.55)),
            "; rules/2 gave it 0.20, 1.00 sure; best: css-coder with 0.70.",
            "by its words",
        ),
        (
            decision("rules/2", (None, None)) | {"propensity": 0.05},
            "; rules/2 gave it 0.20, 1.00 sure; best: css-coder with 0.70. It was left to chance with a share of 0.05.",
            "by its words",
        ),
    ],
)
def test_a_choice_is_told_by_the_figure_of_whoever_chose(asked: dict[str, Any], said: str, made: str) -> None:
    assert asked_of_node(SAID, "task-said.js", asked) == [
        said,
        [made, made.replace("0.62", "0.55").replace("0.20", "0.70")],
    ]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's module")
@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("actsOn", [HOST], ["Drain", "Cordon"]),
        ("actsOn", [HOST | {"state": "cordoned", "reason": "ana:"}], ["Open", "Drain"]),
        ("actsOn", [HOST | {"state": "drained", "reason": "ana:"}], ["Open"]),
        ("actsOn", [HOST | {"state": "silent", "reason": "ana:"}], ["Open"]),
        ("actsOn", [HOST | {"state": "silent"}], ["Drain", "Cordon"]),
        (
            "effectOf",
            ["Drain", HOST, [HOST, AWAY]],
            "Drain h-1? It gives its 2 instances up and finishes the 1 attempt it has in hand, however "
            "long that takes. It stays empty until it is opened, also after a restart. No other host of zone b "
            "is open: new work waits until one is.",
        ),
        (
            "effectOf",
            ["Cordon", HOST, [HOST, AWAY | {"zone": "b"}]],
            "Cordon h-1? It keeps its 2 instances and finishes the 1 attempt it has in hand; nothing new starts there "
            "until it is opened.",
        ),
    ],
)
def test_what_an_act_on_a_host_does_is_said_before_it_is_done(name: str, given: list[Any], said: Any) -> None:
    assert asked_of_node(FLEET_SAID, "fleet-said.js", {"name": name, "given": given}) == said


TWO = [
    {"agent_id": "writer", "instances": 1, "instances_live": 1, "ill": [], "waiting": 0, "load_score": 1},
    {"agent_id": "billing-agent", "instances": 2, "instances_live": 1, "ill": [], "waiting": 3, "load_score": 9},
]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's module")
@pytest.mark.parametrize("by", ["__proto__", "toString", "constructor", "name", None])
def test_an_order_that_there_is_not_is_the_one_by_name(by: str | None) -> None:
    asked = asked_of_node(FLEET_SAID, "fleet-said.js", {"name": "sorted", "given": [TWO, by]})
    assert [one["agent_id"] for one in asked] == ["billing-agent", "writer"]
    assert asked_of_node(FLEET_SAID, "fleet-said.js", {"name": "orderOf", "given": [by]}) == "name"


FILTERED = """
const { filtered, TROUBLES } = await import(process.argv[1]);
const { rows, find } = JSON.parse(process.argv[2]);
const found = filtered(rows, find, (row) => row.words, TROUBLES, (row) => row.states);
process.stdout.write(JSON.stringify(found.map((row) => row.words[0])));
"""
NAMED = {"billing-agent": [], "officer": ["ill"], "skill-finder": ["off", "waiting"], "ill": []}


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's module")
@pytest.mark.parametrize(
    ("find", "found"),
    [
        ("ill", ["officer"]),
        ("off", ["skill-finder"]),
        ("OFF waiting", ["skill-finder"]),
        ("ill bill", []),
        ("offi", ["officer"]),
        ("illi", ["billing-agent"]),
        ("wait", ["skill-finder"]),
        (None, list(NAMED)),
    ],
)
def test_the_word_of_a_chip_finds_that_state_and_any_other_is_a_part_of_a_word(
    find: str | None, found: list[str]
) -> None:
    rows = [{"words": [name, *states], "states": states} for name, states in NAMED.items()]
    assert asked_of_node(FILTERED, "fleet-said.js", {"rows": rows, "find": find}) == found


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's module")
@pytest.mark.parametrize(
    ("model", "said"),
    [
        (None, "It asks the model that the task asks for, else that its skill chooses, else the line's default."),
        ("m-1", "It asks m-1, unless a task asks for another."),
    ],
)
def test_an_agent_says_how_its_model_is_found(model: str | None, said: str) -> None:
    lists: dict[str, list[str]] = {name: [] for name in ("capabilities", "keywords", "perspectives")}
    agent = lists | {"instances": 1, "model": model, "max_tokens": None, "runner": "auto", "fallback": False}
    assert said in asked_of_node(FLEET_SAID, "agents-said.js", {"name": "meaningOf", "given": [agent]})


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's module")
def test_of_two_intervals_of_one_effect_the_page_says_which_is_which() -> None:
    alone, among = (
        asked_of_node(FLEET_SAID, "experiments-said.js", {"name": "bandSaid", "given": [n]}) for n in (1, 3)
    )
    assert "alone" not in alone and alone.endswith("right at all looks together.")
    assert "of this comparison alone" in among and "wider, so that all 3 comparisons hold together" in among


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's module")
def test_each_zone_that_may_be_chosen_brings_its_own_number_where_that_is_known() -> None:
    agent = {"instances": 12, "asked": {"zones": [{"zone": "a", "instances": 7}, {"zone": "b", "instances": 5}]}}
    given = [agent, [{"zone": zone} for zone in "abc"]]
    assert asked_of_node(FLEET_SAID, "fleet-said.js", {"name": "zoneChoices", "given": given}) == [
        ["*", "spread over all zones", {"instances": 12}],
        ["a", "in zone a, which has 7; the others stay", {"instances": 7}],
        ["b", "in zone b, which has 5; the others stay", {"instances": 5}],
        ["c", "in zone c; the others stay", {"instances": ""}],
    ]


def asked_of_node(script: str, module: str, asked: dict[str, Any]) -> Any:
    words = ["node", "--no-warnings", "--input-type=module", "-e", script, "--", str(VIEWS / module), json.dumps(asked)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


LAB_PLAN: dict[str, Any] = {
    "minutes": 60,
    "load": [{"minutes": 10, "per_minute": 500}, {"minutes": 50, "per_minute": 100}],
    "faults": [{"kind": "kill", "first_minutes": 15, "every_minutes": 20, "away_s": 60, "percent": 10, "delay_ms": 0}],
    "failures": 0,
}
WAIT = {"write": None, "better": -1}


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's module")
@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("tasksOf", [LAB_PLAN, 400, None], 20_000),
        ("tasksOf", [LAB_PLAN, 200, 12], 5_200),
        (
            "stepsOf",
            [LAB_PLAN, 100, 12],
            [{"from": 0, "to": 10, "value": 250}, {"from": 10, "to": 12, "value": 50}],
        ),
        (
            "windowsOf",
            [LAB_PLAN, None],
            [{"from": at, "to": at + 1, "kind": "kill"} for at in (15, 35, 55)],
        ),
        ("windowsOf", [LAB_PLAN, 15], []),
        ("faultInWords", LAB_PLAN["faults"], "10 % of the hosts die after 15 min and every 20 min, for 1 min"),
        ("estimate", [LAB_PLAN, 200, None, {"tasks_per_s": 2000, "measured": True}],
         "10,000 tasks: about 6 s (as the newest runs went)."),
        ("moments", [240, 8], [{"at": 30 * n, "words": f"{n / 2:g} h"} for n in range(9)]),
        ("moments", [4320, 4], [{"at": 1440 * n, "words": f"{n} d"} for n in range(4)]),
        ("difference", [WAIT, 2, 1, True], {"words": "−50 %", "word": "better", "tone": "good"}),
        ("difference", [WAIT, 1, 5, True], {"words": "5 times", "word": "worse", "tone": "bad"}),
        ("difference", [WAIT, 1, 5, False], {"words": "5 times", "word": "", "tone": "quiet"}),
        ("difference", [WAIT, 1, None, True], None),
        ("leftMs", [0.5, 1_000_000, 11_000_000], 10_000),
        ("leftMs", [0, 1_000_000, 11_000_000], None),
        ("pointsOf", [None], []),
        (
            "pointsOf",
            [{"step_minutes": 5, "instances": [7], "waiting": [1], "running": [2], "completed": [50]}],
            [{"minute": 5, "instances": 7, "waiting": 1, "running": 2, "completed": 10}],
        ),
    ],
)  # fmt: skip
def test_what_is_said_of_scenarios_and_runs(name: str, given: list[Any], said: Any) -> None:
    words = json.dumps({"name": name, "given": given})
    command = ["node", "--input-type=module", "-e", FLEET_SAID, str(VIEWS / "lab-said.js"), words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == said
