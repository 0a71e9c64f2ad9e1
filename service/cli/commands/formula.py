"""``kan-service formula``: print the formula of a model."""

from typing import Annotated

import typer

from service.cli.support.completion import Model
from service.cli.support.connection import Key, Server, connect
from service.cli.support.output import AsJson, print_list, print_result
from service.client import Symbolic


def formula(
    model: Model,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="Language to print it in: text, latex, python, sql, excel, …",
        ),
    ] = "text",
    all_: Annotated[
        bool,
        typer.Option("--all", help="Print the table of all formulas, of which 'fix --choose' selects one."),
    ] = False,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Print the formula of a model."""
    with connect(server, key) as client:
        if as_json:
            print_result(client.symbolic(model), as_json, lambda: None)
        elif all_:
            _print_fronts(client.symbolic(model))
        else:
            typer.echo(client.formula(model, form))


def _print_fronts(symbolic: Symbolic) -> None:
    names = ["output", "choose", "complexity", "rmse", "r2", "formula"]
    rows = [
        [output.name, place, candidate.complexity, candidate.rmse, candidate.r2, candidate.expression]
        for output in symbolic.outputs
        for place, candidate in enumerate(output.pareto)
    ]
    print_list(rows, False, names, list)
