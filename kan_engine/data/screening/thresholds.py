"""The decision numbers of the screening, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ScreeningThresholds:
    """When columns are screened, and what a column must show to be kept.

    Attributes:
        max_rows: Training rows that are tested; an effect of 0.5 % of the variance stands out on so many.
        max_basis_numbers: Rows times basis functions, in single precision: 240 MB.
        level: Probability that chance keeps any column of a table without an effect.
        degrees: Of the polynomials of a column's ranks: lines, curves with two bends, oscillations.
        min_independent_share: Of a basis function, not yet explained by the functions of kept columns.
        min_residual_share: Of the variance; the search ends with less, which is rounding.
        min_residual_degrees: Degrees of freedom that the functions of kept columns leave at least.
        max_classes: Most frequent classes whose rows are tested.
        max_product_inputs: The strongest inputs, of which all pairs are tested; the work grows with the
            square.
        min_flag_share: Of both values of an input with two values, to take part in products.
        max_product_candidates: Products of one round that are tested again beside those added before.
        max_rounds: Of single columns and products in turn.
        line_penalties: Of ridge regression on standardised inputs.
        time_share: Of the time of a job, after which only the tests of single inputs are finished.
        halves: Random halves of the rows on which the selection is repeated.
        rivals: Strongest other inputs that take part in these repetitions.
        min_stability: Share of the halves, below which the client is warned of a column.
    """

    max_rows: int = 4000
    max_basis_numbers: int = 60_000_000

    level: float = 0.01
    degrees: tuple[int, ...] = (1, 3, 9)
    min_independent_share: float = 0.02
    min_residual_share: float = 1e-8
    min_residual_degrees: int = 10
    max_classes: int = 20

    max_product_inputs: int = 2000
    min_flag_share: float = 0.1
    max_product_candidates: int = 200
    max_rounds: int = 4

    line_penalties: tuple[float, ...] = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)

    time_share: float = 0.25
    halves: int = 10
    rivals: int = 200
    min_stability: float = 0.5

    def max_inputs_of(self, rows: int, *, min_inputs: int = 40, max_inputs: int = 100) -> int:
        """Encoded inputs that a table with this number of training rows may have without screening.

        Args:
            min_inputs, max_inputs: Encoded inputs that a table may have without screening, and that are kept
                at most. Between these bounds there may be as many as training rows: with more inputs than
                rows every fit is exact. Networks of more than 100 inputs take longer than the default time.
        """
        return min(max(rows, min_inputs), max_inputs)


DEFAULT_SCREENING = ScreeningThresholds()
