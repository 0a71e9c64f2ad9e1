"""The decision numbers of encoding, scaling and splitting, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from kan_engine.data.screening.thresholds import DEFAULT_SCREENING, ScreeningThresholds


@dataclass(frozen=True, kw_only=True)
class DataThresholds:
    """How columns are encoded and scaled, and how many rows validate.

    Attributes:
        max_category_columns: One column for each of the most frequent categories.
        max_rare_categories: Next most frequent categories, stored by name; all others count as unseen.
        max_category_characters: Of all features together: the header of a saved model holds the categories.
        min_cycle_coverage: Fraction of a cycle that the rows must span to be encoded as sine and cosine.
        max_quantile_rows: Quantiles of more rows come from a sample, accurate to 0.2 % of all rows.
        validation_share: Of the training rows.
        screening: Of the columns of wide tables.
        max_choice_rows: Fit and validation rows, on which every choice is made. With a fifth of them, the
            standard error of a validation error is 0.5 % of it.
        max_reserve_values: Encoded values of further training rows: 256 MiB. Trainings within the default
            time hardly reach as many. The limit is not that of the memory of a job, so that a job leads to
            the same network wherever it runs.
    """

    max_category_columns: int = 20
    max_rare_categories: int = 200
    max_category_characters: int = 2**20
    min_cycle_coverage: float = 0.75
    max_quantile_rows: int = 100_000
    validation_share: float = 0.2
    screening: ScreeningThresholds = DEFAULT_SCREENING
    max_choice_rows: int = 100_000
    max_reserve_values: int = 2**25


DEFAULT_DATA = DataThresholds()
