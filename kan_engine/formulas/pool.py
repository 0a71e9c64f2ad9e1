"""The candidates of a search, whatever strategy proposed them, and the small networks behind them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.reduction import Reduction
from kan_engine.formulas.problem import Problem
from kan_engine.numerics.ties import rank_error
from kan_engine.structure.fitted_structure import FittedStructure


@dataclass(frozen=True, eq=False)
class ReducedPool:
    """The pool of a reduction of a problem.

    Attributes:
        name: Of the strategy that reduced the problem.
        reduction: The groups and the factor.
        problem: The problem that was reduced.
        pool: What was found in the groups.
    """

    name: str
    reduction: Reduction
    problem: Problem
    pool: Pool


@dataclass(eq=False)
class Pool:
    """Candidates of one problem, the shortest description first.

    Attributes:
        problem: What they explain.
        candidates: Each formula once.
        structures: All small networks that were fitted.
        read: Those from which formulas were extracted.
        reduced: The pools of the reductions whose problems were searched.
        has_run: Names of the strategies that ran.
    """

    problem: Problem
    candidates: list[Candidate] = field(default_factory=list)
    structures: list[FittedStructure] = field(default_factory=list)
    read: list[FittedStructure] = field(default_factory=list)
    reduced: list[ReducedPool] = field(default_factory=list)
    has_run: set[str] = field(default_factory=set)

    def add(self, candidate: Candidate) -> bool:
        """Add a candidate unless it is known or breaks the wishes; return whether it entered."""
        is_known = any(each.tree == candidate.tree for each in self.candidates)
        if is_known or not np.isfinite(candidate.error) or not self.problem.constraints.allow(candidate.tree):
            return False
        self.candidates = sorted([*self.candidates, candidate], key=lambda each: each.bits)
        return True

    def add_structure(self, structure: FittedStructure) -> None:
        """Keep a small network that was fitted."""
        self.structures.append(structure)
        self.problem.record_structure(structure)

    @property
    def best(self) -> Candidate | None:
        """The candidate with the shortest description; exact ones come first by far."""
        return self.candidates[0] if self.candidates else None

    @property
    def exact(self) -> Candidate | None:
        """The best candidate if it holds to rounding error."""
        limit = self.problem.thresholds.max_exact_error
        return self.best if self.best is not None and self.best.error < limit else None

    @property
    def closest_structure(self) -> FittedStructure | None:
        """The small network with the lowest error."""
        return min(self.structures, key=lambda each: rank_error(each.error), default=None)

    @property
    def has_adequate_structure(self) -> bool:
        """Whether a small network represents the rows."""
        return any(structure.is_adequate for structure in self.structures)
