"""`headway skills`: which kinds of work there are, what points to them, and which models do them."""

import click

from gateway.cli import defined
from gateway.cli.output import json_option, print_json, remark, table
from gateway.history import reach
from gateway.skills import SkillRow, skill_rows
from gateway.units import moment
from infra.definitions import AGENT, SKILL
from infra.settings import Settings, load_settings


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def skills(ctx: click.Context, as_json: bool) -> None:
    """Show the skills: kinds of work, who does them, and which model each is given.

    Example: headway skills
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


@skills.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the skills, as `headway skills` does.

    Example: headway skills list --json
    """
    _list(as_json)


def _list(as_json: bool) -> None:
    settings = load_settings()
    reach(settings)
    rows = _rows(settings)
    if as_json:
        for row in rows:
            print_json(row._asdict())
        return
    table(
        ["skill", "category", "model now", "cost", "performance", "agents", "description"],
        (
            [
                row.skill,
                row.category,
                row.model or "the line's default",
                f"{row.cost_weight:g}",
                f"{row.performance_weight:g}",
                ", ".join(row.agents) or "nobody",
                row.description,
            ]
            for row in rows
        ),
        right=["cost", "performance"],
        giving=["description", "agents", "category"],
    )
    defined.tell_problems(settings)


@skills.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one skill: what points to it, its models and weights, and which model it is given now.

    Example: headway skills show code_review
    """
    settings = load_settings()
    reach(settings)
    published = defined.one_of(SKILL, settings, name)
    (row,) = (row for row in _rows(settings) if row.skill == name)
    if as_json:
        print_json(published | row._asdict())
        return
    lists = ("words", "capabilities", "preferred", "fallback", "agents")
    facts: dict[str, str] = {"description": row.description, "category": row.category}
    facts |= {name: ", ".join(getattr(row, name)) for name in lists}
    facts |= {
        "cost weight": f"{row.cost_weight:g}",
        "performance weight": f"{row.performance_weight:g}",
        "model now": row.model or "the line's default",
        "why": row.reason,
        "published": moment(row.updated_at),
    }
    table(["", ""], ([key, value or None] for key, value in facts.items()), fold=True)


@skills.command()
@click.argument("words")
@json_option
def find(words: str, as_json: bool) -> None:
    """Find the skill for some work: the one that the router takes it for, and those that are like it in meaning.

    Example: headway skills find "somebody must look over this agreement"
    """
    choice, _, fits = defined.found(words)
    if as_json:
        for one in fits:
            print_json(one._asdict())
        return
    table(["skill", "alike", "why"], ([one.skill, f"{one.likeness:.2f}", one.why] for one in fits), right=["alike"])
    remark(f"A task of these words: {choice.reason}")


defined.keeping(skills, SKILL, "contract_check", "code_review")


def _rows(settings: Settings) -> list[SkillRow]:
    return skill_rows(defined.known(SKILL, settings), defined.known(AGENT, settings), settings)
