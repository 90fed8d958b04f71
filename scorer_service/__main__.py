"""`python -m scorer_service`: `service` follows the samples, `train` learns from a range of them, `evaluate` tries
routers on a table.

`train` and `evaluate` are what `headway train` and `headway route-eval` start: for people, or with --json for programs.
"""

import argparse
import getpass
import json
import os
import sys
from typing import Any

from infra import kafka, log
from infra.settings import BadSettings, Settings, load_settings

FAILED, WRONG_USAGE, NO_LINE = 1, 2, 3
MISSING = "Parts of the scorer are missing here ({}): install headway[scorer], as `make setup` does."


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scorer_service", description="Learns to choose agents.")
    commands = parser.add_subparsers(dest="command", required=True)
    service = commands.add_parser("service", help="follow the samples and train when enough have come")
    service.add_argument("--index", type=int, default=0, help="which of several processes, from 0")
    _add_train(commands.add_parser("train", help="learn from a range of samples, once"))
    commands.add_parser("evaluate", help="try routers on a table", add_help=False)
    asked, more = parser.parse_known_args(arguments)
    if more and asked.command != "evaluate":
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    try:
        return _COMMANDS[asked.command](load_settings(), asked, more)
    except BadSettings as error:
        return _refuse(str(error), WRONG_USAGE)
    except kafka.KafkaUnreachable as error:
        return _refuse(str(error), NO_LINE)
    except kafka.KafkaTrouble as error:
        return _refuse(str(error), FAILED)


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="since")
    parser.add_argument("--to", dest="until")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", dest="kinds")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--by")
    parser.add_argument("--json", action="store_true", dest="as_json")


def _service(settings: Settings, asked: argparse.Namespace, _more: list[str]) -> int:
    from scorer_service import service

    log.configure(settings, f"scorer-{asked.index}")
    kafka.await_broker(settings)
    service.main(settings, asked.index)
    return 0


def _train(settings: Settings, asked: argparse.Namespace, _more: list[str]) -> int:
    # Before numpy or torch are loaded: with another number of threads sums come in another order, and so another hash.
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    log.configure(settings, "train")
    try:
        from scorer_service import attempt
        from scorer_service.ranges import BadRange

        trainer = attempt.Torch()
    except ImportError as error:
        return _refuse(MISSING.format(error), FAILED)
    unknown = sorted(set(asked.kinds or ()) - set(trainer.kinds))
    if unknown:
        return _refuse(f"There is no kind {unknown[0]!r} of model; there are {', '.join(trainer.kinds)}.", WRONG_USAGE)
    wanted = attempt.Asked(
        asked.since, asked.until, asked.seed, asked.kinds, asked.dry_run, asked.by or getpass.getuser()
    )
    try:
        told = attempt.run(settings, wanted, trainer)
    except BadRange as error:
        return _refuse(str(error), WRONG_USAGE)
    except attempt.NothingToLearn as error:
        return _refuse(str(error), FAILED)
    print(json.dumps(told) if asked.as_json else "\n".join(_spoken(told)))
    return 0


def _evaluate(_settings: Settings, _asked: argparse.Namespace, more: list[str]) -> int:
    try:
        from scorer_service import evaluating
    except ImportError as error:
        return _refuse(MISSING.format(error), FAILED)
    return int(evaluating.main(more) or 0)


_COMMANDS = {"service": _service, "train": _train, "evaluate": _evaluate}


def _spoken(told: dict[str, Any]) -> list[str]:
    """What a training did, for people."""
    from scorer_service.ranges import spoken

    became = "not published (--dry-run)" if told["dry_run"] else told["status"]
    unused = {"later revised": told["superseded"], "beyond the most": told["left_out"]} | told["malformed"]
    lines = [
        f"{told['name']}: {became}",
        f"  {told['reason']}",
        f"  samples  {told['samples']:,} of {told['read']:,} records",
        *(f"           {count:,} passed over: {why}" for why, count in unused.items() if count),
        f"  range    {spoken(told['ranges'])}",
        f"  seed     {told['seed']}",
        f"  embedder {told['embedder']}",
    ]
    for kind, one in told["kinds"].items():
        mark = " <- the best" if kind == told["kind"] and len(told["kinds"]) > 1 else ""
        lines.append(
            f"  {kind:8} log loss {one['log_loss']:.4f}, AUC {one['auc']:.3f}, ECE {one['ece']:.3f}, "
            f"{one['bytes']:,} bytes, {one['seconds']:.1f} s{mark}"
        )
    return [*lines, f"  weights  {told['weights_hash']}", f"  took     {told['seconds']:.1f} s"]


def _refuse(text: str, code: int) -> int:
    print(f"Error: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
