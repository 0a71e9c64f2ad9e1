"""What a call sends first."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from service.client import Dataset, endpoints

COLUMNS = {"x": [0.0, 1.0], "y": [1.0, 0.5]}
DECAY: endpoints.Equations = {
    "independent": ["x"],
    "unknowns": ["y"],
    "domain": {"x": (0, 5)},
    "equations": ["Derivative(y(x), x) + k*y(x)"],
}


def sent(measurements: Any) -> Any:
    steps = endpoints.solve(DECAY | {"measurements": measurements}, progress=False)
    return next(steps).body["measurements"]


@pytest.mark.parametrize(
    "measured",
    [
        COLUMNS,
        {"columns": COLUMNS},
        {name: np.array(values) for name, values in COLUMNS.items()},
        {"columns": {name: np.array(values) for name, values in COLUMNS.items()}},
        pl.DataFrame(COLUMNS),
    ],
)
def test_measurements_of_equations_go_as_columns(measured: Any) -> None:
    assert sent(measured) == {"columns": COLUMNS}


@pytest.mark.parametrize("measured", [Dataset.model_construct(id="d1"), "d1", {"dataset_id": "d1"}])
def test_a_dataset_of_measurements_goes_by_its_id(measured: Any) -> None:
    assert sent(measured) == {"dataset_id": "d1"}


def test_equations_may_do_without_conditions_and_measurements() -> None:
    assert sent(None) is None
    assert next(endpoints.solve(DECAY, progress=False)).body == {"kind": "solve", "conditions": [], **DECAY}
