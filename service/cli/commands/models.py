"""``kan-service models``: list, show, compare, evaluate, name, export, import and delete trained models."""

from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.commands.evaluate import evaluate
from service.cli.support.completion import Model, model_names
from service.cli.support.connection import Key, Server, connect
from service.cli.support.files import find_unused_path, make_file_name
from service.cli.support.groups import make_group
from service.cli.support.list_filters import DatasetOption, NamedSort, Search, Since, Tag, Until, make_filters
from service.cli.support.metric_tables import METRIC_NAMES, print_comparison
from service.cli.support.model_report import fetch_formulas, print_report
from service.cli.support.output import AsJson, print_list, print_message, print_result
from service.cli.support.table_source import STDIN, find_dataset, open_file
from service.client import Alias, Edges
from service.client import Model as Trained
from service.documents.readable_numbers import format_metric
from service.schemas.models import ModelTask

QUALITY_METRICS = ("r2", "accuracy", "mean_log_likelihood", "equation_residual")  # one per kind of model

app = make_group("Trained networks.")


@app.command("list")
def list_all(
    *,
    name: Annotated[str | None, typer.Option(help="Only versions of this name.")] = None,
    dataset: DatasetOption = None,
    target: Annotated[str | None, typer.Option(help="Column that they predict.", show_default=False)] = None,
    task: Annotated[ModelTask | None, typer.Option(help="What they predict.", show_default=False)] = None,
    search: Search = None,
    tag: Tag = None,
    since: Since = None,
    until: Until = None,
    sort: NamedSort = "newest",
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """List the models, newest first."""
    names = ["id", "name", "version", "quality", "target", "trained"]
    with connect(server, key) as client:
        filters = make_filters(search, tag, since, until, sort)
        source = dataset and find_dataset(client, dataset)
        print_list(
            client.models(name, dataset=source, target=target, task=task, **filters), as_json, names, _cells
        )


@app.command("show")
def show_one(model: Model, as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """Show the metrics of a model, and its formula."""
    with connect(server, key) as client:
        record = client.model(model)
        formulas = None if as_json else fetch_formulas(client, record)
    print_result(record, as_json, lambda: print_report(record, formulas))


@app.command()
def card(model: Model, as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """Print the model card as Markdown."""
    with connect(server, key) as client:
        if as_json:
            print_result(client.card(model), as_json, lambda: None)
        else:
            typer.echo(client.card_text(model), nl=False)


@app.command()
def compare(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL MODEL…", help="Two or more models of one target.", autocompletion=model_names
        ),
    ],
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Compare models of one target: metrics on the hold-out rows, formulas, and times."""
    if len(models) < 2:
        raise typer.BadParameter("give at least two models", param_hint="MODEL")
    with connect(server, key) as client:
        comparison = client.compare(*models)
    print_result(comparison, as_json, lambda: print_comparison(comparison))
    for warning in [] if as_json else comparison.warnings:
        print_message(f"warning: {warning}")


app.command()(evaluate)


@app.command()
def evaluations(model: Model, as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """List the evaluations of a model, newest first."""
    names = ["verdict", "error", "expected", "rows", "measured"]
    with connect(server, key) as client:
        print_list(
            client.evaluations(client.model(model)),
            as_json,
            names,
            lambda entry: [entry.verdict, entry.error, entry.expected_error, entry.rows, entry.created_at],
        )


@app.command()
def alias(
    model: Model,
    alias: Annotated[
        str | None, typer.Argument(help="Alias to set, so that NAME@ALIAS refers to the model.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the aliases of the model.")] = False,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Let name@alias refer to a model; without an alias, list the aliases of its name."""
    if remove and alias is not None:
        raise typer.BadParameter("--remove removes all aliases of the model; omit the alias")
    with connect(server, key) as client:
        record = client.model(model)
        if remove or alias is not None:
            client.change(record, alias=alias)
        aliases = client.aliases(record.name)
    _print_aliases(record, aliases, as_json)


def _print_aliases(model: Trained, aliases: list[Alias], as_json: bool) -> None:
    names = ["alias", "version", "id"]
    rows = [[f"{model.name}@{entry.alias}", entry.version, entry.model_id] for entry in aliases]
    print_list(aliases if as_json else rows, as_json, names, list)


@app.command()
def edges(
    model: Model,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """List the edges of a model's most accurate network, as 'fix --edge' names them."""
    names = ["edge", "score", "from", "best function", "r2"]
    with connect(server, key) as client:
        network = client.edges(model, "accurate")
    if as_json:
        print_result(network, as_json, lambda: None)
    else:
        ranking = sorted(network.edges, key=lambda edge: edge.get("score") or 0.0, reverse=True)
        print_list(ranking, False, names, lambda edge: _edge_cells(edge, network))


def _edge_cells(edge: dict[str, Any], network: Edges) -> list[Any]:
    best: dict[str, Any] = next(iter(edge.get("suggestions", ())), {})
    layers = edge["layer"] if edge["to_layer"] == edge["layer"] + 1 else f"{edge['layer']}-{edge['to_layer']}"
    name = network.nodes[edge["layer"]][edge["in"]].name
    return [f"{layers},{edge['in']},{edge['out']}", edge["score"], name, best.get("function"), best.get("r2")]


@app.command("import")
def import_file(
    file: Annotated[str, typer.Argument(help="File that export has written; '-' is standard input.")],
    name: Annotated[str | None, typer.Option(help="Name of the model. [default: as in the file]")] = None,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Add a model from a file that export has written as safetensors."""
    if file != STDIN and not Path(file).is_file():
        raise typer.BadParameter(f"file {file!r} does not exist.", param_hint="'FILE'")
    with connect(server, key) as client, open_file(file) as path:
        record = client.import_model(path, name)
        formulas = None if as_json else fetch_formulas(client, record)
    print_result(record, as_json, lambda: print_report(record, formulas))


@app.command()
def delete(model: Model, as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """Delete a model permanently."""
    with connect(server, key) as client:
        record = client.model(model)
        client.delete(record)
    text = f"deleted {record.name}, version {record.version} ({record.id})"
    print_result({"deleted": record.id}, as_json, lambda: typer.echo(text))


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
        endings = {entry.name: entry.ending for entry in client.formats().models}
        path = out or find_unused_path(Path(f"{make_file_name(model)}.{endings.get(form, form)}"))
        client.export(model, form, path)
    print_result({"out": str(path), "format": form}, as_json, lambda: typer.echo(str(path.resolve())))


def _cells(model: Trained) -> list[object]:
    measure = next((name for name in QUALITY_METRICS if model.metrics.get(name) is not None), None)
    quality = measure and (
        f"{METRIC_NAMES.get(measure, measure.replace('_', ' '))} "
        f"{format_metric(measure, model.metrics[measure])}"
    )
    return [model.id, model.name, model.version, quality, model.target, model.created_at]
