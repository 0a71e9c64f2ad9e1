"""Quality of a model for its task: tables of metrics and estimates, and residuals."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import typer

from service.cli.support.output import clean_text, print_field
from service.client import Comparison, Model, Symbolic
from service.documents.readable_numbers import format_by_error, format_metric
from service.schemas.formulas import ConstantOut, LawOut
from service.schemas.members import CompactMemberOut

METRIC_NAMES = {
    "r2": "R²",
    "mae": "MAE",
    "rmse": "RMSE",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "mean_log_likelihood": "log-likelihood",
}
RESIDUAL_METRICS = ("equation_residual", "condition_residual", "estimated_error")
LAW_METRIC = "law_mean_log_likelihood"  # printed in the column of the law


def print_quality(model: Model, formulas: Symbolic | None) -> None:
    """Print the metrics of the network, its formula and the baselines on the same rows; or the residuals."""
    if all(value is None for value in model.metrics.values()):
        has_rows = bool(model.split.get("test_rows"))
        reason = "the warnings say why" if has_rows else "no rows were held out"
        print_field("hold-out", f"no metrics: {reason}")
    elif model.task == "equation":
        _print_residuals(model)
    else:
        _print_columns(_metric_rows(model, formulas))


def print_estimates(model: Model) -> None:
    """Print the parameters of equations that were estimated from measurements."""
    if model.parameters:
        rows = [
            (name, estimate["value"], estimate["standard_error"], *(estimate["interval"] or (None, None)))
            for name, estimate in model.parameters.items()
        ]
        _print_columns(_estimate_rows("estimates:", rows))


def print_comparison(comparison: Comparison) -> None:
    """Print compared models as columns, with their metrics as rows, and their formulas below."""
    rows: list[list[str]] = [["hold-out:", *(clean_text(model.reference) for model in comparison.models)]]
    for metric, values in comparison.metrics.items():
        rows.append(
            [
                f"  {METRIC_NAMES.get(metric, metric.replace('_', ' '))}",
                *(format_metric(metric, value) for value in values),
            ]
        )
    rows.append(["  complexity", *(_format_number(model.complexity, 6) for model in comparison.models)])
    rows.append(
        ["  parameters", *(_format_number(model.network.parameters, 9) for model in comparison.models)]
    )
    rows.append(["  seconds", *(_format_number(model.seconds) for model in comparison.models)])
    rows.append(["  verdict", *(model.verdict or "" for model in comparison.models)])
    _print_columns(rows)
    for model in comparison.models:
        for formula in model.formulas:
            print_field("formula", f"{model.reference}: {formula.name} = {formula.expression}")


def print_law(law: LawOut) -> None:
    """Print the law of a density with its parameters."""
    print_field("law", f"{law.name} (p = {law.p_value:.2g} in a test of its fit)")
    rows = [
        (number.name.replace("_", " "), number.value, number.standard_error, number.low, number.high)
        for number in law.parameters
    ]
    _print_columns(_estimate_rows("", rows))


def _print_residuals(model: Model) -> None:
    """Print the largest residuals, relative to the terms that cancel, and the error of the solution."""
    equations, conditions, error = (model.metrics.get(name) for name in RESIDUAL_METRICS)
    text = f"equations hold to {_format_number(equations, 2)} of their terms"
    if model.residuals.get("conditions"):
        text += (
            ", conditions exactly" if conditions == 0 else f", conditions to {_format_number(conditions, 2)}"
        )
    print_field("residuals", f"{text}, at the worst of many random points")
    if error is not None:
        print_field("error", f"about {error:.1e} of the solution: its change in the last refinement")


def _metric_rows(model: Model, formulas: Symbolic | None) -> Iterator[list[str]]:
    """Rows of the table: one per metric, with a column per model."""
    accurate, members = model.members.get("accurate"), model.members
    columns: dict[str, Mapping[str, Any]] = {"network": accurate.metrics if accurate else model.metrics}
    columns |= {name: members[name].metrics for name in ("compact", "linear") if name in members}
    if formulas is not None and len(formulas.outputs) == 1:
        (output,) = formulas.outputs
        name = {"value": "formula", "density": "law"}.get(output.quantity)
        columns |= {name: output.model_dump()} if name else {}
    columns |= {name: baseline["metrics"] for name, baseline in model.baselines.items()}
    yield ["hold-out:", *columns]
    for metric in model.metrics:
        if metric != LAW_METRIC:
            name = METRIC_NAMES.get(metric, metric.replace("_", " "))
            yield [f"  {name}", *(format_metric(metric, of.get(metric)) for of in columns.values())]
    yield from _cost_rows(model, columns)


def _cost_rows(model: Model, names: Iterable[str]) -> Iterator[list[str]]:
    """Rows with the number of parameters and the training time of every model."""
    of: dict[str, Mapping[str, Any]] = {
        "network": {"parameters": model.network.parameters, "seconds": model.timings.get("train")},
        **model.baselines,
    }
    if isinstance(compact := model.members.get("compact"), CompactMemberOut):
        of |= {"compact": {"parameters": compact.network.parameters}}
    for what in ("parameters", "seconds"):
        yield [f"  {what}", *(_format_number(of.get(name, {}).get(what)) for name in names)]


def _estimate_rows(title: str, numbers: Iterable[Sequence[Any]]) -> Iterator[list[str]]:
    """Rows of estimates: value, standard error, and ends of the 95 % interval."""
    yield [title, "value", "std. error", "95 % from", "to"]
    for name, *values in numbers:
        yield [f"  {clean_text(name)}", *(format_by_error(value, values[1]) for value in values)]


def format_constant(constant: ConstantOut) -> str:
    """A measured constant as ``2.0060 ± 0.0026 s/m^(1/2)``, and the constant of nature that it is."""
    error = constant.standard_error
    value, error_text = (format_by_error(number, error) for number in (constant.value, error))
    symbol = f"{clean_text(constant.symbol)} = " if constant.symbol else ""
    unit = f" {clean_text(constant.unit)}" if constant.unit else ""
    name = f", the {clean_text(constant.name)}" if constant.name else ""
    return f"{symbol}{value}{f' ± {error_text}' if error_text else ''}{unit}{name}"


def _format_number(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:.{digits}g}"


def _print_columns(rows: Iterable[Sequence[str]]) -> None:
    lines = list(rows)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for name, *cells in lines:
        numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        typer.echo("  ".join([name.ljust(widths[0]), *numbers]).rstrip())
