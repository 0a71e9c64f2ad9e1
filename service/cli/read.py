"""``kan-service formula | plot``: a model to read and to look at."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli.completion import Model
from service.cli.connection import Key, Server, connected
from service.cli.files import as_svg, file_name, unused
from service.cli.output import AsJson, show
from service.schemas.models import FormulaFormat


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (formula, plot):
        app.command()(command)


def formula(
    model: Model,
    form: Annotated[FormulaFormat, typer.Option("--format", help="Language to print it in.")] = "text",
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Print the formula of a model."""
    with connected(server, key) as client:
        if as_json:
            show(client.symbolic(model), as_json, lambda: None)
        else:
            typer.echo(client.formula(model, form))


def plot(
    model: Model,
    out: Annotated[
        Path | None, typer.Option(help="The file. [default: MODEL.svg in this folder]", show_default=False)
    ] = None,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Draw the network of a model."""
    path = as_svg(out, "--out") if out else unused(Path(f"{file_name(model)}.svg"))
    with connected(server, key) as client:
        client.plot(model, path)
    show({"picture": str(path)}, as_json, lambda: typer.echo(str(path.resolve())))
