"""Labels from probabilities, and the threshold that promises the highest F1."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from kan_engine.inference.label_decision import choose_classes, f1_threshold

probabilities = st.lists(st.floats(0.001, 0.999), min_size=1, max_size=40).map(np.array)


def test_the_likeliest_class_is_chosen_unless_weights_say_otherwise() -> None:
    p = np.array([[0.5, 0.3, 0.2], [0.2, 0.4, 0.4]])
    assert choose_classes(p, None).tolist() == [0, 1]
    assert choose_classes(p, (1.0, 1.0, 3.0)).tolist() == [2, 2]


@given(probabilities)
def test_no_other_threshold_is_expected_to_give_a_higher_f1(p: np.ndarray) -> None:
    def expected(threshold: float) -> float:
        called = p > threshold
        return float(2 * p[called].sum() / (called.sum() + p.sum()))

    best = expected(f1_threshold(p, np.ones(len(p))))
    assert all(best >= expected(other) - 1e-12 for other in [0.0, *p])


@given(probabilities, st.integers(0, 39))
def test_a_row_of_weight_two_counts_like_two_rows(p: np.ndarray, place: int) -> None:
    place %= len(p)
    weights = np.ones(len(p))
    weights[place] = 2
    twice = np.append(p, p[place])
    assert f1_threshold(p, weights) == pytest.approx(f1_threshold(twice, np.ones(len(twice))))


def test_rows_without_weight_do_not_count() -> None:
    p = np.array([0.99, 0.9, 0.2, 0.1])
    assert f1_threshold(p, np.array([0.0, 1.0, 0.0, 1.0])) == f1_threshold(p[[1, 3]], np.ones(2))


def test_the_threshold_is_near_the_best_that_labels_can_tell() -> None:
    generator = np.random.default_rng(0)
    p = 1 / (1 + np.exp(-(2 * generator.normal(size=20_000) - 3)))
    y = generator.random(len(p)) < p
    best = max(f1_score(y, p > t) for t in np.linspace(0.05, 0.6, 56))
    assert f1_score(y, p > f1_threshold(p, np.ones(len(p)))) > best - 0.01
    assert f1_score(y, p > 0.5) < best - 0.05
