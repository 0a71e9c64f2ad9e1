"""The kind of law that a function is: which columns separate, in a tree, and its symmetries.

At every group of columns, in this order: columns without effect are left out; the function is a sum or a
product of functions of smaller groups; a function of one sum, F(g + h); or some columns act through one
value, F(g(a), b). Each group is examined in turn with all other columns at rest (``tree`` of pykan).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np

from kan_engine.hypotheses.separability import (
    Groups,
    Separability,
    find_separability,
    measure_composition,
    measure_one_variable,
)
from kan_engine.hypotheses.statements import write_skeleton, write_statements
from kan_engine.hypotheses.symmetries import Symmetry, find_symmetries
from kan_engine.hypotheses.target_function import TargetFunction

PartKind = Literal["sum", "product", "composition", "nested", "function"]
MAX_COLUMNS = 24  # that act; the pairs of more are too many
MAX_NUMBERS = 7  # of which all divisions into two groups are tried


@dataclass(frozen=True, kw_only=True)
class Part:
    """A function of some columns, and how it is made of functions of fewer.

    Attributes:
        kind: A sum or a product of its parts, a function of the sum of its parts (``composition``), a
            function of the value of its first part and of the other columns (``nested``), or any
            ``function``.
        columns: The columns.
        parts: What it is made of; none of a ``function``.
        error: Of this statement, as a share of the spread of the function, or for ``composition`` and
            ``nested`` of its slopes.
        offset: Constant beside a product.
    """

    kind: PartKind
    columns: tuple[str, ...]
    parts: tuple[Part, ...] = ()
    error: float = 0.0
    offset: float = 0.0

    def walk(self) -> Iterator[Part]:
        """This part and all below it."""
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True, kw_only=True)
class Structure:
    """What kind of law a function is.

    Attributes:
        root: How the function is made of functions of fewer columns.
        symmetries: Changes of columns under which it stays as it is, or changes by a factor.
        unused: Columns without effect.
        tolerance: Largest error of a statement, as a share of the spread: about the error of the function.
        left_out: Why nothing is said of columns that act: there are too many. Empty otherwise.
    """

    root: Part
    symmetries: tuple[Symmetry, ...]
    unused: tuple[str, ...]
    tolerance: float
    left_out: str = ""

    @property
    def skeleton(self) -> str:
        """The function as an expression of unknown functions, such as ``g1(a)*F1(g2(b) + g3(c))``."""
        return write_skeleton(self.root)

    def to_text(self) -> str:
        """The skeleton, and a line per statement with its error."""
        return "\n".join([f"f = {self.skeleton}", *write_statements(self)])

    def __str__(self) -> str:
        return self.to_text()

    def to_json(self) -> str:
        """All fields as JSON, with the skeleton and the statements as texts."""
        return json.dumps(asdict(self) | {"skeleton": self.skeleton, "statements": write_statements(self)})


def find_structure(function: TargetFunction, *, tolerance: float = 1e-3, seed: int = 0) -> Structure:
    """Find the tree and the symmetries of a function.

    Args:
        function: The function.
        tolerance: Largest error of a statement, as a share of the spread.
        seed: Of the recombined and moved rows.
    """
    names = tuple(name for name in function.places if _measure_effect(function, name, seed) > tolerance)
    unused = tuple(name for name in function.places if name not in names)
    if len(names) > MAX_COLUMNS:
        reason = f"{len(names)} columns act; up to {MAX_COLUMNS} are examined"
        root = Part(kind="function", columns=names)
        return Structure(root=root, symmetries=(), unused=unused, tolerance=tolerance, left_out=reason)
    used = replace(function, places={name: function.places[name] for name in names})
    return Structure(
        root=_examine(used, tolerance, seed),
        symmetries=tuple(find_symmetries(used, tolerance=tolerance, seed=seed)),
        unused=unused,
        tolerance=tolerance,
    )


def _measure_effect(function: TargetFunction, name: str, seed: int, rows: int = 500) -> float:
    """Total effect as a share of the spread (M. J. W. Jansen, Comput. Phys. Commun. 117, 1999)."""
    rng = np.random.default_rng(seed)
    base, other = (function.x[rng.integers(len(function.x), size=rows)] for _ in range(2))
    differences = function.evaluate(function.mix(base, [name], other)) - function.evaluate(base)
    return float(np.sqrt(np.nanmean(differences**2) / 2)) / function.spread


def _examine(function: TargetFunction, tolerance: float, seed: int) -> Part:
    names = tuple(function.places)
    if len(names) < 2:
        return Part(kind="function", columns=names)
    found = [find_separability(function, mode, tolerance=tolerance, seed=seed) for mode in ("sum", "product")]
    splits = [split for split in found if len(split.groups) > 1]
    if splits:
        return _divide(function, min(splits, key=lambda split: split.error), tolerance, seed)
    # Slopes of a function miss by a few times of what its values miss
    slope_tolerance = 3 * tolerance
    numbers = [name for name in names if name in function.numbers]
    if len(numbers) > MAX_NUMBERS:
        return Part(kind="function", columns=names)
    if len(numbers) == len(names):
        groups, error = _find_composition(function, slope_tolerance, seed)
        if len(groups) > 1:
            parts = tuple(_rest(function, group, tolerance, seed) for group in groups)
            return Part(kind="composition", columns=names, parts=parts, error=error)
    for count in range(min(len(numbers), len(names) - 1), 1, -1):
        errors = {
            group: measure_one_variable(function, group, seed=seed) for group in combinations(numbers, count)
        }
        group = min(errors, key=lambda group: np.nan_to_num(errors[group], nan=np.inf))
        if errors[group] <= slope_tolerance:
            others = [Part(kind="function", columns=(name,)) for name in names if name not in group]
            parts = (_rest(function, group, tolerance, seed), *others)
            return Part(kind="nested", columns=names, parts=parts, error=errors[group])
    return Part(kind="function", columns=names)


def _divide(function: TargetFunction, split: Separability, tolerance: float, seed: int) -> Part:
    parts = tuple(_rest(function, group, tolerance, seed) for group in split.groups)
    return Part(
        kind=split.mode, columns=tuple(function.places), parts=parts, error=split.error, offset=split.offset
    )


def _find_composition(function: TargetFunction, tolerance: float, seed: int) -> tuple[Groups, float]:
    """The finest groups g, h, … of F(g + h + …), and the largest error of a division of them into two."""
    first, *others = function.places
    groups: list[tuple[str, ...]] = [(first, *others)]
    largest = 0.0
    for count in range(len(others)):
        for companions in combinations(others, count):
            one = (first, *companions)
            two = tuple(name for name in others if name not in companions)
            error = measure_composition(function, one, two, seed=seed)
            if error <= tolerance:
                largest = max(largest, error)
                # Columns that any division separates are in different groups
                groups = [
                    part
                    for group in groups
                    for side in (one, two)
                    if (part := tuple(name for name in group if name in side))
                ]
    return tuple(groups), largest


def _rest(
    function: TargetFunction, names: Sequence[str], tolerance: float, seed: int, tries: int = 20
) -> Part:
    """The part of some columns, with the others at rest in a row where the function varies well."""
    if len(names) < 2:
        return Part(kind="function", columns=tuple(names))
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(function.x))[:tries].tolist()
    resting = [_fix_others(function, names, row) for row in rows]
    # Not the row where it varies most, which may lie where no others are
    resting.sort(key=lambda part: part.spread)
    part = resting[int(0.8 * len(resting))]
    scale = max(1.0, function.spread / part.spread)
    return _examine(part, min(tolerance * scale, 0.1), seed)


def _fix_others(function: TargetFunction, names: Sequence[str], row: int) -> TargetFunction:
    x = function.mix(np.repeat(function.x[row : row + 1], len(function.x), axis=0), names, function.x)
    return replace(function, x=x, places={name: function.places[name] for name in names})
