"""The best constants of a form, with standard errors, intervals and correlation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.errors import InvalidData
from kan_engine.expressions.evaluation import Expression, Number, from_json, to_json
from kan_engine.formulas.core.constant_fitting import (
    ParametricForm,
    correlate,
    estimate_covariance,
    find_redundant_constants,
    fix_parameter,
)
from kan_engine.formulas.forms.global_fit import fit_globally
from kan_engine.formulas.forms.intervals import find_intervals
from kan_engine.formulas.forms.least_squares import FormProblem
from kan_engine.formulas.forms.template import FormTemplate

Array = np.ndarray


@dataclass(frozen=True, kw_only=True)
class FittedConstant:
    """A constant of a form.

    Attributes:
        standard_error: None if the constant is held, at a bound, or not determined by the rows.
        low, high: Ends of its interval; None where the rows do not limit it.
        is_held: Whether the client gave its value.
        is_at_bound: Whether a better fit lies beyond a bound.
    """

    name: str
    value: float
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    is_held: bool = False
    is_at_bound: bool = False


@dataclass(frozen=True)
class FittedFunction:
    """An unknown function of a form that was read as a formula, with the parameters of the form."""

    name: str
    columns: tuple[str, ...]
    tree: Expression


@dataclass(frozen=True, kw_only=True)
class FittedGroups:
    """Which constants of a form are a group's own.

    Attributes:
        column: The column that names the groups.
        groups: The groups; a constant ``a`` of group ``A`` is ``a[A]``.
        own, shared: Names of the constants of each kind.
        formula: The form with all constants, in which an unknown group has the mean of each own constant.
        template: The form with a parameter for each constant.
        names: The constants in the order of these parameters.
    """

    column: str
    groups: tuple[str, ...]
    own: tuple[str, ...]
    shared: tuple[str, ...]
    formula: Expression
    template: Expression
    names: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The groups as JSON."""
        return {
            "column": self.column,
            "groups": list(self.groups),
            "own": list(self.own),
            "shared": list(self.shared),
            "names": list(self.names),
            "tree": to_json(self.formula),
            "template": to_json(self.template),
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> FittedGroups:
        """The inverse of ``to_dict``."""
        return FittedGroups(
            column=data["column"],
            groups=tuple(data["groups"]),
            own=tuple(data["own"]),
            shared=tuple(data["shared"]),
            names=tuple(data["names"]),
            formula=from_json(data["tree"]),
            template=from_json(data["template"]),
        )


@dataclass(frozen=True, kw_only=True)
class FittedForm:
    """A form with fitted constants.

    Attributes:
        text: As the client wrote it.
        tree: With parameters for the constants that are not held.
        constants: Those first, in the order of the parameters, also those of the unknown functions; then
            those that are held.
        correlation: Of those that are not held.
        warnings: What the client should know of the fit.
        functions: The unknown functions.
        groups: Which constants are a group's own; None without groups.
    """

    text: str
    tree: Expression
    constants: tuple[FittedConstant, ...]
    correlation: tuple[tuple[float, ...], ...]
    warnings: tuple[str, ...] = ()
    functions: tuple[FittedFunction, ...] = ()
    groups: FittedGroups | None = None

    @property
    def values(self) -> Float[Array, " constants"]:
        """Values of the constants that are not held."""
        return np.array([constant.value for constant in self.constants if not constant.is_held])

    def to_dict(self) -> dict[str, Any]:
        """The form as JSON."""
        return {
            "text": self.text,
            "tree": to_json(self.tree),
            "constants": [asdict(constant) for constant in self.constants],
            "correlation": [list(row) for row in self.correlation],
            "warnings": list(self.warnings),
            "functions": [
                {"name": function.name, "columns": list(function.columns), "tree": to_json(function.tree)}
                for function in self.functions
            ],
            "groups": None if self.groups is None else self.groups.to_dict(),
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> FittedForm:
        """The inverse of ``to_dict``."""
        return FittedForm(
            text=data["text"],
            tree=from_json(data["tree"]),
            constants=tuple(FittedConstant(**constant) for constant in data["constants"]),
            correlation=tuple(tuple(row) for row in data["correlation"]),
            warnings=tuple(data["warnings"]),
            functions=tuple(
                FittedFunction(function["name"], tuple(function["columns"]), from_json(function["tree"]))
                for function in data["functions"]
            ),
            groups=None if data["groups"] is None else FittedGroups.from_dict(data["groups"]),
        )


def fit_form(
    template: FormTemplate,
    rows: LabelledRows,
    *,
    seed: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> FittedForm:
    """Find the best constants of a form without unknown functions.

    Raises:
        InvalidData: There are too few rows, or the form has no finite values for any constants.
    """
    count = len(template.constants)
    if len(rows) < count:
        raise InvalidData(f"{len(rows)} training rows are too few for the {count} constants of the form")
    problem = FormProblem(template.tree, rows, template.get_bounds())
    return describe_form(template, problem, fit_globally(problem, seed, should_stop=should_stop))


def describe_form(
    template: FormTemplate,
    problem: FormProblem,
    values: Float[Array, " constants"],
    groups: FittedGroups | None = None,
    max_relative_error: float = 1e4,
) -> FittedForm:
    """Compute errors, intervals and correlation of the best constants of a form.

    Args:
        template: The form.
        problem: Its least-squares problem.
        values: The best constants.
        groups: Of which some constants are.
        max_relative_error: Standard error over the constant, beyond which the rows do not determine it.
    """
    at_bound = [_is_at_bound(value, ends) for value, ends in zip(values, problem.bounds, strict=True)]
    covariance, redundant = _estimate_covariance(problem, values, at_bound)
    errors = np.sqrt(np.diag(covariance))
    intervals = find_intervals(problem, values, covariance)
    # An error far above the constant itself means that rows do not determine it
    sizes = np.maximum(np.abs(values), 1e-300)
    is_determined = (errors < max_relative_error * sizes) & ~redundant
    constants = [
        FittedConstant(
            name=name,
            value=float(value),
            standard_error=float(error) if is_certain and not is_limited else None,
            low=interval[0] if is_certain or is_limited else None,
            high=interval[1] if is_certain or is_limited else None,
            is_at_bound=is_limited,
        )
        for name, value, error, interval, is_limited, is_certain in zip(
            template.constants, values, errors, intervals, at_bound, is_determined, strict=True
        )
    ]
    held_constants = [
        FittedConstant(name=name, value=value, is_held=True) for name, value in template.held.items()
    ]
    return FittedForm(
        text=template.text,
        tree=template.tree,
        constants=(*constants, *held_constants),
        correlation=tuple(map(tuple, correlate(covariance).tolist())),
        warnings=_warn_of_constants(constants),
        groups=groups,
    )


def _is_at_bound(value: float, ends: tuple[float, float], max_distance: float = 1e-6) -> bool:
    return any(
        np.isfinite(end) and abs(value - end) <= max_distance * max(abs(end), abs(value)) for end in ends
    )


def _estimate_covariance(
    problem: FormProblem, values: Float[Array, " constants"], at_bound: list[bool]
) -> tuple[Float[Array, "constants constants"], Bool[Array, " constants"]]:
    """The covariance, with constants at a bound held; their own variance is that without the others.

    Also marks the constants that the rows do not determine beside the others.
    """
    covariance, redundant = np.zeros((len(values), len(values))), np.zeros(len(values), dtype=bool)
    free, held_places = np.flatnonzero(~np.array(at_bound, dtype=bool)), np.flatnonzero(at_bound)
    # The free constants together, then each one at a bound by itself
    for group in (free, *held_places[:, None]):
        form = ParametricForm(problem.tree, values)
        for place in sorted({*range(len(values))} - {*group.tolist()}, reverse=True):
            form = fix_parameter(form, place, Number(float(values[place])))
        if len(group):
            covariance[np.ix_(group, group)] = estimate_covariance(form, problem.rows)
            for places in find_redundant_constants(form, problem.rows):
                redundant[group[list(places)]] = True
    return covariance, redundant


def _warn_of_constants(constants: list[FittedConstant]) -> tuple[str, ...]:
    at_bounds = [constant.name for constant in constants if constant.is_at_bound]
    uncertain = [
        constant.name
        for constant in constants
        if constant.standard_error is None and not constant.is_at_bound
    ]
    warnings = []
    if at_bounds:
        warnings.append(f"at a bound, beyond which the form fits better: {', '.join(at_bounds)}")
    if uncertain:
        warnings.append(
            f"the rows do not determine {', '.join(uncertain)}: other values fit as well; hold one of them"
        )
    return tuple(warnings)
