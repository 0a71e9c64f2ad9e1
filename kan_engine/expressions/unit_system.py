"""The units of a table, and what they say of a formula."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Literal, TypedDict

from kan_engine.expressions.balance import Balance, balance_units
from kan_engine.expressions.nodes import Expression, variables
from kan_engine.units.monomial import Monomial
from kan_engine.units.reduction import compute_scale, reduce_unit, write_base_units
from kan_engine.units.unit import Unit, read_unit

UnitMode = Literal["check", "enforce", "ignore"]
UnitStatus = Literal["adds_up", "does_not_add_up", "unknown"]

Level = dict[str, bool]  # what may carry a unit; see ``balance_units``

_LEVELS: tuple[Level, ...] = tuple(
    {"are_exact_free": exact, "has_scaled_logs": logs, "has_free_scale": scale}
    for exact, scale in ((False, False), (True, False), (True, True))
    for logs in (False, True)
)


class UnitsDocument(TypedDict):
    """The units of a table as JSON."""

    columns: dict[str, str]
    target: str | None
    mode: UnitMode


@dataclass(frozen=True)
class UnitReport:
    """The units of a formula.

    Attributes:
        status: ``unknown`` where neither the unit of the target nor one of its columns is known.
        measured: Units of its measured constants, in the order of ``parametrize_floats``; None where open.
        exact: Exact numbers that have to carry a unit, with it.
    """

    status: UnitStatus
    measured: tuple[Unit | None, ...] = ()
    exact: tuple[tuple[Fraction, Unit], ...] = ()


@dataclass(frozen=True)
class UnitSystem:
    """The units of the columns and the target of a table.

    Attributes:
        columns: Unit of each variable as text; of an unknown unit, the text is none that is known.
        target: Unit of the target; None if not told.
        mode: What follows for a formula whose units do not add up: it comes behind those whose units do
            (``check``), it is left out (``enforce``), or nothing.
    """

    columns: Mapping[str, str]
    target: str | None = None
    mode: UnitMode = "check"
    _known: dict[Expression, Level | None] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    @cached_property
    def units(self) -> dict[str, Unit]:
        """The columns with known units."""
        units_of_columns = {name: read_unit(text) for name, text in self.columns.items()}
        return {name: unit for name, unit in units_of_columns.items() if unit is not None}

    @cached_property
    def target_unit(self) -> Unit | None:
        """The unit of the target, if known."""
        return None if self.target is None else read_unit(self.target)

    def report(self, tree: Expression) -> UnitReport:
        """Return whether the units of a formula add up, and those of its constants."""
        names = variables(tree)
        if self.target_unit is None and not any(name in self.units for name in names):
            return UnitReport("unknown")
        level = self._find_level(tree)
        if level is None:
            return UnitReport("does_not_add_up")
        dimensions = self._balance(tree, "dimension", level)
        symbols = self._balance(tree, "symbols", level)
        assert dimensions is not None  # noqa: S101 - the level is one that adds up
        exact_symbols = {} if symbols is None else dict(enumerate(symbols.exact))
        exact = tuple(
            (value, self._make_unit(dimension, exact_symbols[place][1] if place in exact_symbols else None))
            for place, (value, dimension) in enumerate(dimensions.exact)
            if not dimension.is_one
        )
        return UnitReport("adds_up", self._join(dimensions, symbols), exact)

    def adds_up(self, tree: Expression) -> bool:
        """Whether the units of a formula add up, as far as they are known."""
        return self._find_level(tree) is not None

    def needs_scale(self, tree: Expression) -> bool:
        """Whether the units of a formula add up only if it is multiplied by 1 of some unit."""
        level = self._find_level(tree)
        return level is not None and level["has_free_scale"]

    def _find_level(self, tree: Expression) -> Level | None:
        if tree not in self._known:
            self._known[tree] = next(
                (level for level in _LEVELS if self._balance(tree, "dimension", level) is not None), None
            )
        return self._known[tree]

    def _balance(
        self, tree: Expression, kind: Literal["dimension", "symbols"], level: Level
    ) -> Balance | None:
        units: dict[str, Monomial | None] = {
            name: getattr(self.units[name], kind) if name in self.units else None for name in variables(tree)
        }
        target = None if self.target_unit is None else getattr(self.target_unit, kind)
        return balance_units(tree, units, target, **level)

    def _join(self, dimensions: Balance, symbols: Balance | None) -> tuple[Unit | None, ...]:
        """Units of constants in the words of the table, where its units make them up."""
        measured_symbols = symbols.measured if symbols is not None else (None,) * len(dimensions.measured)
        return tuple(
            None if dimension is None else self._make_unit(dimension, words)
            for dimension, words in zip(dimensions.measured, measured_symbols, strict=True)
        )

    def _make_unit(self, dimension: Monomial, words: Monomial | None) -> Unit:
        words = write_base_units(dimension) if words is None else words
        return reduce_unit(Unit(words, dimension, compute_scale(words)))

    def to_dict(self) -> UnitsDocument:
        """The units as JSON."""
        return {"columns": dict(self.columns), "target": self.target, "mode": self.mode}

    @staticmethod
    def from_dict(data: UnitsDocument) -> UnitSystem:
        """The inverse of ``to_dict``."""
        return UnitSystem(data["columns"], data["target"], data["mode"])


def make_unit_system(
    units: Mapping[str, str], target: str | None, mode: UnitMode, indicators: Collection[str] = ()
) -> UnitSystem | None:
    """The units of a table; None if they are to be ignored or none of them is known.

    Args:
        units: By column.
        target: Name of the target; None for log-odds, which have no unit.
        mode: See ``UnitSystem``.
        indicators: Variables that are 1 or 0, and so have no unit.
    """
    columns = dict.fromkeys(indicators, "") | {name: text for name, text in units.items() if name != target}
    if mode == "ignore" or all(read_unit(text) is None for text in units.values()):
        return None
    return UnitSystem(columns, "" if target is None else units.get(target), mode)
