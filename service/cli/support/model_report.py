"""Report on a trained model: metrics, formula, and the valid range of the formula."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from service.cli.support.metric_tables import tell_estimates, tell_law, tell_quality
from service.cli.support.output import tell
from service.client import ApiError, Client, Model, Symbolic

VERDICTS = {
    "exact": "exact: as printed, its error on hold-out rows is at most 1e-7 of the spread of the target",
    "consistent": "explains the data: its residuals cannot be distinguished from noise",
    "approximation": "an approximation, shorter than the network and less exact: no compact formula was "
    "found that explains the data",
    "weak": "a constant, or no better than one: the rows show no relation of the target to the columns",
}
VERDICTS_OF = {  # by task, where the meaning differs
    "density": {"consistent": "explains the rows: hold-out rows are as likely under it as under the network"},
    "equation": {
        "exact": "exact: it satisfies all equations and conditions to rounding",
        "consistent": "satisfies all equations to rounding, with the numbers that were estimated",
    },
}
NO_FORMULA = "not requested, or none was found within the time limit"
NO_FORMULA_OF = {
    "density": "not requested, or the rows follow none of the known laws",
    "equation": "not requested, or no closed-form solution was found; the network is the solution",
}
LONG_NUMBER = re.compile(r"(?<![\w.])\d+\.\d+(?:e[+-]?\d+)?")
DIGITS = 6
SHOWN_DOMAIN = 12  # variables, so that the list stays readable


def formulas_of(client: Client, model: Model) -> Symbolic | None:
    """Request the formulas of a model; None if it has none."""
    try:
        return client.symbolic(model)
    except ApiError as error:
        if error.code != "no_formula":
            raise
        return None


def report(model: Model, formulas: Symbolic | None) -> None:
    """Print the network, metrics, formulas and warnings of a model."""
    tell("model", f"{model.name}, version {model.version} ({model.id})")
    shape = model.network
    tell(
        "network", f"KAN{shape.width}, {shape.parameters} parameters, grid {shape.grid}, order {shape.order}"
    )
    tell_quality(model, formulas)
    tell_estimates(model)
    if formulas is None:
        tell("formula", f"none: {NO_FORMULA_OF.get(model.task, NO_FORMULA)}")
    else:
        _tell_formulas(model, formulas)
    for warning in model.warnings:
        tell("warning", str(warning["detail"]) if isinstance(warning, dict) else warning)


def _tell_formulas(model: Model, formulas: Symbolic) -> None:
    are_rounded = False
    for output in formulas.outputs:
        if output.law is not None:
            tell_law(output.law)
        shown = rounded(output.expression)
        are_rounded |= shown != output.expression
        is_named_so = output.quantity in ("value", "density")  # p(x) needs no quantity in front
        name = output.name if is_named_so else f"{output.quantity} of {output.name}"
        tell("formula", f"{name} = {shown}")
        for symbol, meaning in output.symbols.items():
            tell("", f"where {symbol} is {meaning}")
    verdicts = VERDICTS | VERDICTS_OF.get(model.task, {})
    tell("verdict", verdicts.get(formulas.verdict, formulas.verdict))
    if are_rounded:
        tell("", f"(numbers are shown with {DIGITS} digits; 'kan-service formula' prints all)")
    domain = {name: seen for output in formulas.outputs for name, seen in output.domain.items()}
    tell("holds for", "; ".join(_ranges(domain)))


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
    """Round the long numbers of a formula to ``MAX_DIGITS`` digits."""
    return LONG_NUMBER.sub(_shortened, expression)


def _shortened(number: re.Match[str]) -> str:
    digits = re.sub(r"e.*|\.|^0\.0*", "", number[0])
    return number[0] if len(digits) <= DIGITS else f"{float(number[0]):.{DIGITS}g}"
