"""Traces of searches over HTTP: a training tells which strategies ran, and why its search ended."""

import numpy as np
import pytest

from tests.support.worked_service import Document, WorkedService

pytestmark = pytest.mark.usefixtures("no_suggestions", "shapes_unchecked")

A, B = np.random.default_rng(0).uniform(0.5, 3, (2, 120))
STRATEGIES = [
    "lines",
    "laws",
    "networks",
    "choice of the network",
    "compact networks",
    "growth",
]


def trace_of(service: WorkedService, **body: object) -> Document:
    """The trace of a training, over HTTP."""
    model = service.model(target="y", baselines=False, **body)
    return service.get(f"/jobs/{model['job_id']}/trace")


def test_a_training_names_the_strategies_that_ran_and_why_its_search_ended(service: WorkedService) -> None:
    trace = trace_of(service, dataset_id=service.upload(a=A, b=B, y=A + B**2))
    assert (trace["version"], trace["left_out"]) == (1, 0)
    assert trace["ended"] == "a law exact to rounding error"
    steps = {step["strategy"]: step for step in trace["steps"]}
    assert [name for name in steps if name in STRATEGIES] == STRATEGIES
    law = steps["laws"]
    assert (law["best"], law["path"], law["outcome"]) == ("a + b**2", [], "all candidates proposed")
    assert law["seconds"] > 0
    assert law["proposed"] >= law["entered"] > 0
    assert steps["networks"]["outcome"] == "left out: the law explains the rows"
    assert steps["growth"]["outcome"] == "left out: a law exact to rounding error"


def test_a_training_without_a_formula_names_what_was_not_requested(service: WorkedService) -> None:
    dataset_id = service.upload(a=A, b=B, y=A + B**2)
    brief = {"network": {"hidden": [], "grid": 3}, "training": {"steps": 5}}
    steps = trace_of(service, dataset_id=dataset_id, symbolic=False, compact=False, **brief)["steps"]
    outcomes = {step["strategy"]: step["outcome"] for step in steps}
    assert outcomes.pop("networks") == outcomes.pop("choice of the network") == "all candidates proposed"
    unwanted = ("lines", "laws", "growth")
    assert outcomes == dict.fromkeys(unwanted, "left out: formulas are not wanted")


def test_a_job_that_waits_has_a_trace_without_steps(service: WorkedService) -> None:
    body = {"dataset_id": service.upload(a=A, b=B, y=A), "target": "y"}
    job = service.client.post("/jobs", json=body).json()
    trace = service.get(f"/jobs/{job['id']}/trace")
    assert trace == {"version": 1, "steps": [], "ended": None, "left_out": 0}
