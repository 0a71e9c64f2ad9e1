"""Whether the units of a formula add up, and which units its constants then carry.

Every node has a unit. Those of columns are known; those of measured constants are unknowns, whose exponents
solve linear equations: terms of a sum have equal units, arguments of functions and exponents have none. The
equations of all base units have the same matrix, so they are solved together, in fractions.

A logarithm of a column with a unit adds up where its sum has a measured constant: a·log(x) + c is the same
family of functions in every unit of x.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from kan_engine.expressions.nodes import Add, Call, Expression, Mul, Number, Pow, Variable
from kan_engine.units.monomial import ONE, Monomial

UNIT_KEEPERS = frozenset({"abs"})  # functions whose value has the unit of the argument
MAX_DENOMINATOR = 1000  # of a measured exponent, whose base then has a unit as m^(137/100)


@dataclass(frozen=True)
class Balance:
    """Units of the numbers of a formula.

    Attributes:
        measured: Units of the measured constants, in the order of ``parametrize_floats``; None where columns
            without known units leave them open.
        exact: Exact numbers with their units, where these may carry one.
    """

    measured: tuple[Monomial | None, ...] = ()
    exact: tuple[tuple[Fraction, Monomial], ...] = ()


def balance_units(
    tree: Expression,
    units: Mapping[str, Monomial | None],
    target: Monomial | None,
    *,
    are_exact_free: bool = False,
    has_scaled_logs: bool = False,
    has_free_scale: bool = False,
) -> Balance | None:
    """Find the units of the constants of a formula.

    Args:
        tree: The formula.
        units: Of its columns; None for one whose unit is not known.
        target: Unit of its value; None if not known.
        are_exact_free: Whether exact numbers may carry units, too: they may be measured ones that were
            recognised as short.
        has_scaled_logs: Whether logarithms add up in sums with a measured constant.
        has_free_scale: Whether the formula as a whole may be multiplied by 1 of some unit, which then is the
            first of the exact numbers.

    Returns:
        None if the units do not add up.
    """
    return _System(units, are_exact_free, has_scaled_logs).solve(tree, target, has_free_scale=has_free_scale)


Unknown = tuple[str, int | str]  # kind and place or name


@dataclass(frozen=True)
class _UnitForm:
    """A unit as a product of known units and powers of unknown ones."""

    known: Monomial = ONE
    unknown: Mapping[Unknown, Fraction] = field(default_factory=dict)

    def __mul__(self, factor: _UnitForm) -> _UnitForm:
        unknown = dict(self.unknown)
        for name, p in factor.unknown.items():
            unknown[name] = unknown.get(name, Fraction(0)) + p
        return _UnitForm(self.known * factor.known, {name: p for name, p in unknown.items() if p})

    def __pow__(self, exponent: Fraction) -> _UnitForm:
        return _UnitForm(self.known**exponent, {name: p * exponent for name, p in self.unknown.items()})


class _System:
    """The equations of one formula."""

    def __init__(
        self, units: Mapping[str, Monomial | None], are_exact_free: bool, has_scaled_logs: bool
    ) -> None:
        self._units, self._are_exact_free, self._has_scaled_logs = units, are_exact_free, has_scaled_logs
        self._measured, self._exact = 0, list[Fraction]()
        self._equations: list[_UnitForm] = []  # each is 1

    def solve(
        self, tree: Expression, target: Monomial | None, *, has_free_scale: bool = False
    ) -> Balance | None:
        """The units, or None if there are none."""
        value = self._visit_number(Fraction(1)) if has_free_scale else _UnitForm()
        value = value * self._visit(tree)
        if target is not None:
            self._require_one(value * _UnitForm(target) ** Fraction(-1))
        constants: list[Unknown] = [("measured", place) for place in range(self._measured)]
        constants += [("exact", place) for place in range(len(self._exact))]
        unknowns = {name for equation in self._equations for name in equation.unknown}
        order = [*(name for name in constants if name in unknowns), *sorted(unknowns - set(constants))]
        solution = _eliminate(self._equations, order)
        if solution is None:
            return None
        measured_units = tuple(solution.get(("measured", place)) for place in range(self._measured))
        exact = tuple(
            (value, solution.get(("exact", place)) or ONE) for place, value in enumerate(self._exact)
        )
        return Balance(measured_units, exact if self._are_exact_free else ())

    def _require_one(self, unit: _UnitForm) -> None:
        if unit.unknown or not unit.known.is_one:
            self._equations.append(unit)

    def _visit(self, tree: Expression, *, is_shifted: bool = False) -> _UnitForm:
        """The unit of a node, to multiples of which a measured constant is added if ``is_shifted``."""
        match tree:
            case Variable(name):
                unit = self._units.get(name)
                form = _UnitForm(unknown={("column", name): Fraction(1)}) if unit is None else _UnitForm(unit)
            case Number(value):
                form = self._visit_number(value)
            case Add(terms):
                is_shifted = is_shifted or any(_is_measured(term) for term in terms)
                form, *summands = [self._visit(term, is_shifted=is_shifted) for term in terms]
                for summand in summands:
                    self._require_one(form * summand ** Fraction(-1))
            case Mul(factors):
                is_multiple = is_shifted and sum(not isinstance(f, Number) for f in factors) == 1
                form = _UnitForm()
                for factor in factors:
                    form = form * self._visit(factor, is_shifted=is_multiple)
            case Pow(base, exponent):
                form = self._visit_power(base, exponent)
            case Call(function, argument):
                form = self._visit_call(function, argument, is_shifted)
            case _:  # pi
                form = _UnitForm()
        return form

    def _visit_call(self, function: str, argument: Expression, is_shifted: bool) -> _UnitForm:
        inside = self._visit(argument)
        if function in UNIT_KEEPERS:
            return inside
        if not (function == "log" and is_shifted and self._has_scaled_logs):
            self._require_one(inside)
        return _UnitForm()

    def _visit_number(self, value: Fraction | float) -> _UnitForm:
        if isinstance(value, float):
            self._measured += 1
            return _UnitForm(unknown={("measured", self._measured - 1): Fraction(1)})
        self._exact.append(value)
        if not self._are_exact_free:
            return _UnitForm()
        return _UnitForm(unknown={("exact", len(self._exact) - 1): Fraction(1)})

    def _visit_power(self, base: Expression, exponent: Expression) -> _UnitForm:
        below = self._visit(base)
        if isinstance(exponent, Number):
            if isinstance(exponent.value, float):
                self._require_one(self._visit(exponent))
            return below ** Fraction(exponent.value).limit_denominator(MAX_DENOMINATOR)
        self._require_one(below)
        self._require_one(self._visit(exponent))
        return _UnitForm()


def _is_measured(tree: Expression) -> bool:
    return isinstance(tree, Number) and isinstance(tree.value, float)


def _eliminate(equations: list[_UnitForm], order: list[Unknown]) -> dict[Unknown, Monomial | None] | None:
    """Solve the equations by Gauss-Jordan elimination; None if they contradict each other.

    Unknown constants that stay free have no unit. One that depends on a free column is None.
    """
    rows = [(dict(equation.unknown), equation.known) for equation in equations]
    pivots: dict[Unknown, tuple[dict[Unknown, Fraction], Monomial]] = {}
    for name in order:
        pivot_row = next((row for row in rows if row[0].get(name)), None)
        if pivot_row is None:
            continue
        rows.remove(pivot_row)
        factor = 1 / pivot_row[0][name]
        pivot = {key: p * factor for key, p in pivot_row[0].items()}, pivot_row[1] ** factor
        rows = [_subtract(row, pivot, name) for row in rows]
        pivots = {key: _subtract(row, pivot, name) for key, row in pivots.items()} | {name: pivot}
    if any(not unit.is_one for _, unit in rows):
        return None
    solution: dict[Unknown, Monomial | None] = dict.fromkeys(order, ONE)
    for name, (unknown, unit) in pivots.items():
        is_open = any(key[0] == "column" for key in unknown if key != name)
        solution[name] = None if is_open else unit ** Fraction(-1)
    return solution


def _subtract(
    row: tuple[dict[Unknown, Fraction], Monomial],
    pivot: tuple[dict[Unknown, Fraction], Monomial],
    name: Unknown,
) -> tuple[dict[Unknown, Fraction], Monomial]:
    share = row[0].get(name)
    if not share:
        return row
    unknown = dict(row[0])
    for key, p in pivot[0].items():
        unknown[key] = unknown.get(key, Fraction(0)) - share * p
    return {key: p for key, p in unknown.items() if p}, row[1] / pivot[1] ** share
