"""``kan-service formula``: print the formula of a model."""

from typing import Annotated

import typer

from service.cli.support.completion import Model
from service.cli.support.connection import Key, Server, connect
from service.cli.support.output import AsJson, print_result


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(formula)


def formula(
    model: Model,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="Language to print it in: text, latex, python, sql, excel, …",
        ),
    ] = "text",
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Print the formula of a model."""
    with connect(server, key) as client:
        if as_json:
            print_result(client.symbolic(model), as_json, lambda: None)
        else:
            typer.echo(client.formula(model, form))
