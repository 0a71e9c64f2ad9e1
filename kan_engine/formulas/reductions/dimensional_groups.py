"""Reductions of the number of variables by the units of the columns.

A law among quantities with units is one among dimensionless products of powers of them, which are fewer
(E. Buckingham, "On physically similar systems", Physical Review 4, 1914): y = factor · g(groups), where the
factor has the unit of y. Constants of nature may be among the quantities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import isclose, prod

import numpy as np
from jaxtyping import Float

from kan_engine.expressions.evaluation import Expression, Variable, mul, number, power
from kan_engine.formulas.core.reduction import Reduction
from kan_engine.units.monomial import Monomial
from kan_engine.units.natural_constants import NATURAL_CONSTANTS, NaturalConstant
from kan_engine.units.unit import Unit

ROOT_COST = 3.0  # of a fractional exponent: laws more often contain E/(m·c²) than the root of it
Exponents = tuple[Fraction, ...]  # of the quantities of a basis


@dataclass(frozen=True, kw_only=True)
class Quantities:
    """Columns with their units, and constants of nature.

    Attributes:
        units: Of the columns.
        target: Unit of the target.
        constants: Constants of nature that the law may contain.
        is_positive: Columns whose values are all positive.
        has_zeros: Columns with a value of 0.
    """

    units: Mapping[str, Unit]
    target: Unit
    constants: tuple[NaturalConstant, ...] = ()
    is_positive: Mapping[str, bool]
    has_zeros: Mapping[str, bool]

    @property
    def dimensions(self) -> dict[str, Monomial]:
        """Of the constants, and of the columns."""
        column_dimensions = {name: unit.dimension for name, unit in self.units.items()}
        return {
            constant.symbol + "#": constant.unit.dimension for constant in self.constants
        } | column_dimensions


def list_dimensional_reductions(quantities: Quantities) -> list[Reduction]:
    """Return the reductions of all bases of the columns, the shortest expressions first.

    Empty if no product of powers of the quantities has the unit of the target. A group of a constant has the
    name of the constant.
    """
    dimensions = quantities.dimensions
    rank = _rank(list(dimensions.values()))
    candidates: dict[tuple[Expression, tuple[Expression, ...]], tuple[float, Reduction]] = {}
    for basis in combinations(dimensions, rank):
        result = _build(quantities, dimensions, basis)
        if result is not None:
            cost, reduction = result
            key = reduction.factor, tuple(reduction.groups.values())
            candidates.setdefault(key, (cost, reduction))
    return [reduction for _, reduction in sorted(candidates.values(), key=lambda pair: pair[0])]


@dataclass(frozen=True, kw_only=True)
class ConstantSet:
    """Constants of nature that a law may contain, and the number of dimensionless groups with them."""

    constants: tuple[NaturalConstant, ...]
    groups: int


def choose_constants(units: Mapping[str, Unit], target: Unit, max_constants: int) -> list[ConstantSet]:
    """Return the sets of up to ``max_constants`` constants of nature that a law of these columns may contain.

    They are those with which a product of powers has the unit of the target, and in which every constant
    occurs in such a product or in a dimensionless one. Those with the fewest groups come first.
    """
    column_dimensions, sets = [unit.dimension for unit in units.values()], list[ConstantSet]()
    for count in range(max_constants + 1):
        for constants in combinations(NATURAL_CONSTANTS, count):
            constant_dimensions = [constant.unit.dimension for constant in constants]
            rank = _rank([*column_dimensions, *constant_dimensions])
            # Constants that are independent, and with which a product has the unit of the target
            if (
                _rank(constant_dimensions) < count
                or _rank([*column_dimensions, *constant_dimensions, target.dimension]) > rank
            ):
                continue
            is_needed = all(
                _rank(
                    [
                        *column_dimensions,
                        target.dimension,
                        *(f for f in constant_dimensions if f is not dimension),
                    ]
                )
                == _rank([*column_dimensions, target.dimension, *constant_dimensions])
                for dimension in constant_dimensions
            )
            if is_needed:
                sets.append(ConstantSet(constants=constants, groups=len(column_dimensions) + count - rank))
    return sorted(sets, key=lambda entry: (entry.groups, len(entry.constants)))


def _rank(dimensions: Sequence[Monomial]) -> int:
    return int(np.linalg.matrix_rank(_matrix(dimensions))) if dimensions else 0


def _matrix(dimensions: Sequence[Monomial]) -> Float[np.ndarray, "bases dimensions"]:
    bases = sorted({base for dimension in dimensions for base, _ in dimension.powers})
    powers = [dict(dimension.powers) for dimension in dimensions]
    return np.array([[float(p.get(base, 0)) for p in powers] for base in bases] or [[0.0] * len(powers)])


def _build(
    quantities: Quantities, dimensions: Mapping[str, Monomial], basis: tuple[str, ...]
) -> tuple[float, Reduction] | None:
    """The reduction of one basis and its cost, or None if it is no basis or not defined at all rows."""
    of_basis = [dimensions[name] for name in basis]
    if _rank(of_basis) < len(basis):
        return None
    factor = _solve(of_basis, quantities.target.dimension)
    if factor is None:
        return None
    groups, cost = dict[str, Expression](), _cost(factor)
    for name in dimensions:
        if name in basis:
            continue
        exponents = _solve(of_basis, dimensions[name])
        if exponents is None:
            return None
        # A column stands above in its group, and a constant below: v/c rather than c/v.
        sign = 1 if name in quantities.units else -1
        parts, powers = (name, *basis), (Fraction(sign), *(-sign * p for p in exponents))
        if not _is_defined(quantities, parts, powers):
            return None
        groups[name] = mul(_coefficient(_value(quantities, parts, powers)), _power(parts, powers))
        cost += _cost(exponents)
    if not _is_defined(quantities, basis, factor):
        return None
    scale = _value(quantities, basis, factor) / quantities.target.scale
    return cost, Reduction(groups=groups, factor=mul(_coefficient(scale), _power(basis, factor)))


def _solve(basis: Sequence[Monomial], target: Monomial) -> Exponents | None:
    """Exponents with which the product of the basis is ``target``; None if there are none."""
    if not basis:
        return () if target.is_one else None
    # Least squares in floats, then the nearest simple fractions, which are checked exactly
    matrix = _matrix([*basis, target])
    solution, *_ = np.linalg.lstsq(matrix[:, :-1], matrix[:, -1])
    exponents = tuple(Fraction(p).limit_denominator(12) for p in solution.tolist())
    product = Monomial()
    for part, p in zip(basis, exponents, strict=True):
        product = product * part**p
    return exponents if product == target else None


def _cost(exponents: Exponents) -> float:
    return sum(abs(float(p)) + ROOT_COST * (p.denominator > 1) for p in exponents)


def _is_defined(quantities: Quantities, basis: tuple[str, ...], exponents: Exponents) -> bool:
    for name, p in zip(basis, exponents, strict=True):
        if name not in quantities.units or not p:
            continue
        if p.denominator % 2 == 0 and not quantities.is_positive[name]:
            return False
        if p < 0 and quantities.has_zeros[name]:
            return False
        if p.denominator > 1 and not quantities.is_positive[name]:
            return False
    return True


def _value(quantities: Quantities, basis: tuple[str, ...], exponents: Exponents) -> float:
    """The product of the constants and of the scales of the columns."""
    constant_values = {constant.symbol + "#": constant.value for constant in quantities.constants}
    scales = [
        constant_values[name] if name in constant_values else quantities.units[name].scale for name in basis
    ]
    return float(prod(scale ** float(p) for scale, p in zip(scales, exponents, strict=True)))


def _power(basis: tuple[str, ...], exponents: Exponents) -> Expression:
    return mul(
        *(
            power(Variable(name), p)
            for name, p in zip(basis, exponents, strict=True)
            if p and not name.endswith("#")
        )
    )


def _coefficient(value: float) -> Expression:
    return number(Fraction(1)) if isclose(value, 1.0, rel_tol=1e-12) else number(value)
