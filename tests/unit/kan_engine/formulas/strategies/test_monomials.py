"""The null space of monomials."""

import numpy as np
import pytest

from kan_engine.formulas.strategies.exact import monomials


def test_a_decomposition_that_does_not_converge_is_repeated_by_another_method(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: np.ndarray) -> None:
        raise np.linalg.LinAlgError("SVD did not converge")

    triangle = np.triu(np.random.default_rng(0).normal(size=(4, 4)))
    expected = np.linalg.svd(triangle)[1]
    monkeypatch.setattr(np.linalg, "svd", fail)
    _, singular, right = monomials._decompose(triangle)
    np.testing.assert_allclose(singular, expected)
    np.testing.assert_allclose(right @ right.T, np.eye(4), atol=1e-12)
