"""Rows with a transform of their target."""

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.formulas.core.transformed_rows import transform_rows


def test_errors_of_a_transformed_target_count_as_those_of_the_target() -> None:
    rng = np.random.default_rng(0)
    y = rng.uniform(1, 5, 50)
    rows, moved = (LabelledRows.from_columns({"x": y}, values) for values in (y, y + 1e-6))
    for name in ("identity", "log", "reciprocal"):
        first, second = transform_rows(rows, name), transform_rows(moved, name)
        assert first is not None
        assert second is not None
        errors = np.abs(second.y - first.y) * np.sqrt(first.weights)
        np.testing.assert_allclose(errors, errors[0], rtol=1e-4)


def test_rows_of_the_other_sign_have_no_logarithm_and_no_reciprocal() -> None:
    y = np.array([-0.1, *np.linspace(1, 2, 19)])
    rows = LabelledRows.from_columns({"x": y}, y)
    for name in ("log", "reciprocal"):
        transformed = transform_rows(rows, name)
        assert transformed is not None
        assert len(transformed) == 19
        assert transform_rows(LabelledRows.from_columns({"x": y}, y - 1.5), name) is None
