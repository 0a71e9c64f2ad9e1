"""A trained model in words: how good it is and beside what, its formula, and where that holds."""

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer

from service.cli.output import readable
from service.client import ApiError, Client, Model, Symbolic

VERDICTS = {
    "exact": "exact: as printed, it is right to 1e-7 of the spread of the target on rows not seen before",
    "consistent": "explains the data: what it leaves of them is noise, as far as can be told",
    "approximation": "an approximation, shorter than the network and less exact: no compact formula was "
    "found that explains the data",
}
NAMES = {"r2": "R²", "mae": "MAE", "rmse": "RMSE", "f1": "F1", "roc_auc": "ROC AUC"}
INDENT = 11  # of what stands beside a label
LONG_NUMBER = re.compile(r"(?<![\w.])\d+\.\d+(?:e[+-]?\d+)?")
DIGITS = 6
SHOWN_DOMAIN = 12  # variables; more make a list that nobody reads


def formulas_of(client: Client, model: Model) -> Symbolic | None:
    """The formulas of a model, if it has any."""
    try:
        return client.symbolic(model)
    except ApiError as error:
        if error.code != "no_formula":
            raise
        return None


def report(model: Model, formulas: Symbolic | None) -> None:
    """Print what a person wants to know of a model first."""
    lines = [f"{model.name}, version {model.version} ({model.id})"]
    _tell("model", lines[0])
    shape = model.network
    _tell(
        "network", f"KAN{shape.width}, {shape.parameters} parameters, grid {shape.grid}, order {shape.order}"
    )
    for line in _metrics(model, formulas):
        typer.echo(line)
    if formulas is None:
        _tell("formula", "none: it was not asked for, or none was found in the time there was")
    else:
        _tell_formulas(formulas)
    for warning in model.warnings:
        _tell("warning", str(warning["detail"]) if isinstance(warning, dict) else warning)


def _metrics(model: Model, formulas: Symbolic | None) -> Iterator[str]:
    """A table: a line for every metric, a column for every model."""
    measured: dict[str, Mapping[str, Any]] = {"network": model.metrics}
    if formulas is not None and len(formulas.outputs) == 1 and formulas.outputs[0].quantity == "value":
        measured["formula"] = formulas.outputs[0].model_dump()
    measured |= {name: told["metrics"] for name, told in model.baselines.items()}
    if not any(value is not None for value in model.metrics.values()):
        _tell("hold-out", "nothing was measured: no rows were held out")
        return
    rows = [["hold-out:", *measured]]
    rows += [
        [
            f"  {NAMES.get(metric, metric.replace('_', ' '))}",
            *(_number(of.get(metric)) for of in measured.values()),
        ]
        for metric in model.metrics
    ]
    rows += _costs(model, measured)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)),
        ]
        yield "  ".join(cells).rstrip()


def _costs(model: Model, measured: Mapping[str, Any]) -> Iterator[list[str]]:
    """What each had to learn, and how long that took."""
    of: dict[str, Mapping[str, Any]] = {
        "network": {"parameters": model.network.parameters, "seconds": model.timings.get("train")},
        **model.baselines,
    }
    for what in ("parameters", "seconds"):
        yield [f"  {what}", *(_number(of.get(name, {}).get(what)) for name in measured)]


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.4g}"


def _tell_formulas(formulas: Symbolic) -> None:
    are_rounded = False
    for output in formulas.outputs:
        shown = rounded(output.expression)
        are_rounded |= shown != output.expression
        name = output.name if output.quantity == "value" else f"{output.quantity} of {output.name}"
        _tell("formula", f"{name} = {shown}")
        for symbol, meaning in output.symbols.items():
            _tell("", f"where {symbol} is {meaning}")
    _tell("verdict", VERDICTS.get(formulas.verdict, formulas.verdict))
    if are_rounded:
        _tell("", f"(numbers are shown with {DIGITS} digits; 'kan-service formula' prints all)")
    domain = {name: seen for output in formulas.outputs for name, seen in output.domain.items()}
    _tell("holds for", "; ".join(_ranges(domain)))


def _ranges(domain: Mapping[str, Any]) -> Iterator[str]:
    for name, seen in list(domain.items())[:SHOWN_DOMAIN]:
        is_range = (
            isinstance(seen, Sequence)
            and len(seen) == 2
            and all(isinstance(end, int | float) for end in seen)
        )
        yield f"{name} from {seen[0]:.6g} to {seen[1]:.6g}" if is_range else f"{name} in {seen}"
    if len(domain) > SHOWN_DOMAIN:
        yield f"and {len(domain) - SHOWN_DOMAIN} more"


def rounded(expression: str) -> str:
    """A formula as people read it."""
    return LONG_NUMBER.sub(_shortened, expression)


def _shortened(number: re.Match[str]) -> str:
    digits = re.sub(r"e.*|\.|^0\.0*", "", number[0])
    return number[0] if len(digits) <= DIGITS else f"{float(number[0]):.{DIGITS}g}"


def _tell(label: str, text: str) -> None:
    """A line with its label; in a terminal, as many lines as it takes."""
    start = (f"{label}:" if label else "").ljust(INDENT)
    text = readable(text).replace("\n", " ")
    if not sys.stdout.isatty():
        typer.echo(f"{start}{text}")
        return
    width = max(40, shutil.get_terminal_size().columns)
    lines = textwrap.wrap(text, width - INDENT, break_on_hyphens=False) or [""]
    typer.echo(typer.style(start, bold=True) + lines[0])
    for line in lines[1:]:
        typer.echo(" " * INDENT + line)
