"""What a search finds besides formulas, and the names of the strategies whose formulas count otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from kan_engine.compact.path import CompactPath
from kan_engine.errors import InvalidData
from kan_engine.search.formulas.form import JudgedForm
from kan_engine.search.result import SearchResult, SmallLaw

LINES, LAWS, SPARSE_SUMS = "lines", "laws", "sparse sums"


@dataclass(eq=False)
class Members:
    """What a search finds besides formulas.

    Attributes:
        law: The small network of the law search, with its formulas.
        accurate: The network that answers unless a formula does.
        form: The client's form; why it cannot be fitted; None without one.
    """

    law: SmallLaw | None = None
    accurate: SearchResult | None = None
    form: JudgedForm | InvalidData | None = None

    @property
    def compact(self) -> CompactPath | None:
        """Networks of few curves."""
        return None if self.accurate is None else self.accurate.compact
