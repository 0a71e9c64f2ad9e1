from typing import Any

import numpy as np
import pytest

from service.client import Predictions


def array(*predictions: Any) -> np.ndarray:
    nothing: dict[str, Any] = {"probabilities": None, "intervals": None, "warnings": [], "warning_count": 0}
    return Predictions(model_id="m", predictions=list(predictions), **nothing).array


@pytest.mark.parametrize(
    ("predictions", "kind"),
    [([1.5, 2.5], "f"), ([0, 1], "i"), ([True, False], "b"), (["a", "b"], "U"), (["a", None], "O")],
)
def test_an_array_has_the_type_of_what_is_predicted(predictions: list[Any], kind: str) -> None:
    assert array(*predictions).tolist() == predictions
    assert array(*predictions).dtype.kind == kind


def test_what_is_not_defined_is_nan_in_an_array() -> None:
    np.testing.assert_array_equal(array(1.5, None), [1.5, np.nan])
    np.testing.assert_array_equal(array({"y": 1.5, "z": None}), [[1.5, np.nan]])
