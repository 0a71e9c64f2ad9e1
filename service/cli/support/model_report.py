"""Report on a trained model: metrics, formula, and the valid range of the formula."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.cli.support.metric_tables import format_constant, print_estimates, print_law, print_quality
from service.cli.support.output import print_field
from service.client import ApiError, Client, Model, Symbolic
from service.documents.readable_numbers import round_numbers
from service.schemas.formulas import FormulaOut, SoundOut

VERDICTS = {
    "exact": "exact: as printed, its error on hold-out rows is at most 1e-7 of the spread of the target",
    "consistent": "explains the data: its residuals cannot be distinguished from noise",
    "approximation": "an approximation: the best compromise between error and length, without the evidence "
    "to be called consistent",
    "weak": "a constant, or no better than one: the rows show no relation of the target to the columns",
}
TASK_VERDICTS = {  # by task, where the meaning differs
    "density": {"consistent": "explains the rows: hold-out rows are as likely under it as under the network"},
    "equation": {
        "exact": "exact: it satisfies all equations and conditions to rounding",
        "consistent": "satisfies all equations to rounding, with the numbers that were estimated",
    },
}
NO_FORMULA = "not requested, or none was found within the time limit"
TASK_NO_FORMULA = {
    "density": "not requested, or the rows follow none of the known laws",
    "equation": "not requested, or no closed-form solution was found; the network is the solution",
}


@dataclass(frozen=True, kw_only=True)
class ReportLimits:
    """What the report on a model leaves out, so that it stays readable.

    Attributes:
        max_digits: Of the numbers in a formula.
        max_ranges: Variables with their valid range.
        max_constants: Measured constants with their errors.
    """

    max_digits: int = 6
    max_ranges: int = 12
    max_constants: int = 8


DEFAULT_LIMITS = ReportLimits()


def fetch_formulas(client: Client, model: Model) -> Symbolic | None:
    """Request the formulas of a model; None if it has none."""
    try:
        return client.symbolic(model)
    except ApiError as error:
        if error.code != "no_formula":
            raise
        return None


def print_report(model: Model, formulas: Symbolic | None, *, limits: ReportLimits = DEFAULT_LIMITS) -> None:
    """Print the network, metrics, formulas and warnings of a model."""
    print_field("model", f"{model.name}, version {model.version} ({model.id})")
    shape = model.network
    print_field(
        "network", f"KAN{shape.width}, {shape.parameters} parameters, grid {shape.grid}, order {shape.order}"
    )
    print_quality(model, formulas)
    print_estimates(model)
    if formulas is None:
        print_field("formula", f"none: {TASK_NO_FORMULA.get(model.task, NO_FORMULA)}")
    else:
        _print_formulas(model, formulas, limits)
    for warning in model.warnings:
        print_field("warning", str(warning["detail"]) if isinstance(warning, dict) else warning)


def _print_formulas(model: Model, formulas: Symbolic, limits: ReportLimits) -> None:
    are_rounded = False
    for output in formulas.outputs:
        if output.law is not None:
            print_law(output.law)
        expression = round_numbers(output.expression, limits.max_digits)
        are_rounded |= expression != output.expression
        is_named_so = output.quantity in ("value", "density")  # p(x) needs no quantity in front
        name = output.name if is_named_so else f"{output.quantity} of {output.name}"
        print_field("formula", f"{name} = {expression}")
        for symbol, meaning in output.symbols.items():
            print_field("", f"where {symbol} is {meaning}")
        _print_constants(output, limits, formulas)
    if formulas.form is not None:
        _print_form(formulas.form)
    verdicts = VERDICTS | TASK_VERDICTS.get(model.task, {})
    print_field("verdict", verdicts.get(formulas.verdict, formulas.verdict))
    _print_rivals(formulas)
    if are_rounded:
        print_field(
            "", f"(numbers are shown with {limits.max_digits} digits; 'kan-service formula' prints all)"
        )
    domain = {name: extent for output in formulas.outputs for name, extent in output.domain.items()}
    print_field("holds for", "; ".join(_format_ranges(domain, limits)))


def _print_constants(output: FormulaOut, limits: ReportLimits, formulas: Symbolic) -> None:
    """Print the measured constants with their errors and units, and that units do not add up.

    The constants of a form are printed with their intervals; without units they need not be printed twice.
    """
    constants = output.constants or []
    unknown = {place for places in output.undetermined for place in places}
    if formulas.form is None or any(constant.unit for constant in constants):
        for place, constant in enumerate(constants[: limits.max_constants]):
            suffix = ", which the rows do not determine beside the others" if place in unknown else ""
            print_field("constant", format_constant(constant) + suffix)
        if len(constants) > limits.max_constants:
            print_field("", f"and {len(constants) - limits.max_constants} more")
    for value, unit in output.exact_units:
        print_field("constant", f"{value:.6g} {unit}, {'exact as printed' if formulas.exact else 'rounded'}")
    if output.unit_status == "does_not_add_up":
        print_field("units", "do not add up, whatever units the constants have")
    if output.sound is not None and output.sound.status == "violated":
        print_field("unsound", _describe_violation(output.sound))


def _print_rivals(formulas: Symbolic) -> None:
    """Print how probable the formula is, with the most probable other one."""
    output = formulas.outputs[0]
    if output.probability is None:
        return
    texts = [f"{output.probability:.0%} that this is the form of the law"]
    texts += [f"{rival.probability or 0.0:.0%} for {rival.expression}" for rival in output.rivals[:1]]
    if formulas.evidence is not None and formulas.evidence.none_of_these is not None:
        texts.append(f"{formulas.evidence.none_of_these:.0%} for none of those found")
    print_field("likely", "; ".join(texts))


def _describe_violation(sound: SoundOut) -> str:
    """Where a formula is undefined or far beyond its target, and how far from the rows that is."""
    at = ", ".join(f"{name} = {value:.4g}" for name, value in (sound.at or {}).items())
    text = "undefined" if sound.value is None else f"{sound.value:.4g}"
    return f"{text} at {at}, within the ranges of its columns" + (
        ", far from any row" if sound.is_far else ""
    )


def _print_form(form: Any) -> None:
    """Print the constants of the client's form, and how good the form is beside the free search."""
    for constant in form.constants:
        error, ends = constant.standard_error, (constant.low, constant.high)
        text = f"{constant.name} = {constant.value:.6g}"
        if constant.is_held:
            text += " (held)"
        elif error is not None:
            text += f" ± {error:.2g}"
        if any(end is not None for end in ends):
            low, high = ("none" if end is None else f"{end:.6g}" for end in ends)
            text += f", {form.level:.0%} interval {low} to {high}"
        print_field("constant", text)
    for function in form.functions:
        signature = f"{function.name}({', '.join(function.columns)})"
        print_field("", f"where {signature} = {round_numbers(function.expression)}")
    if form.free is not None and form.out_of_sample_rmse is not None:
        verdict = "significantly better than the form" if form.free.is_better else "not significantly better"
        if form.free.is_case_of_form:
            verdict = "the form with certain constants"
        print_field("compared", f"with the free search, {round_numbers(form.free.expression)}")
        print_field(
            "",
            f"its RMSE is {form.free.out_of_sample_rmse:.4g} by cross-validation, that of the form "
            f"{form.out_of_sample_rmse:.4g}: it is {verdict}",
        )


def _format_ranges(domain: Mapping[str, Any], limits: ReportLimits) -> Iterator[str]:
    for name, extent in list(domain.items())[: limits.max_ranges]:
        is_range = (
            isinstance(extent, Sequence)
            and len(extent) == 2
            and all(isinstance(end, int | float) for end in extent)
        )
        yield (f"{name} from {extent[0]:.6g} to {extent[1]:.6g}" if is_range else f"{name} in {extent}")
    if len(domain) > limits.max_ranges:
        yield f"and {len(domain) - limits.max_ranges} more"
