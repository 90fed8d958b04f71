"""`headway models`: what was learned, how it did on what it had not seen, and which of it is in use."""

import getpass
from typing import Any

import click

from gateway import promoting
from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.errors import GatewayError
from gateway.history import reach
from gateway.units import moment
from infra import models as models_of
from infra.settings import Settings, load_settings
from infra.warehouse.errors import WarehouseDown
from infra.warehouse.questions import questions

FIGURES = {"held_out": 0, "auc": 3, "log_loss": 4, "ece": 3, "gain": 3}
"""The measurements in the list, with their places."""

reason_option = click.option("--reason", default="", help="Why, in words, for those who ask later.")


@click.group()
def models() -> None:
    """Look at what was learned, and choose which of it is used.

    Example: headway models list
    """


@models.command(name="list")
@json_option
def list_all(as_json: bool) -> None:
    """List the models, newest first, with how they did on decisions they had not seen.

    Example: headway models list
    """
    rows = promoting.listed(_known())
    if as_json:
        for row in rows:
            print_json(row)
        return
    table(
        ["model", "state", "made", "samples", *(name.replace("_", " ") for name in FIGURES), "by", "why"],
        (
            [
                row["name"],
                _state(row),
                _made(row),
                f"{row['samples']:,}",
                *_figures(row),
                row["by"] or None,
                row["reason"],
            ]
            for row in rows
        ),
        right=["samples", *(name.replace("_", " ") for name in FIGURES)],
        giving=["why", "by", "ece", "log loss", "held out", "made"],
    )
    remark("Gain: success that its choices would have had beyond those that were made. `headway models show` has more.")


@models.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one model: what it was made from, what the gate measured, why it has its status, and of the one in use also
    whether it still holds: what it expected beside what came of it, and how far the tasks have moved since.

    Example: headway models show mlp-20261121-161200
    """
    settings = _reached()
    known = dict(models_of.all_models(settings))
    model = promoting.found(known, name)
    row = promoting.told(model, promoting.in_use(known))
    if as_json:
        print_json(row)
        return
    facts = {
        "state": _state(row),
        "why": row["reason"] or "The rules that route when nothing was learned.",
        "by": row["by"],
        "in use since": moment(row["promoted_at"]) if row["in_use"] and row["promoted_at"] else None,
    }
    if model["weights"]:
        facts |= {
            "made": moment(row["created_at"]),
            "from": f"{row['samples']:,} samples, seed {row['seed']}, {row['embedder']}, {row['features']}",
            "weights": f"{row['weights_bytes']:,} bytes, {row['weights_hash']}",
            "again": promoting.again(model),
        }
    table(["", ""], ([key, value or None] for key, value in facts.items()), fold=True)
    if row["metrics"]:
        say()
        table(["measured", ""], ([key, f"{value:.4g}"] for key, value in sorted(row["metrics"].items())), right=[""])
    if row["in_use"] and model["weights"]:
        _tell_whether_it_holds(settings)


@models.command()
@click.argument("name")
@reason_option
@click.option("--force", is_flag=True, help="Also when the gate rejected it; needs --reason.")
@json_option
def promote(name: str, reason: str, force: bool, as_json: bool) -> None:
    """Put a model to use. `rules` goes back to the rules alone; then nothing is promoted by itself until you do it.

    \b
    Example: headway models promote mlp-20261121-161200 --reason "as agreed on Monday"
    Example: headway models promote rules
    """
    settings = _reached()
    _tell(promoting.promote(settings, name, getpass.getuser(), reason, force), as_json)


@models.command()
@click.argument("name", required=False)
@reason_option
@json_option
def rollback(name: str | None, reason: str, as_json: bool) -> None:
    """Go back to what was in use before: the model before this one, and at last the rules alone.

    With NAME only if that one is in use: a newer one may have been promoted since you looked.

    Example: headway models rollback --reason "more redos since noon"
    """
    settings = _reached()
    back, aside = promoting.roll_back(settings, getpass.getuser(), reason, name)
    if not as_json:
        say(f"{aside['name']} was taken back; it had been in use since {moment(aside['promoted_at'] or 0)[:19]}.")
    _tell(back, as_json)


def _tell_whether_it_holds(settings: Settings) -> None:
    from gateway.asking import Asker  # the warehouse's client: nothing else here needs it
    from gateway.cli.ask import judged

    for name in ("calibration", "task_drift"):
        question = questions()[name]
        say()
        try:
            with Asker(settings) as asker:
                answer = asker.rows_of(question.sql, question.parameters)
        except (GatewayError, WarehouseDown) as error:
            remark(f"Whether it still holds is asked of the warehouse: {error}")
            return
        right = [column for column in answer.columns if column != "feature"]
        cells = ([f"{one:,.4g}" if isinstance(one, float) else one for one in row] for row in answer.rows)
        table(answer.columns, ([one if one is None else str(one) for one in row] for row in cells), right=right)
        remark(question.words)
        judged(question, answer)


def _tell(model: Any, as_json: bool) -> None:
    if as_json:
        print_json(promoting.told(model, model["name"]))
        return
    alone = model["name"] == models_of.RULES
    say("The rules alone are in use." if alone else f"{model['name']} is in use.")
    remark("Routers take it within seconds, for tasks decided from then on; `headway models rollback` goes back.")


def _reached() -> Settings:
    settings = load_settings()
    reach(settings)
    return settings


def _known() -> dict[str, Any]:
    return dict(models_of.all_models(_reached()))


def _state(row: dict[str, Any]) -> str:
    if row["in_use"]:
        return "in use"
    if row["name"] == models_of.RULES:
        return "rules"
    return "was in use" if row["status"] == "promoted" else str(row["status"])


def _made(row: dict[str, Any]) -> str | None:
    return moment(row["created_at"])[:16].replace("T", " ") if row["created_at"] else None


def _figures(row: dict[str, Any]) -> list[str | None]:
    return [
        f"{row['metrics'][name]:,.{places}f}" if name in row["metrics"] else None for name, places in FIGURES.items()
    ]
