"""Options of ``train``, ``study`` and ``solve``, and their conversion to the body of a job."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import JsonValue

from service.client import Dataset
from service.schemas.members import Member
from service.schemas.training import Serve, UnitMode

NOTHING = "none"
BASELINES = ("linear", "mlp", "boosting")
DENSITY = "density"
# Fields of the body that options name as the body does
PLAIN_FIELDS = (
    "name",
    "max_seconds",
    "task",
    "seed",
    "serve",
    "target_error",
    "max_constants",
    "form",
    "units",
    "weight",
)

Target = Annotated[
    str | None, typer.Option(help="Column to predict; required unless --task density.", show_default=False)
]
Name = Annotated[str | None, typer.Option(help="Name of the model; a new version if it exists.")]
MaxSeconds = Annotated[float | None, typer.Option(help="Time limit of the job. [default: 300]")]
Task = Annotated[
    Literal["auto", "regression", "classification", "density"],
    typer.Option(
        help="Kind of task; auto chooses it from the values of the target. A density has no target: it is "
        "the distribution of one or two columns of --features."
    ),
]
Features = Annotated[
    list[str] | None,
    typer.Option(help="Input columns, separated by commas; by default all usable columns."),
]
Drop = Annotated[list[str] | None, typer.Option(help="Columns to exclude, separated by commas.")]
Hidden = Annotated[
    str | None, typer.Option(help="Nodes of the hidden layers, such as 10,5; 'none' for no hidden layer.")
]
Grid = Annotated[int | None, typer.Option(min=1, help="Grid intervals of every activation.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of the random numbers in the training.")]
TestFraction = Annotated[
    float | None, typer.Option(help="Fraction of the rows that are held out for the metrics. [default: 0.2]")
]
NoFormula = Annotated[bool, typer.Option("--no-formula", help="Do not search for a formula.")]
NoCompact = Annotated[bool, typer.Option("--no-compact", help="Do not look for a network of few curves.")]
MemberOption = Annotated[
    Member | None, typer.Option(help="Member of the model that answers by default.", show_default=False)
]
ServeOption = Annotated[
    Serve | None,
    typer.Option(
        help="Member of the model that answers by default: its most accurate network, its network of few "
        "curves, its formula, its linear model, or the best of these. [default: auto]",
        show_default=False,
    ),
]
MaxEdges = Annotated[
    int | None,
    typer.Option(
        min=1, max=200, help="Most curves of the compact network. [default: 20]", show_default=False
    ),
]
Baselines = Annotated[
    str | None,
    typer.Option(
        help=f"Models to compare with: {', '.join(BASELINES)}; or 'none'. mlp:29x29 is an MLP of that shape, "
        "mlp:987 one with about 987 parameters, mlp:matched one as large as the network. [default: linear]"
    ),
]
Form = Annotated[
    str | None,
    typer.Option(
        help="A form that you believe in, such as 'a*exp(-b*t) + c'; names that are no columns are its "
        "constants, which are fitted.",
        show_default=False,
    ),
]
Constants = Annotated[
    list[str] | None,
    typer.Option(
        "--constant",
        help="What is known of a constant of the form: bounds b=0..10, b=0.. or b=..10, or a value g=9.81.",
        show_default=False,
    ),
]
PerGroup = Annotated[
    str | None,
    typer.Option(
        help="Column that names groups of rows, which have constants of their own: of the form, or of the "
        "best formula.",
        show_default=False,
    ),
]
Own = Annotated[
    str | None,
    typer.Option(
        help="Constants of the form that differ between the groups of --per-group, separated by commas; by "
        "default the rows choose.",
        show_default=False,
    ),
]
Weight = Annotated[
    str | None,
    typer.Option(
        help="Column with the weight of each row: a row of weight 2 counts like two rows.", show_default=False
    ),
]
TargetError = Annotated[
    str | None,
    typer.Option(
        help="Column with the standard deviation of the target in each row; rows then weigh 1/σ².",
        show_default=False,
    ),
]
MustUse = Annotated[
    list[str] | None,
    typer.Option(help="Columns that every formula and network must contain, separated by commas."),
]
MaxConstants = Annotated[
    int | None, typer.Option(min=0, help="Most measured constants of a formula.", show_default=False)
]
Functions = Annotated[
    str | None,
    typer.Option(
        help="The functions that formulas may contain, separated by commas, or sets of them: polynomial, "
        "rational, exponential, trigonometric. Arithmetic is always allowed.",
        show_default=False,
    ),
]
Monotone = Annotated[
    list[str] | None,
    typer.Option(help="Column with which the target rises or falls, as dose=increasing; repeat for several."),
]
Bounds = Annotated[
    str | None,
    typer.Option(help="Lowest and highest value of the target, as 0:100, 0: or :100.", show_default=False),
]
Units = Annotated[
    list[str] | None,
    typer.Option(
        "--unit",
        help="Unit of a column, as length=m or 'speed=km/h'; repeat for several. By default the name of a "
        "column tells it, as in 'length (m)'; an empty unit is none.",
        show_default=False,
    ),
]
UnitModes = Annotated[
    UnitMode | None,
    typer.Option(
        "--units",
        help="What follows if the units of a formula do not add up: it comes behind those whose units do "
        "(check), it is left out (enforce), or nothing (ignore). [default: check]",
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


def split_targets(target: str | None, targets: Sequence[str] | None) -> list[str]:
    """The columns of --targets; empty without the option.

    Raises:
        BadParameter: There is a --target, too, or only one target.
    """
    if targets is None:
        return []
    names = [name for text in targets for name in split_text(text)]
    if target is not None or len(names) < 2:
        words = "name at least two columns, and omit --target"
        raise typer.BadParameter(words, param_hint="--targets")
    return names


def check_goal(target: str | None, task: str, features: Sequence[str] | None) -> None:
    """Check that the task has a target, or for a density features and no target.

    Raises:
        BadParameter: The target or the features are missing, or the target is superfluous.
    """
    if task != DENSITY and target is None:
        words = "name the column to predict; only --task density has no target"
        raise typer.BadParameter(words, param_hint="--target")
    if task == DENSITY and target is not None:
        words = "a density has no target; name its one or two columns with --features"
        raise typer.BadParameter(words, param_hint="--target")
    if task == DENSITY and not features:
        words = "name the one or two columns of the density, such as --features height"
        raise typer.BadParameter(words, param_hint="--features")


def parse_pairs(texts: Sequence[str] | None, option: str) -> dict[str, str]:
    """Convert texts such as ``length=m``, which an option repeats.

    Raises:
        BadParameter: A text has no ``=``.
    """
    return dict(_split_pair(text, "=", option) for text in texts or ())


def make_body(**wishes: Any) -> dict[str, Any]:
    """Make the part of the body that does not depend on the table. Options that are None are left out."""
    options = {name: value for name, value in wishes.items() if value is not None}
    if options.get("task") == "auto":
        del options["task"]
    body: dict[str, Any] = {name: options[name] for name in PLAIN_FIELDS if name in options}
    constants = dict(map(_parse_constant, options.get("constants") or ()))
    body |= {"constants": constants} if constants else {}
    body |= _make_groups(options.get("per_group"), options.get("own"))
    body |= {"compact": {"max_edges": options["max_edges"]}} if "max_edges" in options else {}
    network = {"hidden": _parse_sizes(options["hidden"])} if "hidden" in options else {}
    network |= {"grid": options["grid"]} if "grid" in options else {}
    body |= {"network": network} if network else {}
    if "test_fraction" in options:
        body["split"] = {"kind": "random", "test_fraction": options["test_fraction"]}
    if "monotone" in options:
        body["monotone"] = dict(_split_pair(text, "=", "--monotone") for text in options["monotone"])
    if "bounds" in options:
        ends = zip(("min", "max"), _split_pair(options["bounds"], ":", "--bounds"), strict=True)
        body["bounds"] = {name: _parse_number(text, "--bounds") for name, text in ends if text}
    if "functions" in options:
        body["functions"] = split_text(options["functions"])
    if options.get("no_compact"):
        body["compact"] = False
    if options.get("no_formula"):
        body["symbolic"] = False
    if "baselines" in options:
        body["baselines"] = [
            _parse_baseline(name) for name in split_text(options["baselines"]) if name != NOTHING
        ]
    return body


def _make_groups(column: str | None, group_constants: str | None) -> dict[str, JsonValue]:
    """Make the member ``per_group`` of the body; empty without groups.

    Raises:
        BadParameter: There are constants of groups, but no groups.
    """
    if group_constants is None:
        return {} if column is None else {"per_group": column}
    if column is None:
        raise typer.BadParameter("name the column of the groups with --per-group", param_hint="--own")
    return {"per_group": {"column": column, "own": [*split_text(group_constants)]}}


def _parse_constant(text: str) -> tuple[str, dict[str, float]]:
    """Convert ``b=0..10`` or ``g=9.81`` to a member of ``constants``.

    Raises:
        BadParameter: The text is neither.
    """
    name, equals, value = text.partition("=")
    low, dots, high = value.partition("..")
    try:
        if not dots and equals:
            return name.strip(), {"value": float(value)}
        ends = {key: float(end) for key, end in (("min", low), ("max", high)) if end.strip()}
    except ValueError:
        ends = {}
    if not ends or not equals:
        raise typer.BadParameter(
            f"{text!r} is not a limit; write b=0..10, b=0.., b=..10 or g=9.81", param_hint="--constant"
        )
    return name.strip(), ends


def _split_pair(text: str, separator: str, option: str) -> tuple[str, str]:
    head, sign, tail = text.rpartition(separator)
    if not sign:
        raise typer.BadParameter(f"{text!r} has no {separator!r}; see --help", param_hint=option)
    return head.strip(), tail.strip()


def _parse_number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no number", param_hint=option) from None


def _parse_baseline(text: str) -> JsonValue:
    """Convert ``mlp:29x29``, ``mlp:987`` or ``mlp:matched`` to a member of the body; other texts are names.

    Raises:
        BadParameter: The part after the colon is invalid.
    """
    kind, colon, size = text.partition(":")
    if not colon:
        return text
    if kind == "mlp" and size == "matched":
        return {"kind": "mlp", "parameters": size}
    numbers = size.split("x")
    if kind != "mlp" or not all(part.isdecimal() for part in numbers):
        raise typer.BadParameter(
            f"{text!r} is no baseline; write mlp:29x29, mlp:987 or mlp:matched", param_hint="--baselines"
        )
    if len(numbers) == 1:
        return {"kind": "mlp", "parameters": int(size)}
    return {"kind": "mlp", "hidden": [int(part) for part in numbers]}


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


def _parse_sizes(text: str) -> list[int]:
    try:
        return [int(size) for size in split_text(text) if size != NOTHING]
    except ValueError:
        raise typer.BadParameter(
            "give numbers separated by commas, such as 10,5", param_hint="--hidden"
        ) from None


def split_text(text: str) -> list[str]:
    """The parts between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]
