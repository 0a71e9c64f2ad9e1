"""What a call sends first."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from service.client import Dataset, Equations
from service.client.endpoints import Endpoints
from service.client.transport import Outcome, Request, Transport

ID = "0190f3a1-7c4e-7b1d-9a52-3f6c8e2d1b00"
COLUMNS = {"x": [0.0, 1.0], "y": [1.0, 0.5]}
DECAY: Equations = {
    "independent": ["x"],
    "unknowns": ["y"],
    "domain": {"x": (0, 5)},
    "equations": ["Derivative(y(x), x) + k*y(x)"],
}


class Sent(Exception): ...


class Recorder(Transport):
    async def exchange(self, request: Request) -> Outcome:
        raise Sent(request)


def sent(**changes: Any) -> Any:
    with pytest.raises(Sent) as caught:
        Endpoints(Recorder()).solve(**DECAY | changes, progress=False).send(None)
    return caught.value.args[0].body


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
    assert sent(measurements=measured)["measurements"] == {"columns": COLUMNS}


@pytest.mark.parametrize("measured", [Dataset.model_construct(id=ID), ID, {"dataset_id": ID}])
def test_a_dataset_of_measurements_goes_by_its_id(measured: Any) -> None:
    assert sent(measurements=measured)["measurements"] == {"dataset_id": ID}


def test_equations_may_do_without_conditions_and_measurements() -> None:
    assert sent(measurements=None)["measurements"] is None
    assert sent() == {"kind": "solve", "conditions": [], **DECAY}
