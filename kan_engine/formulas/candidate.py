"""A formula that a search considers, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field

from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.reduction import Reduction
from kan_engine.structure.fitted_structure import FittedStructure


@dataclass(frozen=True)
class Candidate(Formula):
    """A formula with its error and description length, as some strategy proposed it.

    Attributes:
        strategy: Name of the strategy.
        structure: The small network that it was read off, if it was.
        reduction: The variables in which all short formulas were tried, if it is one of these.
    """

    strategy: str = ""
    structure: FittedStructure | None = field(default=None, repr=False, compare=False)
    reduction: Reduction | None = field(default=None, repr=False, compare=False)

    @staticmethod
    def create(
        formula: Formula,
        strategy: str,
        *,
        structure: FittedStructure | None = None,
        reduction: Reduction | None = None,
    ) -> Candidate:
        """A formula as a candidate of a strategy."""
        return Candidate(
            formula.tree, formula.error, formula.bits, strategy, structure=structure, reduction=reduction
        )
