"""The decision numbers that several parts of the search for formulas share."""

from __future__ import annotations

from dataclasses import dataclass

from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT, AssessmentThresholds
from kan_engine.formulas.core.discovery_thresholds import DEFAULT_DISCOVERY, DiscoveryThresholds
from kan_engine.formulas.core.thresholds import DEFAULT_SYMBOLIC, SymbolicThresholds
from kan_engine.structure.thresholds import DEFAULT_STRUCTURE, StructureThresholds


@dataclass(frozen=True, kw_only=True)
class FormulaThresholds:
    """How far the strategies go, and when a formula is exact.

    Attributes:
        assessment: Of comparisons and verdicts.
        discovery: Of searches for a law without a network.
        structure: Of the search for small structures.
        symbolic: Of the extraction of formulas and of their constants.
    """

    assessment: AssessmentThresholds = DEFAULT_ASSESSMENT
    discovery: DiscoveryThresholds = DEFAULT_DISCOVERY
    structure: StructureThresholds = DEFAULT_STRUCTURE
    symbolic: SymbolicThresholds = DEFAULT_SYMBOLIC

    @property
    def max_exact_error(self) -> float:
        """Validation error over the spread of the target, below which a formula is exact."""
        return self.symbolic.constants.max_exact_error


DEFAULT_FORMULAS = FormulaThresholds()
