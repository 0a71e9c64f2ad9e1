"""A trained model in words: how good it is and beside what, its formula, and where that holds."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from service.cli.support.metric_tables import tell_estimates, tell_law, tell_quality
from service.cli.support.output import tell
from service.client import ApiError, Client, Model, Symbolic

VERDICTS = {
    "exact": "exact: as printed, it is right to 1e-7 of the spread of the target on rows not seen before",
    "consistent": "explains the data: what it leaves of them is noise, as far as can be told",
    "approximation": "an approximation, shorter than the network and less exact: no compact formula was "
    "found that explains the data",
    "weak": "a constant, or no better than one: the rows do not show that the columns say anything",
}
VERDICTS_OF = {  # by task, where they mean something else
    "density": {
        "consistent": "explains the rows: those left out are as likely under it as under the network"
    },
    "equation": {
        "exact": "exact: it satisfies all equations and conditions to rounding",
        "consistent": "satisfies all equations to rounding, with the numbers that were estimated",
    },
}
NO_FORMULA = "it was not asked for, or none was found in the time there was"
NO_FORMULA_OF = {
    "density": "it was not asked for, or the rows follow no law that is known here",
    "equation": "it was not asked for, or no solution in closed form was found; the curves are the answer",
}
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
        is_named_so = output.quantity in ("value", "density")  # p(x) says by itself what it is
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
    """A formula as people read it."""
    return LONG_NUMBER.sub(_shortened, expression)


def _shortened(number: re.Match[str]) -> str:
    digits = re.sub(r"e.*|\.|^0\.0*", "", number[0])
    return number[0] if len(digits) <= DIGITS else f"{float(number[0]):.{DIGITS}g}"
