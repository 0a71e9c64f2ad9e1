"""What a search finds besides formulas, and the names of the strategies whose formulas count otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from kan_engine.assessment.evidence.formula_evidence import FormulaEvidence
from kan_engine.compact.path import CompactPath
from kan_engine.errors import InvalidData
from kan_engine.expressions.evaluation import Expression
from kan_engine.search.formulas.form import JudgedForm
from kan_engine.search.result import SearchResult, SmallLaw

LINES, LAWS = "lines", "laws"


@dataclass(eq=False)
class Members:
    """What a search finds besides formulas.

    Attributes:
        law: The small network of the law search, with its formulas.
        trained: The larger network; None if the law explains the rows.
        accurate: The network that answers unless a formula does.
        form: The client's form; why it cannot be fitted; None without one.
        evidence: For the formulas that were first so far, with their out-of-sample errors.
    """

    law: SmallLaw | None = None
    trained: SearchResult | None = None
    accurate: SearchResult | None = None
    form: JudgedForm | InvalidData | None = None
    evidence: dict[Expression, tuple[FormulaEvidence, np.ndarray]] = field(default_factory=dict)

    def add_law(self, law: SmallLaw | None) -> None:
        """Set the law, whose first formula has its evidence already."""
        self.law = law
        if law is not None and law.found.evidence is not None:
            self.evidence[law.found.formulas[0][0].tree] = law.found.evidence, law.found.formula_errors

    @property
    def compact(self) -> CompactPath | None:
        """Networks of few curves."""
        return None if self.accurate is None else self.accurate.compact
