"""Tables of more rows than choices need, over HTTP: what a training reads, and what its model tells."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from fastapi.testclient import TestClient

from service.main import create_app
from service.settings import Settings
from tests.support.servers import LOOPBACK
from tests.support.worked_service import Document, WorkedService
from worker.pipelines import search_config

pytestmark = pytest.mark.usefixtures("no_suggestions")

ROWS, HELD, CHOICES = 5_000, 1_000, 500
TRAINING = ROWS - HELD
RNG = np.random.default_rng(0)
A, B = RNG.uniform(-2, 2, (2, ROWS))
NOISE = RNG.normal(0, 0.05, ROWS)
FLEXIBLE: Document = {
    "network": {"hidden": [6], "grid": 8},
    "training": {"restarts": 1, "optimizer": "adam", "steps": 12},
    "symbolic": False,
    "prune": False,
    "baselines": ["linear"],
    "compact": {"max_edges": 2},
}
STRAIGHT: Document = FLEXIBLE | {"network": {"hidden": [], "grid": 3}}


@pytest.fixture
def service(new_settings: Callable[[], Settings], monkeypatch: pytest.MonkeyPatch) -> Iterator[WorkedService]:
    """A service whose searches choose on few rows."""
    known = search_config.THRESHOLDS
    few = replace(known.data, max_choice_rows=CHOICES)
    monkeypatch.setattr(search_config, "THRESHOLDS", replace(known, data=few))
    settings = new_settings()
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        yield WorkedService(client, settings)


def train(service: WorkedService, y: np.ndarray, body: Document) -> Document:
    return service.model(**body, dataset_id=service.upload(a=A, b=B, y=y), target="y")


def told(model: Document, what: str) -> list[str]:
    return [warning for warning in model["warnings"] if what in warning]


def test_a_model_tells_the_rows_it_was_chosen_on_and_is_measured_on_all_hold_out_rows(
    service: WorkedService,
) -> None:
    model = train(service, np.sin(2 * A) * B + NOISE, FLEXIBLE)
    assert told(model, f"chosen on {CHOICES} of {TRAINING:,} training rows")
    assert told(model, f"of all {HELD:,} hold-out rows")
    assert model["split"]["test_rows"] == HELD


def test_a_network_is_fitted_to_more_rows_while_they_lower_its_error(service: WorkedService) -> None:
    split = train(service, np.sin(2 * A) * B + NOISE, FLEXIBLE)["split"]
    assert split["validation_rows"] == CHOICES // 5
    assert split["training_rows"] > CHOICES
    used = split["training_rows"] + split["validation_rows"] + split.get("unused_rows", 0)
    assert used == TRAINING


def test_rows_that_gain_less_than_a_standard_error_are_left_out_and_told(service: WorkedService) -> None:
    model = train(service, A + 20 * NOISE, STRAIGHT)
    assert model["split"]["unused_rows"] > 0
    assert told(model, "by less than a standard error")


def test_a_class_of_few_rows_is_among_those_that_choices_are_made_on(service: WorkedService) -> None:
    labels = np.where(A > 0, "high", "low").astype(object)
    labels[:4] = "rare"
    model = train(service, labels, FLEXIBLE | {"split": {"kind": "tail"}})
    assert sorted(model["classes"]) == ["high", "low", "rare"]


def test_the_same_job_leads_to_the_same_network(service: WorkedService) -> None:
    first, second = (train(service, np.sin(2 * A) * B + NOISE, FLEXIBLE) for _ in range(2))
    assert first["metrics"] == second["metrics"]
    assert first["split"] == second["split"]
