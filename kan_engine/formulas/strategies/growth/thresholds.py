"""Decision numbers of the search for the front of formulas."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FrontThresholds:
    """How forms are fitted, compared and varied. Sizes are numbers of nodes.

    Attributes:
        max_size: Of a formula. Longer ones are not read by people.
        max_work: Of a search; see ``FrontSearch.work``. About 20 seconds on one core.
        first_share: Of that work, before the formulas of compact networks are known. With 0.7 instead of 0.3,
            R² at 60 nodes is 0.02 lower on concrete; with 0 it is the same.
        overhead_rows: Rows whose arithmetic takes as long as the rest of a trial.
        max_rows: Rows that formulas are fitted to in the search. More rows hardly change which are best.
        scan_rows: Rows on which changes are ranked.
        max_columns: Columns in formulas; with more, the most relevant ones.

        entries_per_size: Formulas kept per size. With one, the search ends in local minima.
        slack: Over the error of the best formula of a size; a formula with a larger error is not kept.
        max_moves_per_size: Changes of a formula that are fitted, per size, node and kind of change, before
            those of all nodes are compared.
        same_values_sizes: By how many nodes a formula of the same values may be shorter: by a constant and
            more.

        trial_steps, final_steps: Of the fit of a trial, and of one that becomes the best of its size.

        check_rows: Rows recombined from others, at which a formula must be finite and near the target.

        max_products: Terms of two columns, roughly: with many columns, their number grows quadratically.
        max_factor_size: Of a term whose powers are inserted as factors.
    """

    max_size: int = 60
    max_work: float = 2e7
    first_share: float = 0.3
    overhead_rows: int = 1500
    max_rows: int = 1500
    scan_rows: int = 600
    max_columns: int = 20

    entries_per_size: int = 3
    slack: float = 1.1
    max_moves_per_size: int = 2
    same_values_sizes: int = 4

    trial_steps: int = 6
    final_steps: int = 30

    check_rows: int = 2000

    max_products: int = 1500
    max_factor_size: int = 5


DEFAULT_FRONT = FrontThresholds()
