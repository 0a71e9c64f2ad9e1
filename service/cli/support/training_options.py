"""What ``train`` and its like are asked for on the command line, as the body of a job."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from service.client import Dataset

NOTHING = "none"
BASELINES = ("linear", "mlp", "boosting")
DENSITY = "density"

Target = Annotated[
    str | None, typer.Option(help="Column to predict; only --task density does without.", show_default=False)
]
Name = Annotated[str | None, typer.Option(help="Name of the model; a new version if it exists.")]
MaxSeconds = Annotated[float | None, typer.Option(help="Time limit of the job. [default: 300]")]
Task = Annotated[
    Literal["auto", "regression", "classification", "density"],
    typer.Option(
        help="What the target is; by default that is seen from its values. A density has none: it is how "
        "densely rows lie along one column of --features, or over two."
    ),
]
Features = Annotated[
    list[str] | None,
    typer.Option(help="Columns to learn from, with commas between; by default all that can be used."),
]
Drop = Annotated[list[str] | None, typer.Option(help="Columns not to learn from, with commas between.")]
Hidden = Annotated[
    str | None, typer.Option(help="Nodes of the inner layers, such as 10,5; 'none' for no such layer.")
]
Grid = Annotated[int | None, typer.Option(min=1, help="Grid intervals of every activation.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Of everything that is random in the training.")]
TestFraction = Annotated[
    float | None, typer.Option(help="Share of the rows that are held out to measure on. [default: 0.2]")
]
NoFormula = Annotated[bool, typer.Option("--no-formula", help="Do not look for a formula.")]
Baselines = Annotated[
    str | None,
    typer.Option(
        help=f"To compare with: {', '.join(BASELINES)}; or 'none'. An MLP of a shape is mlp:29x29, one with "
        "about as many numbers mlp:987, one as large as the network mlp:matched. [default: linear]"
    ),
]
Picture = Annotated[
    Path | None,
    typer.Option(
        help="Where to draw the network, or the density. [default: NAME.svg in this folder]",
        show_default=False,
    ),
]
NoPicture = Annotated[bool, typer.Option("--no-picture", help="Draw nothing.")]
KeepBest = Annotated[bool, typer.Option("--keep-best", help="On Ctrl-C, keep the best so far.")]


def check_goal(target: str | None, task: str, features: Sequence[str] | None) -> None:
    """Nothing, if there is a column to predict, or columns whose density is looked for.

    Raises:
        BadParameter: It says which is missing, or too much.
    """
    if task != DENSITY and target is None:
        words = "name the column to predict; only --task density does without"
        raise typer.BadParameter(words, param_hint="--target")
    if task == DENSITY and target is not None:
        words = "a density has no target; name its column, or two, with --features"
        raise typer.BadParameter(words, param_hint="--target")
    if task == DENSITY and not features:
        words = "name the column whose density it is, or two, such as --features height"
        raise typer.BadParameter(words, param_hint="--features")


def body_of(**wishes: Any) -> dict[str, Any]:
    """What does not depend on the table; what was not asked for is left to the service."""
    given = {name: value for name, value in wishes.items() if value is not None}
    if given.get("task") == "auto":
        del given["task"]
    body: dict[str, Any] = {
        name: given[name] for name in ("name", "max_seconds", "task", "seed") if name in given
    }
    network = {"hidden": _sizes(given["hidden"])} if "hidden" in given else {}
    network |= {"grid": given["grid"]} if "grid" in given else {}
    body |= {"network": network} if network else {}
    if "test_fraction" in given:
        body["split"] = {"kind": "random", "test_fraction": given["test_fraction"]}
    if given.get("no_formula"):
        body["symbolic"] = False
    if "baselines" in given:
        body["baselines"] = [_baseline(name) for name in _split(given["baselines"]) if name != NOTHING]
    return body


def _baseline(text: str) -> str | dict[str, Any]:
    """``mlp:29x29``, ``mlp:987`` or ``mlp:matched`` as the service is told; all else by its name."""
    kind, colon, size = text.partition(":")
    if not colon:
        return text
    if kind == "mlp" and size == "matched":
        return {"kind": "mlp", "parameters": size}
    numbers = size.split("x")
    if kind != "mlp" or not all(part.isdecimal() for part in numbers):
        raise typer.BadParameter(
            f"{text!r} is none; an MLP is mlp:29x29, mlp:987 or mlp:matched", param_hint="--baselines"
        )
    if len(numbers) == 1:
        return {"kind": "mlp", "parameters": int(size)}
    return {"kind": "mlp", "hidden": [int(part) for part in numbers]}


def features_of(
    dataset: Dataset, target: str | None, features: Sequence[str] | None, drop: Sequence[str] | None
) -> dict[str, list[str]]:
    """Which columns to learn from, if that was said; those to drop are left out of the usable ones."""
    names = [column.name for column in dataset.columns]
    if features:
        chosen = _columns(features, names)
    elif drop:
        chosen = [column.name for column in dataset.columns if column.name != target and _is_usable(column)]
    else:
        return {}
    dropped = _columns(drop or [], names)
    for name in dropped:
        if name not in names:
            known = ", ".join(map(repr, names))
            raise typer.BadParameter(
                f"there is no column {name!r}; the columns are {known}", param_hint="--drop"
            )
    return {"features": [name for name in chosen if name not in dropped]}


def _is_usable(column: Any) -> bool:
    """As the service chooses by itself: no free text, no ids, nothing constant."""
    varies = column.distinct > (0 if column.missing else 1)
    return bool(varies and column.type != "text" and not getattr(column, "is_id", False))


def _columns(given: Sequence[str], names: Sequence[str]) -> list[str]:
    """Names with commas between, unless the whole is a name that has one."""
    return [name for text in given for name in ([text] if text in names else _split(text))]


def _sizes(text: str) -> list[int]:
    try:
        return [int(size) for size in _split(text) if size != NOTHING]
    except ValueError:
        raise typer.BadParameter(
            "give sizes with commas between, such as 10,5", param_hint="--hidden"
        ) from None


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
