"""The training rows of a large table that choices are made on, and those in reserve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Shaped

from kan_engine.data.thresholds import DataThresholds


@dataclass(frozen=True)
class ChoiceRows:
    """Training rows of a table, by their numbers.

    Attributes:
        fit: Rows to fit on while choices are made, in the order of the table.
        validation: Rows for every choice between models, in the same order.
        others: Further rows in random order; none unless the table is large.
    """

    fit: Int[np.ndarray, " fit"]
    validation: Int[np.ndarray, " validation"]
    others: Int[np.ndarray, " others"]

    @property
    def drawn(self) -> Int[np.ndarray, " drawn"]:
        """The fit rows, then the validation rows."""
        return np.concatenate([self.fit, self.validation])

    def select_reserve(self, width: int, thresholds: DataThresholds) -> Int[np.ndarray, " reserve"]:
        """The others that are held in memory with so many encoded columns."""
        return self.others[: thresholds.max_reserve_values // max(1, width)]

    def describe(self, held_out: int = 0) -> list[str]:
        """A warning that choices are made on a sample, for metrics of so many hold-out rows."""
        if not len(self.others):
            return []
        count = len(self.fit) + len(self.validation)
        total = count + len(self.others)
        warning = (
            f"structure, settings and formulas were chosen on {count:,} of {total:,} training rows, drawn at "
            "random: more hardly change them"
        )
        return [f"{warning}; the metrics are of all {held_out:,} hold-out rows" if held_out else warning]


def draw_choice_rows(
    fit_rows: Int[np.ndarray, " fit"],
    judge_rows: Int[np.ndarray, " validation"],
    seed: int,
    *,
    most: int,
    classes: Shaped[np.ndarray, " rows"] | None = None,
) -> ChoiceRows:
    """Draw the rows of choices from all training rows.

    Args:
        fit_rows: Row numbers from ``split_training_rows``.
        judge_rows: The same of the validation rows; as large a share of both is drawn.
        seed: Seed of the sample.
        most: Rows to draw.
        classes: Class of every row of the dataset; one row of a class that no fit row has is drawn, too.
    """
    total = len(fit_rows) + len(judge_rows)
    if total <= most:
        return ChoiceRows(fit_rows, judge_rows, fit_rows[:0])
    generator = np.random.default_rng(seed)
    is_drawn = []
    for part in (fit_rows, judge_rows):
        mask = np.zeros(len(part), dtype=bool)
        mask[generator.choice(len(part), max(1, most * len(part) // total), replace=False)] = True
        is_drawn.append(mask)
    if classes is not None:
        # A rare class may have no row in the sample: the first row of each such class is added
        fit_classes = classes[fit_rows]
        labels, places = np.unique(fit_classes, return_index=True)
        is_drawn[0][places[~np.isin(labels, fit_classes[is_drawn[0]])]] = True
    reserve = np.concatenate([fit_rows[~is_drawn[0]], judge_rows[~is_drawn[1]]])
    return ChoiceRows(fit_rows[is_drawn[0]], judge_rows[is_drawn[1]], generator.permutation(reserve))
