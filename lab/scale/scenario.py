"""The scenarios of ours, as files. How a file is read stands in infra/scenario_file.py."""

from pathlib import Path

from infra.front_matter import BadFile
from infra.scenario_file import AGENTS, FIGURES, Injection, Scenario, Target, parse

__all__ = ["AGENTS", "FIGURES", "FOLDER", "Injection", "Scenario", "Target", "load", "parse"]

FOLDER = Path(__file__).parent / "scenarios"


def load(path: Path) -> Scenario:
    """The scenario in one file. Raises BadFile."""
    try:
        return parse(path.stem, path.read_text(encoding="utf-8"), path)
    except OSError as error:
        raise BadFile(f"cannot be read ({error.strerror})", where=path) from None
    except UnicodeDecodeError as error:
        raise BadFile(f"not UTF-8 text ({error.reason} at byte {error.start})", where=path) from None
