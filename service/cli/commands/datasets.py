"""``kan-service datasets``: list, show, change and delete stored tables."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from service.cli.fields.kinds import parse_pairs
from service.cli.support.connection import Key, Server, connect
from service.cli.support.errors import describe_place
from service.cli.support.groups import make_group
from service.cli.support.list_filters import NamedSort, Search, Since, Tag, Until, make_filters
from service.cli.support.output import AsJson, print_list, print_message, print_result
from service.cli.support.table_source import find_dataset
from service.client import Dataset
from service.client.arguments import DatasetChanges

FOUND_TYPE = "auto"  # returns to the type that was found
Reference = Annotated[
    str, typer.Argument(metavar="DATASET", help="Id or name of a dataset; the newest of its name.")
]

app = make_group("Uploaded tables.")


@app.command("list")
def list_all(
    *,
    name: Annotated[str | None, typer.Option(help="Only datasets of this name.")] = None,
    search: Search = None,
    tag: Tag = None,
    since: Since = None,
    until: Until = None,
    sort: NamedSort = "newest",
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """List the datasets, newest first."""
    with connect(server, key) as client:
        records = client.datasets(name, **make_filters(search, tag, since, until, sort))
        print_list(records, as_json, ["id", "name", "rows", "columns", "uploaded", "tags"], _cells)


@app.command("show")
def show_one(dataset: Reference, as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """Show the columns of a dataset, and warnings about suspicious values."""
    with connect(server, key) as client:
        record = find_dataset(client, dataset)
    print_result(record, as_json, lambda: _print_dataset(record))


@app.command()
def change(
    *,
    dataset: Reference,
    name: Annotated[str | None, typer.Option(help="New name.")] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(help="Unit of a column, as length=m; repeat for several. An empty unit is none."),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            help="Type by which trainings read a column, as code=category; repeat for several. auto "
            "returns to the type that was found.",
        ),
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Tag to set, as site=north; repeat for several.")
    ] = None,
    remove_tag: Annotated[
        list[str] | None, typer.Option(help="Key of a tag to remove; repeat for several.")
    ] = None,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Change the name, units, types or tags of a dataset; its values stay."""
    types, tags, units = parse_pairs(kind, "--type"), parse_pairs(tag, "--tag"), parse_pairs(unit, "--unit")
    if name is None and not (types or tags or units or remove_tag):
        raise typer.BadParameter("give --name, --unit, --type, --tag or --remove-tag")
    with connect(server, key) as client:
        record = find_dataset(client, dataset)
        changes: DatasetChanges = {} if name is None else {"name": name}
        if units:
            changes["units"] = units
        if types:
            new_types = record.types | types
            changes["types"] = {column: value for column, value in new_types.items() if value != FOUND_TYPE}
        if tags or remove_tag:
            changes["tags"] = _remove(record.tags | tags, remove_tag or [])
        result = client.change_dataset(record, **changes)
    print_result(result, as_json, lambda: _print_dataset(result))


def _remove(tags: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """The other tags.

    Raises:
        BadParameter: There is no tag with such a key.
    """
    if unknown := [key for key in keys if key not in tags]:
        raise typer.BadParameter(f"there is no tag {unknown[0]!r}", param_hint="--remove-tag")
    return {key: value for key, value in tags.items() if key not in keys}


@app.command()
def delete(dataset: Reference, as_json: AsJson = False, server: Server = None, key: Key = None) -> None:
    """Delete a dataset permanently; its models stay."""
    with connect(server, key) as client:
        record = find_dataset(client, dataset)
        client.delete(record)
    print_result(
        {"deleted": record.id},
        as_json,
        lambda: typer.echo(f"deleted the dataset {record.name} ({record.id})"),
    )


def _cells(dataset: Dataset) -> list[object]:
    tags = ", ".join(f"{key}={value}" for key, value in dataset.tags.items())
    return [dataset.id, dataset.name, dataset.rows, len(dataset.columns), dataset.created_at, tags]


def _print_dataset(dataset: Dataset) -> None:
    if sys.stdout.isatty():
        print_message(f"{dataset.name}: {dataset.rows:,} rows ({dataset.id})")
    names = ["column", "type", "unit", "missing", "distinct", "min", "max", "mean"]
    types, units = dataset.types, dataset.units
    print_list(
        dataset.columns,
        False,
        names,
        lambda c: [
            c.name,
            types.get(c.name, c.type),
            units.get(c.name),
            *(c.missing, c.distinct, c.min, c.max, c.mean),
        ],
    )
    for warning in dataset.warnings:
        print_message(f"warning: {describe_place(warning)}{warning.get('detail')}")
