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
        selection_bits: Price of having been selected among very many: 10 bits are odds of 1,000 to 1.
        structure: The small network that it was read off, if it was.
        reduction: The variables in which all short formulas were tried, if it is one of these.
    """

    strategy: str = ""
    selection_bits: float = 0.0
    structure: FittedStructure | None = field(default=None, repr=False, compare=False)
    reduction: Reduction | None = field(default=None, repr=False, compare=False)

    @property
    def total_bits(self) -> float:
        """Its description length with the price of its selection."""
        return self.bits + self.selection_bits

    @staticmethod
    def create(
        formula: Formula,
        strategy: str,
        *,
        structure: FittedStructure | None = None,
        reduction: Reduction | None = None,
        selection_bits: float = 0.0,
    ) -> Candidate:
        """A formula as a candidate of a strategy."""
        return Candidate(
            formula.tree,
            formula.error,
            formula.bits,
            strategy=strategy,
            selection_bits=selection_bits,
            structure=structure,
            reduction=reduction,
        )
