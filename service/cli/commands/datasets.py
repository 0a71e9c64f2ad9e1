"""``kan-service datasets``: list, show and delete stored tables."""

import sys
from typing import Annotated

import typer

from service.cli.support.connection import Key, Server, connected
from service.cli.support.errors import place
from service.cli.support.groups import group
from service.cli.support.output import AsJson, say, show, show_list
from service.client import Dataset

Id = Annotated[str, typer.Argument(metavar="ID", help="Id of a dataset, as listed.")]

app = group("Uploaded tables.")


@app.command("list")
def list_all(as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """List the datasets, newest first."""
    with connected(server, key) as client:
        show_list(client.datasets(), as_json, ["id", "name", "rows", "columns", "uploaded"], _cells)


@app.command("show")
def show_one(dataset: Id, as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """Show the columns of a dataset, and warnings about suspicious values."""
    with connected(server, key) as client:
        found = client.dataset(dataset)
    show(found, as_json, lambda: _tell(found))


@app.command()
def delete(dataset: Id, as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """Delete a dataset permanently; its models stay."""
    with connected(server, key) as client:
        found = client.dataset(dataset)
        client.delete(found)
    show({"deleted": found.id}, as_json, lambda: typer.echo(f"deleted the dataset {found.name} ({found.id})"))


def _cells(dataset: Dataset) -> list[object]:
    return [dataset.id, dataset.name, dataset.rows, len(dataset.columns), dataset.created_at]


def _tell(dataset: Dataset) -> None:
    if sys.stdout.isatty():
        say(f"{dataset.name}: {dataset.rows:,} rows ({dataset.id})")
    names = ["column", "type", "unit", "missing", "distinct", "min", "max", "mean"]
    show_list(
        dataset.columns,
        False,
        names,
        lambda c: [c.name, c.type, dataset.units.get(c.name), c.missing, c.distinct, c.min, c.max, c.mean],
    )
    for warning in dataset.warnings:
        say(f"warning: {place(warning)}{warning.get('detail')}")
