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


def decision(router: str, values: tuple[float | None, float | None]) -> dict[str, Any]:
    candidates = [
        {"agent_id": agent, "score": score, "learned": value, "utility": value, "reason": "by its words"}
        for (agent, score), value in zip((("generalist", 0.2), ("css-coder", 0.7)), values, strict=True)
    ]
    told = {"agent_id": "generalist", "router": router, "confidence": 1, "propensity": 1, "candidates": candidates}
    return told | {"decided": {"scorer": "m-7"}}


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
    words = ["node", "--no-warnings", "--input-type=module", "-e", SAID, "--"]
    words += [str(VIEWS / "task-said.js"), json.dumps(asked)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [said, [made, made.replace("0.62", "0.55").replace("0.20", "0.70")]]
