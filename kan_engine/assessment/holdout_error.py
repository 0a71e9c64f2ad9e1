"""Why the error on hold-out rows is far above that on validation rows."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from kan_engine.data.training_data import TrainingData


def explain_holdout_error(
    errors: Float[np.ndarray, " test"],
    validation_errors: Float[np.ndarray, " validation"],
    data: TrainingData,
    *,
    max_rmse_ratio: float = 2.0,
    chance_standard_errors: float = 4.0,
    rounding_error: float = 1e-7,
) -> str | None:
    """A warning with a likely cause; None where the hold-out error is about as expected.

    Args:
        errors: On the hold-out rows.
        validation_errors: Out of sample, on training rows.
        data: The rows of a regression.
        max_rmse_ratio: Multiple of the validation RMSE above which a hold-out RMSE needs an explanation.
        chance_standard_errors: Standard errors of the mean square within which a difference counts as chance.
        rounding_error: Share of the target's standard deviation below which errors are rounding errors.
    """
    validation_squares, squares = validation_errors**2, errors**2
    if not len(squares) or not len(validation_squares):
        return None
    validation_mse, test_mse = float(validation_squares.mean()), float(squares.mean())
    # Standard error of a mean of squares over as many rows as are held out
    chance = float(validation_squares.std()) / len(squares) ** 0.5
    is_similar = test_mse <= max_rmse_ratio**2 * validation_mse
    is_expected = is_similar or test_mse <= validation_mse + chance_standard_errors * chance
    if is_expected or test_mse <= float(data.training.y.var()) * rounding_error**2:
        return None
    comparison = (
        f"the RMSE on the hold-out rows, {test_mse**0.5:.4g}, is far above that on validation, "
        f"{validation_mse**0.5:.4g}"
    )
    return f"{comparison}: {_likely_cause(data, squares, validation_mse)}"


def _likely_cause(
    data: TrainingData,
    squares: Float[np.ndarray, " test"],
    validation_mse: float,
    *,
    main_cause_share: float = 0.5,
    outlier_rmse_ratio: float = 10.0,
) -> str:
    """The cause that explains most of the error.

    Args:
        data: The rows.
        squares: Squared errors on the hold-out rows.
        validation_mse: Their mean on validation.
        main_cause_share: Share of the squared error that one cause has to explain.
        outlier_rmse_ratio: Ratio to the RMSE of validation and of all other rows, above which a row is an
            outlier.
    """
    low, high = data.training.x.min(0), data.training.x.max(0)
    # Rows outside the box of the training rows are extrapolated
    outside = ((data.test.x < low) | (data.test.x > high)).any(1)
    worst = int(squares.argmax())
    threshold = main_cause_share * squares.sum()
    decides = squares[worst] > threshold
    if not decides and outside.any() and squares[outside].sum() > threshold:
        note = _describe_rmse(squares[~outside])
        return f"{int(outside.sum())} of {len(squares)} rows lie outside the range of the training rows{note}"
    # An outlier stands out against validation and against the other hold-out rows
    usual = max(validation_mse, float(np.delete(squares, worst).mean()) if len(squares) > 1 else 0.0)
    if decides or squares[worst] > outlier_rmse_ratio**2 * usual:
        number = int(data.numbers[len(data.training) + worst]) + 1
        where = " and lies outside the range of the training rows" if outside[worst] else ""
        note = _describe_rmse(np.delete(squares, worst))
        return f"row {number} of the dataset, counted from 1, may be an outlier{where}{note}"
    return "they may come from another distribution than the training rows; check how the rows were split"


def _describe_rmse(squares: Float[np.ndarray, " rows"]) -> str:
    return f"; on the other rows it is {squares.mean() ** 0.5:.4g}" if len(squares) else ""
