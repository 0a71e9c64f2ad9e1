"""Options of trainings beside the fields of their requests: the target, the columns, the picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.fields.kinds import split_text
from service.client import Dataset

DENSITY = "density"

Target = Annotated[
    str | None, typer.Option(help="Column to predict; required unless --task density.", show_default=False)
]
Features = Annotated[
    list[str] | None,
    typer.Option(help="Input columns, separated by commas; by default all usable columns."),
]
Drop = Annotated[list[str] | None, typer.Option(help="Columns to exclude, separated by commas.")]
Units = Annotated[
    list[str] | None,
    typer.Option(
        "--unit",
        help="Unit of a column, as length=m or 'speed=km/h'; repeat for several. By default the name of a "
        "column tells it, as in 'length (m)'; an empty unit is none.",
        show_default=False,
    ),
]
Picture = Annotated[
    Path | None,
    typer.Option(
        help="File for the picture of the network or the density. [default: NAME.svg in this folder]",
        show_default=False,
    ),
]
NoPicture = Annotated[bool, typer.Option("--no-picture", help="Do not draw a picture.")]
KeepBest = Annotated[bool, typer.Option("--keep-best", help="On Ctrl-C, keep the best network so far.")]


def check_training(body: Mapping[str, Any], target: str | None, features: Sequence[str] | None) -> None:
    """Check that there is a target or several, or for a density features and no target.

    Raises:
        BadParameter: What the options need is missing, or the target is superfluous.
    """
    is_density, targets = body.get("task") == DENSITY, body.get("targets")
    if targets is not None:
        if target is not None or len(targets) < 2:
            words = "name at least two columns, and omit --target"
            raise typer.BadParameter(words, param_hint="--targets")
    elif not is_density and target is None:
        words = "name the column to predict; only --task density has no target"
        raise typer.BadParameter(words, param_hint="--target")
    elif is_density and target is not None:
        words = "a density has no target; name its one or two columns with --features"
        raise typer.BadParameter(words, param_hint="--target")
    elif is_density and not features:
        words = "name the one or two columns of the density, such as --features height"
        raise typer.BadParameter(words, param_hint="--features")
    if "per_group" in body and "column" not in body["per_group"]:
        raise typer.BadParameter("name the column of the groups with --per-group", param_hint="--own")


def select_wanted(dataset: Dataset, must_use: Sequence[str] | None) -> dict[str, list[str]]:
    """Make the member ``must_use`` of the body; empty without the option."""
    names = [column.name for column in dataset.columns]
    return {"must_use": _parse_columns(must_use, names)} if must_use else {}


def select_features(
    dataset: Dataset, targets: Sequence[str], features: Sequence[str] | None, drop: Sequence[str] | None
) -> dict[str, list[str]]:
    """Make the member ``features`` of the body; empty if neither option is given.

    Raises:
        BadParameter: A column to drop does not exist.
    """
    names = [column.name for column in dataset.columns]
    if features:
        columns = _parse_columns(features, names)
    elif drop:
        usable = [column.name for column in dataset.columns if _is_usable(column)]
        columns = [name for name in usable if name not in targets]
    else:
        return {}
    dropped_columns = _parse_columns(drop or [], names)
    for name in dropped_columns:
        if name not in names:
            listing = ", ".join(map(repr, names))
            raise typer.BadParameter(
                f"there is no column {name!r}; the columns are {listing}", param_hint="--drop"
            )
    return {"features": [name for name in columns if name not in dropped_columns]}


def _is_usable(column: Any) -> bool:
    """Whether the service would use the column by default: it is no free text, no id and not constant."""
    varies = column.distinct > (0 if column.missing else 1)
    return bool(varies and column.type != "text" and not getattr(column, "is_id", False))


def _parse_columns(texts: Sequence[str], names: Sequence[str]) -> list[str]:
    """Split names at commas, except a text that is itself a name."""
    return [name for text in texts for name in ([text] if text in names else split_text(text))]
