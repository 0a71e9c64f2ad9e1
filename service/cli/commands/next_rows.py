"""``kan-service next-rows``: rows to measure next."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from service.cli.support.completion import Model
from service.cli.support.connection import Key, Server, connect
from service.cli.support.output import AsJson, print_list, print_result
from service.client import NextRows


def propose_next_rows(
    model: Model,
    count: Annotated[int, typer.Option(min=1, max=100, help="How many rows.")] = 3,
    within: Annotated[
        list[str] | None,
        typer.Option(
            help="Lowest and highest value of a column, as T=280:400, or some categories, as "
            "material=steel:iron; repeat for several.",
            show_default=False,
        ),
    ] = None,
    fix: Annotated[
        list[str] | None,
        typer.Option(
            help="Value of a column in every row, as material=steel; repeat for several.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Propose rows to measure next: those that tell most about which formula is the law."""
    limits = {name: _read_values(text) for name, text in _split("--within", within)}
    fixed_values = {name: _read_value(text) for name, text in _split("--fix", fix)}
    with connect(server, key) as client:
        proposal = client.next_rows(model, count, within=limits, fixed=fixed_values)
    print_result(proposal, as_json, lambda: _print_rows(proposal))


def _split(option: str, texts: Sequence[str] | None) -> list[tuple[str, str]]:
    """Convert ``T=280:400`` to a pair of column and text.

    Raises:
        BadParameter: The text has no column.
    """
    pairs = [text.partition("=") for text in texts or ()]
    for name, sign, value in pairs:
        if not (name and sign and value):
            words = f"{name + sign + value!r} is not COLUMN=VALUE, such as T=280"
            raise typer.BadParameter(words, param_hint=option)
    return [(name.strip(), value.strip()) for name, _, value in pairs]


def _read_values(text: str) -> list[Any]:
    return [_read_value(part.strip()) for part in text.split(":")]


def _read_value(text: str) -> Any:
    """A number, true or false, or else a text."""
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text) if any(sign in text for sign in ".eE") else int(text)
    except ValueError:
        return text


def _print_rows(proposal: NextRows) -> None:
    columns = list(proposal.items[0].row)
    print_list(
        proposal.items,
        False,
        [*columns, "gain"],
        lambda item: [*(item.row[c] for c in columns), round(item.gain, 2)],
    )
    for number, item in enumerate(proposal.items, 1):
        predictions = ", ".join(
            f"{name} = {'undefined' if value is None else format(value, '.4g')}"
            for name, value in item.predictions.items()
        )
        typer.echo(f"row {number}: {predictions}")
