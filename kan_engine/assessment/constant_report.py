"""The measured constants of a formula, with standard errors that hold for all of them together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from kan_engine.assessment.relative_errors import reweigh_rows
from kan_engine.assessment.unit_labels import print_unit, recognize_constant
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, variables
from kan_engine.expressions.measured_constants import bind_unfolded
from kan_engine.expressions.unit_system import UnitReport, UnitSystem
from kan_engine.formulas.core.constant_fitting import (
    estimate_standard_errors,
    find_redundant_constants,
)
from kan_engine.formulas.core.constant_snapping import to_form
from kan_engine.formulas.core.measured_form import release_measured_numbers
from kan_engine.formulas.forms.fitted_form import FittedForm
from kan_engine.units.unit import Unit

Columns = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Constant:
    """A measured constant and its standard error.

    Attributes:
        value: As the formula has it, which may be rounded.
        standard_error: Of all constants together. None where there are no more rows than constants, where
            the rows do not determine it beside the others, and at a bound of a form.
        unit: That makes the formula add up; empty for none, None if not known.
        name: The constant of nature that it is, as far as its error tells.
        symbol: Its name in the client's form, as ``a`` or ``a[A]`` of group A; None without a form.
    """

    value: float
    standard_error: float | None
    unit: str | None = None
    name: str | None = None
    symbol: str | None = None


@dataclass(frozen=True)
class MeasuredConstants:
    """The measured constants of a formula.

    Attributes:
        constants: In the order of the formula, or of the client's form.
        undetermined: Sets of their indices that the rows do not determine one by one: other values of a set
            fit as well.
        tree: The formula with a parameter for each of them, for their units; None where they were stored.
    """

    constants: tuple[Constant, ...] = ()
    undetermined: tuple[tuple[int, ...], ...] = ()
    tree: Expression | None = field(default=None, compare=False)

    @property
    def warnings(self) -> list[str]:
        """What the client should know of each undetermined set."""
        return [
            f"the rows do not determine the constants {', '.join(map(self._describe, places))} of the "
            "formula one by one: other values fit as well, so they have no standard errors"
            for places in self.undetermined
        ]

    def _describe(self, place: int) -> str:
        constant = self.constants[place]
        return constant.symbol or f"{constant.value:.4g}"

    def add_units(self, system: UnitSystem) -> tuple[MeasuredConstants, UnitReport]:
        """Find their units, and the constants of nature among them; also those of the other numbers."""
        assert self.tree is not None  # noqa: S101 - units are found before a report is stored
        # A number that occurs several times is one constant, with the unit of its first occurrence
        tree, places = bind_unfolded(self.tree, [constant.value for constant in self.constants])
        report = system.report(tree)
        units = dict[int | None, Unit | None]()
        for place, unit in zip(places, report.measured, strict=bool(report.measured)):
            units.setdefault(place, unit)
        constants = tuple(
            replace(
                constant,
                unit=print_unit(units.get(place)),
                name=recognize_constant(constant.value, constant.standard_error, units.get(place)),
            )
            for place, constant in enumerate(self.constants)
        )
        return replace(self, constants=constants), report


def measure_constants(
    tree: Expression,
    training_columns: Columns,
    learnt: Float[np.ndarray, " rows"],
    rows: LabelledRows | None,
    *,
    is_exact: bool,
) -> MeasuredConstants:
    """Estimate the standard errors of all measured constants of a formula together.

    Args:
        tree: The formula.
        training_columns: Training rows of every variable.
        learnt: Training values of the output.
        rows: Training rows with their weights and known errors.
        is_exact: Whether the formula is exact. In one that is not, exact numbers are rounded measured ones.
    """
    columns = {name: training_columns[name] for name in variables(tree)}
    if not columns:
        return MeasuredConstants(tree=tree)
    if rows is None:
        data = LabelledRows.from_columns(columns, learnt)
    else:
        data = LabelledRows.from_columns(columns, learnt, rows.weights, rows.unit_error)
        data = reweigh_rows([tree], data) or data
    # All constants are estimated together: one at a time would hide how they depend on each other
    form = to_form(tree) if is_exact else release_measured_numbers(tree, data).form
    if not len(form.values):
        return MeasuredConstants(tree=form.tree)
    # Constants that others can replace have no standard errors
    redundant_sets = tuple(find_redundant_constants(form, data))
    unknown = {place for places in redundant_sets for place in places}
    errors = estimate_standard_errors(form, data).tolist()
    return MeasuredConstants(
        tuple(
            Constant(value, error if math.isfinite(error) and place not in unknown else None)
            for place, (value, error) in enumerate(zip(form.values.tolist(), errors, strict=True))
        ),
        redundant_sets,
        form.tree,
    )


def list_form_constants(form: FittedForm) -> MeasuredConstants:
    """The constants of a client's form that are not held, as it has them."""
    free = [constant for constant in form.constants if not constant.is_held]
    unknown = [
        place
        for place, constant in enumerate(free)
        if constant.standard_error is None and not constant.is_at_bound
    ]
    return MeasuredConstants(
        tuple(Constant(constant.value, constant.standard_error, symbol=constant.name) for constant in free),
        (tuple(unknown),) if unknown else (),
        form.tree,
    )


def read_constants(data: Mapping[str, Any]) -> MeasuredConstants | None:
    """Restore the constants of a stored formula; None if it has none."""
    constants = data.get("constants")
    if constants is None:
        return None
    return MeasuredConstants(
        tuple(Constant(**entry) for entry in constants),
        tuple(map(tuple, data.get("undetermined", ()))),
    )
