"""What a screening kept, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kan_engine.data.encoding import Encoding

SCREENING_CUT_WARNING = (
    "the time did not suffice to test products of columns, or a line through all; increase max_seconds"
)

Reason = Literal["single", "product", "line", "required", "first"]


@dataclass(frozen=True, kw_only=True)
class LineComparison:
    """A line through all inputs, compared with the selected ones by cross-validation.

    Attributes:
        line_share, selected_share: Of the variance of the scores that each explains.
        is_better: Whether the line is clearly better.
    """

    line_share: float
    selected_share: float
    is_better: bool


NO_COMPARISON = LineComparison(line_share=0.0, selected_share=0.0, is_better=False)


@dataclass(frozen=True, kw_only=True)
class KeptColumn:
    """A column of the client that the search reads.

    Attributes:
        name: The column.
        reason: ``single``: its own curve stands out from chance; ``product``: its product with ``partner``
            does; ``line``: a line through all columns predicts better than those that stand out, and it is
            among the strongest of that line; ``required``: the client asked for it; ``first``: no column
            stands out, and a network needs one.
        partner: The other column of the product.
        p_value: Probability that chance explains as much in one given test; None if it was not tested.
        stability: Share of random halves of the rows on which it is selected again, likewise.
    """

    name: str
    reason: Reason
    partner: str | None = None
    p_value: float | None = None
    stability: float | None = None


@dataclass(frozen=True, kw_only=True)
class Screening:
    """What a screening kept.

    Attributes:
        kept: The columns that the search reads, in the order of the table.
        columns: Number of columns that were screened.
        rows: Number of training rows that were tested.
        level: Probability that chance keeps any column of a table without an effect.
        min_stability: Share of halves of the rows, below which the client is warned of a column.
        line: A line through all columns, compared with those that stand out.
        is_cut: Whether the time did not suffice for all tests.
    """

    kept: tuple[KeptColumn, ...]
    columns: int
    rows: int
    level: float
    min_stability: float
    line: LineComparison
    is_cut: bool = False

    def narrow(self, encoding: Encoding) -> Encoding:
        """The encoding of the kept columns."""
        names = {column.name for column in self.kept}
        return Encoding(tuple(feature for feature in encoding.features if feature.name in names))

    @property
    def warnings(self) -> list[str]:
        """What the client should know."""
        unstable = self.describe_instability()
        return [
            self.describe(),
            *([unstable] if unstable else []),
            *([SCREENING_CUT_WARNING] if self.is_cut else []),
        ]

    def describe(self, limit: int = 10) -> str:
        """The result as a warning; names at most ``limit`` columns."""
        count = len(self.kept)
        names = ", ".join(repr(column.name) for column in self.kept[:limit])
        names += f" and {count - limit} more" if count > limit else ""
        if any(column.reason == "first" for column in self.kept):
            return (
                f"none of {self.columns} columns stands out from chance on the {self.rows} training rows, "
                f"alone, in a product with another, or in a line through all: only the first, {names}, is "
                "read; upload more rows, or list fewer columns in features"
            )
        message = (
            f"{count} of {self.columns} columns are read: {names}; they stand out from chance on the "
            f"{self.rows} training rows, alone or in a product with another (chance keeps a column in "
            f"{self.level:.0%} of tables), or the request needs them"
        )
        if any(column.reason == "line" for column in self.kept):
            message = (
                f"{count} of {self.columns} columns are read: {names}; a line through all columns predicts "
                f"better (R² {self.line.line_share:.2f}) than those that stand out "
                f"({self.line.selected_share:.2f}), so the strongest of that line are read, too"
            )
        return f"{message}; list columns in features to choose them yourself"

    def describe_instability(self, limit: int = 10) -> str | None:
        """A warning about kept columns that few halves of the rows confirm; None without any."""
        names = [
            repr(column.name)
            for column in self.kept
            if column.stability is not None and column.stability < self.min_stability
        ]
        if not names:
            return None
        suffix = f" and {len(names) - limit} more" if len(names) > limit else ""
        return (
            f"{', '.join(names[:limit])}{suffix} stand out on all training rows, but on less than half of "
            "random halves of them: similar columns may replace them, or upload more rows"
        )
