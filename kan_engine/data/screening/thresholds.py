"""The decision numbers of the screening, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ScreeningThresholds:
    """When columns are screened, and what a column must show to be kept.

    Attributes:
        min_inputs, max_inputs: Encoded inputs that a table may have without screening, and that are kept at
            most. Between these bounds there may be as many as training rows: with more inputs than rows every
            fit is exact. Networks of more than 100 inputs take longer than the default time.
        max_rows: Training rows that are tested; an effect of 0.5 % of the variance stands out on so many.
        max_basis_numbers: Rows times basis functions, in single precision: 240 MB.
        level: Probability that chance keeps any column of a table without an effect.
        degrees: Of the polynomials of a column's ranks: lines, curves with two bends, oscillations.
        min_rows_per_degree: Of a polynomial, so that it is not fitted to single rows.
        min_independent_share: Of a basis function, not yet explained by the functions of kept columns.
        min_residual_share: Of the variance; the search ends with less, which is rounding.
        min_residual_degrees: Degrees of freedom that the functions of kept columns leave at least.
        max_classes: Most frequent classes whose rows are tested.
        min_class_rows: Of such a class: the tests assume sums of many rows.
        permutations: Of the classes. Labels are not normal, so that an input must also exceed what any shows
            with permuted labels.
        max_product_inputs: The strongest inputs, of which all pairs are tested; the work grows with the
            square.
        min_flag_share: Of both values of an input with two values, to take part in products.
        max_product_candidates: Products of one round that are tested again beside those added before.
        max_rounds: Of single columns and products in turn.
        line_folds: Of the cross-validation of a line through all columns.
        line_rows: Rows of the same: its work grows with their cube.
        line_penalties: Of ridge regression on standardised inputs.
        min_line_gain: Standard errors by which such a line must be better than the kept columns. By chance
            that happens in one of 700 tables.
        min_line_gain_share: Of the mean squared error, likewise.
        time_share: Of the time of a job, after which only the tests of single inputs are finished.
        halves: Random halves of the rows on which the selection is repeated.
        rivals: Strongest other inputs that take part in these repetitions.
        min_stability: Share of the halves, below which the client is warned of a column.
    """

    min_inputs: int = 40
    max_inputs: int = 100
    max_rows: int = 4000
    max_basis_numbers: int = 60_000_000

    level: float = 0.01
    degrees: tuple[int, ...] = (1, 3, 9)
    min_rows_per_degree: int = 10
    min_independent_share: float = 0.02
    min_residual_share: float = 1e-8
    min_residual_degrees: int = 10
    max_classes: int = 20
    min_class_rows: int = 5
    permutations: int = 19

    max_product_inputs: int = 2000
    min_flag_share: float = 0.1
    max_product_candidates: int = 200
    max_rounds: int = 4

    line_folds: int = 5
    line_rows: int = 1000
    line_penalties: tuple[float, ...] = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)
    min_line_gain: float = 3.0
    min_line_gain_share: float = 0.02

    time_share: float = 0.25
    halves: int = 10
    rivals: int = 200
    min_stability: float = 0.5

    def max_inputs_of(self, rows: int) -> int:
        """Encoded inputs that a table with this number of training rows may have without screening."""
        return min(max(rows, self.min_inputs), self.max_inputs)


DEFAULT_SCREENING = ScreeningThresholds()
