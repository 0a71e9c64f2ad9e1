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
        work_per_second: Of a job, so that short jobs, too, give the same formulas in every run.
        trials_per_row: Largest number of trials per row: few rows cannot tell many formulas apart.
        overhead_rows: Rows whose arithmetic takes as long as the rest of a trial.
        expansion_trials: Trials that the ranking of changes takes as long as.
        max_rows: Rows that formulas are fitted to in the search. More rows hardly change which are best.
        scan_rows: Rows on which changes are ranked.
        max_columns: Columns in formulas; with more, the most relevant ones.

        entries_per_size: Formulas kept per size. With one, the search ends in local minima.
        slack: Over the error of the best formula of a size; a formula with a larger error is not kept.
        expansion_slack: The same for formulas whose changes are tried.
        fits_per_size: Changes of a formula that are fitted, per size that they lead to.
        max_moves_per_size: The same per node and kind of change, before those of all nodes are compared.
        prediction_slack: Of predicted errors over the limit, since predictions are first-order.
        max_visits: How often changes of a formula are tried, each time with the terms found since.
        same_values: Largest difference over the RMSE of formulas that count as equal.
        same_values_sizes: By how many nodes such a formula may be shorter: by a constant and more.

        hopeless_ratio: Of the error of a form to the limit after a few steps, above which it is given up.
        trial_steps, final_steps: Of the fit of a trial, and of one that becomes the best of its size.

        check_rows: Rows recombined from others, at which a formula must be finite and near the target.
        max_overshoot: Beyond the range of the target there, over that range: poles between rows are larger.

        min_rows_for_share_check: With fewer rows, the share of a single row is always large.
        max_single_row_share: Of a term's variance.
        max_products: Terms of two columns, roughly: with many columns, their number grows quadratically.
        factor_exponents: Of factors that are inserted.
        max_factor_size: Of a term whose powers are inserted as factors.
        max_refused_moves: Changes of a formula that the limits refuse, before others are no longer tried.
        min_part_size, max_part_size: Parts of found formulas that become terms.
    """

    max_size: int = 60
    max_work: float = 2e7
    first_share: float = 0.3
    work_per_second: float = 1.7e5
    trials_per_row: int = 25
    overhead_rows: int = 1500
    expansion_trials: int = 30
    max_rows: int = 1500
    scan_rows: int = 600
    max_columns: int = 20

    entries_per_size: int = 3
    slack: float = 1.1
    expansion_slack: float = 1.03
    fits_per_size: int = 3
    max_moves_per_size: int = 2
    prediction_slack: float = 1.02
    max_visits: int = 3
    same_values: float = 1e-2
    same_values_sizes: int = 4

    hopeless_ratio: float = 1.15
    trial_steps: int = 6
    final_steps: int = 30

    check_rows: int = 2000
    max_overshoot: float = 1.0

    min_rows_for_share_check: int = 20
    max_single_row_share: float = 0.3
    max_products: int = 1500
    factor_exponents: tuple[float, ...] = (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0)
    max_factor_size: int = 5
    max_refused_moves: int = 100
    min_part_size: int = 3
    max_part_size: int = 20


DEFAULT_FRONT = FrontThresholds()
