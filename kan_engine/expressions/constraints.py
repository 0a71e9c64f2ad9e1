"""Constraints on formulas, and on networks from which formulas are extracted. Must not import torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from math import inf
from typing import Literal, NotRequired, TypedDict

from kan_engine.errors import InvalidConfig
from kan_engine.expressions.evaluation import (
    Call,
    Expression,
    Number,
    Pow,
    complexity,
    is_constant,
    variables,
    walk,
)
from kan_engine.expressions.function_sets import FUNCTION_NAMES, Exponents, expand_functions
from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.measured_constants import count_constants
from kan_engine.expressions.shape import Box, holds_shape
from kan_engine.expressions.unit_system import UnitsDocument, UnitSystem

SEARCH_POINTS, FINAL_POINTS = 1024, 16384  # of the domain box, at which candidates and formulas are checked
DIRECTIONS = {"increasing": 1, "decreasing": -1}

MAX_HIDDEN_LAYERS = 1  # of a network from which formulas are extracted

UNBALANCED_BITS = 1e6  # any formula whose units add up comes before one whose units do not
UNBALANCED_EXACT_BITS = 40.0  # of one that is exact to rounding error: then the units are in doubt
SCALE_BITS = 20.0  # of a constant that is 1 in the units of the table, which happens once in 2²⁰ tables

PRINTABLE_FUNCTIONS = tuple(name for name, f in LIBRARY.items() if f.elementary or f.exponent is not None)
"""Functions that occur in printed formulas; all other functions are written in terms of these."""

_POWER_NAMES = {f.exponent: name for name, f in LIBRARY.items() if f.exponent is not None}


class ConstraintsDocument(TypedDict):
    """The constraints as JSON; those at their defaults may be missing."""

    forbidden: list[str]
    max_complexity: int | None
    exponents: NotRequired[Exponents]
    divides: NotRequired[bool]
    must_use: NotRequired[list[list[str]]]
    max_constants: NotRequired[int | None]
    monotone: NotRequired[list[tuple[str, int]]]
    units: NotRequired[UnitsDocument]


@dataclass(frozen=True)
class FormulaConstraints:
    """A client's constraints on a formula.

    Attributes:
        forbidden: Functions of ``PRINTABLE_FUNCTIONS`` that the formula must not contain.
        max_complexity: Largest ``complexity`` of the formula; None for no limit.
        exponents: Exponents that the formula may contain.
        divides: Whether the formula may divide by columns.
        must_use: Groups of names. The formula must contain a variable of each, and so must the networks. A
            name may be that of a column until ``resolve_columns`` replaces it by its variables.
        max_constants: Largest number of measured constants; None for no limit.
        monotone: Variables with 1 where the formula and the networks must rise, and -1 where they must fall.
        bounds: Lowest and highest value of the formula; not stored as JSON, since they belong to the target.
        box: Where monotone and bounds must hold: the ranges of the variables. Not stored either.
        units: Of the columns and the target, and what follows from them; None if they are ignored.
    """

    forbidden: frozenset[str] = frozenset()
    max_complexity: int | None = None
    exponents: Exponents = "real"
    divides: bool = True
    must_use: tuple[frozenset[str], ...] = ()
    max_constants: int | None = None
    monotone: tuple[tuple[str, int], ...] = ()
    bounds: tuple[float, float] = (-inf, inf)
    box: Box = ()
    units: UnitSystem | None = None

    @staticmethod
    def create(
        *,
        forbid: Iterable[str] = (),
        max_complexity: int | None = None,
        functions: Collection[str] | None = None,
        must_use: Iterable[str] = (),
        max_constants: int | None = None,
        monotone: Mapping[str, Literal["increasing", "decreasing"]] | None = None,
    ) -> FormulaConstraints:
        """Translate what a client asks for.

        Args:
            forbid: Functions of ``PRINTABLE_FUNCTIONS`` that no formula may contain.
            max_complexity: As the attribute.
            functions: A closed list of ``FUNCTION_NAMES``; None allows all functions.
            must_use: Columns that every formula and network must contain.
            max_constants: As the attribute.
            monotone: Direction by column.

        Raises:
            InvalidConfig: A function is unknown.
        """
        unknown = sorted(set(functions or ()) - set(FUNCTION_NAMES))
        if unknown:
            choices = ", ".join(FUNCTION_NAMES)
            raise InvalidConfig(f"unknown function {unknown[0]!r}; functions names some of {choices}")
        forbidden_functions, exponents, divides = (
            expand_functions(functions) if functions is not None else (frozenset[str](), "real", True)
        )
        return FormulaConstraints(
            forbidden=frozenset(forbid) | forbidden_functions,
            max_complexity=max_complexity,
            exponents=exponents,
            divides=divides,
            must_use=tuple(frozenset({name}) for name in dict.fromkeys(must_use)),
            max_constants=max_constants,
            monotone=tuple((name, DIRECTIONS[word]) for name, word in (monotone or {}).items()),
        )

    def to_dict(self) -> ConstraintsDocument:
        """Return the constraints as JSON."""
        data: ConstraintsDocument = {
            "forbidden": sorted(self.forbidden),
            "max_complexity": self.max_complexity,
        }
        if self.exponents != "real":
            data["exponents"] = self.exponents
        if not self.divides:
            data["divides"] = False
        if self.must_use:
            data["must_use"] = [sorted(group) for group in self.must_use]
        if self.max_constants is not None:
            data["max_constants"] = self.max_constants
        if self.monotone:
            data["monotone"] = list(self.monotone)
        if self.units is not None:
            data["units"] = self.units.to_dict()
        return data

    @staticmethod
    def from_dict(data: ConstraintsDocument) -> FormulaConstraints:
        """Restore the constraints from ``to_dict``."""
        units = data.get("units")
        return FormulaConstraints(
            forbidden=frozenset(data["forbidden"]),
            max_complexity=data["max_complexity"],
            exponents=data.get("exponents", "real"),
            divides=data.get("divides", True),
            must_use=tuple(frozenset(group) for group in data.get("must_use", ())),
            max_constants=data.get("max_constants"),
            monotone=tuple((name, sign) for name, sign in data.get("monotone", ())),
            units=None if units is None else UnitSystem.from_dict(units),
        )

    def resolve_columns(self, variables_of: Mapping[str, Collection[str]]) -> FormulaConstraints:
        """Replace columns in ``must_use`` by their variables; other names stay."""
        groups = (
            frozenset(variable for name in group for variable in variables_of.get(name, (name,)))
            for group in self.must_use
        )
        return replace(self, must_use=tuple(groups))

    def drop_columns(self) -> FormulaConstraints:
        """The same for formulas in other variables than the columns."""
        return replace(self, must_use=(), monotone=(), bounds=(-inf, inf), box=(), units=None)

    @property
    def has_shape(self) -> bool:
        """Whether monotone columns or bounds are wished."""
        return bool(self.monotone) or self.bounds != (-inf, inf)

    def allow(self, tree: Expression, points: int = SEARCH_POINTS) -> bool:
        """Whether a formula satisfies the constraints, its values at sampled points of the box."""
        return self.allow_form(tree) and self.allow_values(tree, points)

    def allow_instead(self, tree: Expression, original: Expression, points: int = SEARCH_POINTS) -> bool:
        """Whether a formula may replace another: its units add up, too, if those of the other do."""
        return self.allow(tree, points) and (self.adds_up(tree) or not self.adds_up(original))

    def allow_values(self, tree: Expression, points: int = SEARCH_POINTS) -> bool:
        """Whether a formula is monotone and within the bounds at the sampled points of the box."""
        return not self.has_shape or holds_shape(tree, self.monotone, self.bounds, self.box, points)

    def allow_form(self, tree: Expression) -> bool:
        """Whether a formula satisfies the constraints that do not depend on the values of its constants."""
        is_short = self.max_complexity is None or complexity(tree) <= self.max_complexity
        return (
            is_short
            and self.allow_part(tree, is_exponent=False)
            and not self.list_missing(tree)
            and (self.max_constants is None or count_constants(tree) <= self.max_constants)
            and not (self.must_add_up and not self.adds_up(tree))
        )

    @property
    def must_add_up(self) -> bool:
        """Whether formulas whose units do not add up are left out."""
        return self.units is not None and self.units.mode == "enforce"

    @property
    def is_binding(self) -> bool:
        """Whether there are formulas that are not allowed."""
        return self.must_add_up or replace(self, units=None) != NO_CONSTRAINTS

    def adds_up(self, tree: Expression) -> bool:
        """Whether the units of a formula add up, as far as they are known and not ignored."""
        return self.units is None or self.units.adds_up(tree)

    def excess_bits(self, tree: Expression, *, is_exact: bool) -> float:
        """Bits that count for a formula besides its description length: its units may not add up."""
        if not self.adds_up(tree):
            return UNBALANCED_EXACT_BITS if is_exact else UNBALANCED_BITS
        return SCALE_BITS if self.units is not None and self.units.needs_scale(tree) else 0.0

    def allow_part(self, tree: Expression, *, is_exponent: bool) -> bool:
        """Whether a formula with this part can satisfy the constraints.

        A logarithm in an exponent is allowed, since simplification turns it into a power.
        """
        exclusions = self.forbidden - {"log"} if is_exponent else self.forbidden
        return not (exclusions and exclusions & list_functions(tree)) and self._allow_powers(tree)

    def list_missing(self, tree: Expression) -> list[frozenset[str]]:
        """Groups of ``must_use`` of which a formula contains no variable."""
        return (
            [group for group in self.must_use if group.isdisjoint(variables(tree))] if self.must_use else []
        )

    def _allow_powers(self, tree: Expression) -> bool:
        if self.exponents == "real" and self.divides:
            return True
        return all(self._allow_power(node) for node in walk(tree) if isinstance(node, Pow))

    def _allow_power(self, node: Pow) -> bool:
        if is_constant(node.base):  # 2**x is an exponential
            return is_constant(node.exponent) or "exp" not in self.forbidden
        exponent = node.exponent.value if isinstance(node.exponent, Number) else 0.5**0.5
        if exponent < 0 and not self.divides:
            return False
        if self.exponents == "real":
            return True
        max_denominator = {"integer": 1, "half": 2}[self.exponents]
        return isinstance(exponent, Fraction) and exponent.denominator <= max_denominator


NO_CONSTRAINTS = FormulaConstraints()


def list_functions(tree: Expression) -> set[str]:
    """Return the library's names of all functions and powers in a formula."""
    names: set[str] = set()
    for node in walk(tree):
        match node:
            case Call(function, _):
                names.add(function)
            case Pow(_, Number(Fraction() as exponent)) if exponent in _POWER_NAMES:
                names.add(_POWER_NAMES[exponent])
    return names
