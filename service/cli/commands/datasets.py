"""``kan-service datasets``: list, show and delete stored tables."""

import sys
from typing import Annotated

import typer

from service.cli.support.connection import Key, Server, connect
from service.cli.support.errors import describe_place
from service.cli.support.groups import make_group
from service.cli.support.output import AsJson, print_list, print_message, print_result
from service.client import Dataset

Id = Annotated[str, typer.Argument(metavar="ID", help="Id of a dataset, as listed.")]

app = make_group("Uploaded tables.")


def add_to(commands: typer.Typer) -> None:
    """Add the group to the command line."""
    commands.add_typer(app, name="datasets")


@app.command("list")
def list_all(as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """List the datasets, newest first."""
    with connect(server, key) as client:
        print_list(client.datasets(), as_json, ["id", "name", "rows", "columns", "uploaded"], _cells)


@app.command("show")
def show_one(dataset: Id, as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """Show the columns of a dataset, and warnings about suspicious values."""
    with connect(server, key) as client:
        found = client.dataset(dataset)
    print_result(found, as_json, lambda: _print_dataset(found))


@app.command()
def delete(dataset: Id, as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """Delete a dataset permanently; its models stay."""
    with connect(server, key) as client:
        found = client.dataset(dataset)
        client.delete(found)
    print_result(
        {"deleted": found.id}, as_json, lambda: typer.echo(f"deleted the dataset {found.name} ({found.id})")
    )


def _cells(dataset: Dataset) -> list[object]:
    return [dataset.id, dataset.name, dataset.rows, len(dataset.columns), dataset.created_at]


def _print_dataset(dataset: Dataset) -> None:
    if sys.stdout.isatty():
        print_message(f"{dataset.name}: {dataset.rows:,} rows ({dataset.id})")
    names = ["column", "type", "unit", "missing", "distinct", "min", "max", "mean"]
    print_list(
        dataset.columns,
        False,
        names,
        lambda c: [c.name, c.type, dataset.units.get(c.name), c.missing, c.distinct, c.min, c.max, c.mean],
    )
    for warning in dataset.warnings:
        print_message(f"warning: {describe_place(warning)}{warning.get('detail')}")
