"""``kan-service next-rows``: rows to measure next."""

from typing import Any

import typer

from service.cli.fields.options import take_body
from service.cli.support.completion import Model
from service.cli.support.connection import Key, Server, connect
from service.cli.support.output import AsJson, print_list, print_result
from service.client import NextRows


@take_body("next_rows")
def propose_next_rows(
    *,
    model: Model,
    body: dict[str, Any],
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Propose rows to measure next: those that tell most about which formula is the law."""
    with connect(server, key) as client:
        proposal = client.next_rows(model, **body)
    print_result(proposal, as_json, lambda: _print_rows(proposal))


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
