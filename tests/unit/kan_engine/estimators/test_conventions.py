"""The estimators keep the conventions of scikit-learn, as its own checks find."""

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from kan_engine import KANClassifier, KANRegressor

pytestmark = [
    pytest.mark.usefixtures("shapes_unchecked"),
    pytest.mark.filterwarnings("ignore::Warning"),  # the checks ask for tables that scikit-learn warns of
]

# A small network: what is checked here does not depend on what is found
QUICK: dict[str, Any] = {
    "hidden": (),
    "grid": 3,
    "steps": 4,
    "restarts": 1,
    "prune": False,
    "max_curves": 1,
    "symbolic": False,
}


def waived(_: object) -> dict[str, str]:
    return {
        "check_sample_weight_equivalence_on_dense_data": (
            "rows are divided at random: a repeated row may be on both sides, a row of weight 2 on one"
        )
    }


@parametrize_with_checks([KANRegressor(**QUICK)], expected_failed_checks=waived)
def test_conventions(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.mark.thorough
@parametrize_with_checks([KANClassifier(**QUICK)], expected_failed_checks=waived)
def test_conventions_of_a_classifier(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


@pytest.mark.thorough
@parametrize_with_checks(
    [KANRegressor(symbolic=False, max_seconds=1.0)],
    expected_failed_checks=lambda each: waived(each) | {"check_fit_idempotent": "the clock ends the search"},
)
def test_conventions_of_a_free_search(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
