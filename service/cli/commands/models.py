"""``kan-service models``: list, show, export and delete trained models."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli.support.completion import Model
from service.cli.support.connection import Key, Server, connect
from service.cli.support.files import find_unused_path, make_file_name
from service.cli.support.groups import make_group
from service.cli.support.metric_tables import METRIC_NAMES
from service.cli.support.model_report import fetch_formulas, print_report
from service.cli.support.output import AsJson, print_list, print_result
from service.client import Model as Trained

QUALITY_METRICS = ("r2", "accuracy", "mean_log_likelihood", "equation_residual")  # one per kind of model

app = make_group("Trained networks.")


def add_to(commands: typer.Typer) -> None:
    """Add the group to the command line."""
    commands.add_typer(app, name="models")


@app.command("list")
def list_all(
    name: Annotated[str | None, typer.Option(help="Only versions of this name.")] = None,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """List the models, newest first."""
    names = ["id", "name", "version", "quality", "target", "trained"]
    with connect(server, key) as client:
        print_list(client.models(name), as_json, names, _cells)


@app.command("show")
def show_one(model: Model, as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """Show the metrics of a model, and its formula."""
    with connect(server, key) as client:
        found = client.model(model)
        formulas = None if as_json else fetch_formulas(client, found)
    print_result(found, as_json, lambda: print_report(found, formulas))


@app.command()
def card(model: Model, as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """Print the model card as Markdown."""
    with connect(server, key) as client:
        if as_json:
            print_result(client.card(model), as_json, lambda: None)
        else:
            typer.echo(client.card_text(model), nl=False)


@app.command()
def delete(model: Model, as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """Delete a model permanently."""
    with connect(server, key) as client:
        found = client.model(model)
        client.delete(found)
    told = f"deleted {found.name}, version {found.version} ({found.id})"
    print_result({"deleted": found.id}, as_json, lambda: typer.echo(told))


@app.command()
def export(
    model: Model,
    form: Annotated[
        str, typer.Option("--format", help="Format of the file: safetensors, onnx, python.")
    ] = "safetensors",
    out: Annotated[
        Path | None, typer.Option(help="File to write. [default: MODEL in this folder]", show_default=False)
    ] = None,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Write a model to a file, for use outside the service."""
    with connect(server, key) as client:
        endings = {each.name: each.ending for each in client.formats().models}
        path = out or find_unused_path(Path(f"{make_file_name(model)}.{endings.get(form, form)}"))
        client.export(model, form, path)
    print_result({"out": str(path), "format": form}, as_json, lambda: typer.echo(str(path.resolve())))


def _cells(model: Trained) -> list[object]:
    measure = next((name for name in QUALITY_METRICS if model.metrics.get(name) is not None), None)
    quality = (
        measure and f"{METRIC_NAMES.get(measure, measure.replace('_', ' '))} {model.metrics[measure]:.4g}"
    )
    return [model.id, model.name, model.version, quality, model.target, model.created_at]
