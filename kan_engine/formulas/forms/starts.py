"""Random starts of constants, at the scales that the rows suggest.

A start is drawn around the size that a constant needs so that its part of the form has the size of its
neighbours: in ``exp(-b*t)`` the product is about 1, in ``K + S`` both terms are alike. Where this cannot be
known, or is wrong, the sizes of the columns and of the target are tried, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kan_engine.expressions.evaluation import (
    Add,
    Call,
    Expression,
    Mul,
    Number,
    Parameter,
    Pow,
    children,
    evaluate,
    variables,
    walk,
)
from kan_engine.expressions.library import LIBRARY
from kan_engine.formulas.forms.thresholds import FormThresholds

Array = np.ndarray
Columns = Mapping[str, Array]


@dataclass
class StartRange:
    """Where a constant may be.

    Attributes:
        scales: Sizes that its places in the form suggest.
        ranges: Ranges of what it is added to, and of frequencies that the rows resolve.
        is_phase: Whether it is added inside a wave, where it has the period 2π.
    """

    scales: list[float] = field(default_factory=list)
    ranges: list[tuple[float, float]] = field(default_factory=list)
    is_phase: bool = False


def find_start_ranges(tree: Expression, columns: Columns, target: Array, count: int) -> list[StartRange]:
    """Find where each of the first ``count`` parameters may be."""
    finder = _RangeFinder(columns, [StartRange() for _ in range(count)])
    finder.visit(tree, _measure_size(target), is_wave=False)
    for each in finder.found:
        each.is_phase = each.is_phase and len(each.scales) == 1
    return finder.found


def draw_starts(
    ranges: Sequence[StartRange],
    bounds: Sequence[tuple[float, float]],
    sizes: Sequence[float],
    count: int,
    generator: np.random.Generator,
    thresholds: FormThresholds,
) -> Array:
    """Draw starts [count, constants] within bounds.

    Args:
        ranges: Of the constants.
        bounds: Of the constants.
        sizes: Of the columns and of the target.
        count: Number of starts.
        generator: Source of randomness.
        thresholds: Spread of starts.
    """
    common = np.array([1.0, *sizes, *(1 / size for size in sizes)])
    return np.stack(
        [
            _draw(each, ends, common, count, generator, thresholds)
            for each, ends in zip(ranges, bounds, strict=True)
        ],
        axis=1,
    )


def _draw(
    known: StartRange,
    bounds: tuple[float, float],
    common: Array,
    count: int,
    generator: np.random.Generator,
    thresholds: FormThresholds,
) -> Array:
    own = np.array(known.scales or [1.0])
    scale = np.where(
        generator.random(count) < 0.5, generator.choice(own, count), generator.choice(common, count)
    )
    sign = np.where(generator.random(count) < thresholds.positive_share, 1.0, -1.0)
    values = sign * scale * 10 ** generator.normal(0, thresholds.scale_decades, count)
    if known.ranges:
        low, high = np.array(known.ranges).T
        which = generator.integers(len(low), size=count)
        inside = generator.uniform(low[which], high[which])
        values = np.where(generator.random(count) < thresholds.uniform_share, inside, values)
    return move_into_bounds(values, bounds, generator)


def move_into_bounds(values: Array, bounds: tuple[float, float], generator: np.random.Generator) -> Array:
    """Mirror values at a bound that they exceed; between two bounds draw them anew."""
    low, high = bounds
    if np.isfinite(low) and np.isfinite(high):
        fresh = generator.uniform(low, high, len(values))
        return np.where((values > low) & (values < high), values, fresh)
    if np.isfinite(low):
        return low + np.abs(values - low)
    return high - np.abs(values - high) if np.isfinite(high) else values


class _RangeFinder:
    """Passes the size that a node should have down to its parameters."""

    def __init__(self, columns: Columns, found: list[StartRange]) -> None:
        self._columns, self.found = columns, found

    def visit(self, tree: Expression, size: float, *, is_wave: bool) -> None:
        """Note the sizes of the parameters in a node of this size."""
        size = float(np.clip(size, 1e-100, 1e100))
        match tree:
            case Parameter(index) if index < len(self.found):
                self.found[index].scales.append(size)
                if is_wave:
                    self.found[index].ranges.append((-np.pi, np.pi))
                    self.found[index].is_phase = True
            case Add(terms):
                self._visit_sum(terms, size, is_wave=is_wave)
            case Mul(factors):
                self._visit_product(factors, size, is_wave=is_wave)
            case Pow(base, Number(exponent)):
                self.visit(base, size ** (1 / float(exponent)) if exponent else 1.0, is_wave=False)
            case Pow(base, exponent):
                self.visit(base, self._get_size(base) or 1.0, is_wave=False)
                self.visit(exponent, 1.0, is_wave=False)
            case Call(function, argument):
                self.visit(argument, 1.0, is_wave=LIBRARY[function].equation == "periodic")

    def _visit_sum(self, terms: Sequence[Expression], size: float, *, is_wave: bool) -> None:
        known = [term for term in terms if not _has_parameter(term) and variables(term)]
        values = sum((evaluate(term, self._columns) for term in known), start=np.zeros(1))
        for term in terms:
            self.visit(term, _measure_size(values) if known else size, is_wave=is_wave)
            for index in _find_bare_parameter(term) if known else ():
                if index < len(self.found):
                    ends = float(np.nanmin(values)), float(np.nanmax(values))
                    self.found[index].ranges += [ends, (-ends[1], -ends[0])]

    def _visit_product(self, factors: Sequence[Expression], size: float, *, is_wave: bool) -> None:
        sizes = [self._get_size(factor) for factor in factors]
        rest = size / float(np.prod([each for each in sizes if each is not None]))
        open_factors = sum(each is None for each in sizes)
        for factor, own in zip(factors, sizes, strict=True):
            self.visit(factor, rest ** (1 / open_factors) if own is None else own, is_wave=False)
            if is_wave and isinstance(factor, Parameter) and factor.index < len(self.found):
                self.found[factor.index].ranges += self._find_frequencies(factors)

    def _find_frequencies(self, factors: Sequence[Expression]) -> list[tuple[float, float]]:
        """The frequencies that the rows resolve, up to half a turn per row (Nyquist)."""
        known = [factor for factor in factors if not _has_parameter(factor) and variables(factor)]
        if not known:
            return []
        values = np.unique(np.prod([evaluate(factor, self._columns) for factor in known], axis=0))
        width = float(values[-1] - values[0]) if len(values) > 1 else 0.0
        return [(0.0, np.pi * (len(values) - 1) / width)] if np.isfinite(width) and width > 0 else []

    def _get_size(self, tree: Expression) -> float | None:
        """The size of a node whatever its parameters are; None if it depends on them."""
        if not _has_parameter(tree):
            return (
                _measure_size(evaluate(tree, self._columns))
                if variables(tree)
                else _measure_size(evaluate(tree, {}))
            )
        match tree:
            case Add(terms):
                known = [term for term in terms if not _has_parameter(term) and variables(term)]
                if not known:
                    return None
                return _measure_size(np.sum([evaluate(term, self._columns) for term in known], axis=0))
            case Pow(base, Number(exponent)):
                size = self._get_size(base)
                return None if size is None else float(np.clip(size ** float(exponent), 1e-100, 1e100))
            case Call():
                return 1.0
        return None


def _find_bare_parameter(term: Expression) -> list[int]:
    """The parameter of a term that is only a parameter, or minus one."""
    parts = children(term) if isinstance(term, Mul) else (term,)
    bare = [part.index for part in parts if isinstance(part, Parameter)]
    others = [part for part in parts if not isinstance(part, Parameter | Number)]
    return bare if len(bare) == 1 and not others else []


def _has_parameter(tree: Expression) -> bool:
    return any(isinstance(node, Parameter) for node in walk(tree))


def _measure_size(values: Array) -> float:
    """The median absolute value; 1 where it is 0 or not finite."""
    finite = np.abs(values[np.isfinite(values)])
    size = float(np.median(finite)) if len(finite) else 1.0
    return size or float(finite.max(initial=0.0)) or 1.0
