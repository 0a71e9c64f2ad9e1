"""What kind of law estimators have found."""

import numpy as np
import pandas as pd
import pytest

from kan_engine import KANClassifier, KANRegressor, explain_structure, find_separability, find_symmetries
from kan_engine.errors import InvalidConfig

pytestmark = pytest.mark.usefixtures("shapes_unchecked")


def test_a_table_and_an_estimator_are_examined_by_what_they_learn() -> None:
    """``detect_separability`` and ``test_symmetry`` of pykan, on a model instead of a function."""
    x = np.random.default_rng(0).uniform(1, 2, (80, 2))
    model = KANRegressor(max_complexity=9).fit(x, x[:, 0] * x[:, 1])
    assert explain_structure(model).skeleton == "g1(x0)*g2(x1)"
    assert find_separability(model, "product").groups == (("x0",), ("x1",))
    assert {symmetry.kind for symmetry in find_symmetries(model)} == {"scaling"}
    with pytest.raises(InvalidConfig, match="target"):
        explain_structure(x)


def test_categories_and_classes_separate_in_log_odds() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"dose": rng.uniform(-2, 2, 300), "sex": rng.choice(["f", "m"], 300)})
    odds = table["dose"] + np.where(table["sex"] == "m", 1.0, -1.0)
    labels = np.where(rng.uniform(size=300) < 1 / (1 + np.exp(-2 * odds)), "ill", "well")
    model = KANClassifier(hidden=(2,), max_seconds=5).fit(table, labels)
    # The network bends the sum a little, by less than the noise of the labels
    assert len(find_separability(model, "sum", tolerance=0.3).groups) == 2
    assert explain_structure(model, tolerance=0.3).skeleton.count(" + ") == 1
