"""Evaluations and background rows in both dialects: bounded, of one tenant, gone with their model."""

import numpy as np
import pytest
from sqlalchemy import func, select

from service.caller import LOCAL_CALLER, Caller
from service.db.repositories import ModelEvaluations
from service.db.session import Sessions
from service.db.tables import Evaluation, Model
from service.documents.answering_member import Members
from service.operations.models.management import delete_model
from service.operations.prediction.explanation import explain
from tests.support.factories import FIGURES, make_model, make_predictor

MOST = 3


@pytest.fixture
def own(sessions: Sessions) -> Sessions:
    return sessions.restrict_to(LOCAL_CALLER)


def add(own: Sessions, model: Model, error: float) -> None:
    with own.begin() as session:
        result = {"error": error}
        ModelEvaluations(session, model.id).add(by="formula", dataset_id=None, result=result, limit=MOST)


def errors(sessions: Sessions, model: Model, **window: str | None) -> list[float | None]:
    with sessions.read() as session:
        page = ModelEvaluations(session, model.id).page(limit=9, **window)
        return [row.result["error"] for row in page]


def test_the_newest_come_first_and_the_oldest_are_deleted(own: Sessions) -> None:
    model, other = make_model(own), make_model(own)
    add(own, other, 0.0)
    for place in range(MOST + 2):
        add(own, model, float(place))
    assert errors(own, model) == [4.0, 3.0, 2.0]
    assert errors(own, other) == [0.0]
    with own.read() as session:
        newest = ModelEvaluations(session, model.id).page(limit=1)[0].id
    assert errors(own, model, after=newest) == [3.0, 2.0]


def test_numbers_that_are_not_finite_become_null(own: Sessions) -> None:
    model = make_model(own)
    add(own, model, float("nan"))
    assert errors(own, model) == [None]


def test_another_tenant_has_none(sessions: Sessions, own: Sessions) -> None:
    model = make_model(own)
    add(own, model, 1.0)
    assert errors(sessions.restrict_to(Caller(tenant="elsewhere", name="a test")), model) == []


def test_they_are_deleted_with_their_model(own: Sessions) -> None:
    model = make_model(own)
    add(own, model, 1.0)
    delete_model(model.id, own)
    with own.read() as session:
        assert session.scalar(select(func.count()).select_from(Evaluation)) == 0


def test_an_explanation_reads_the_background_alone(own: Sessions) -> None:
    predictor = make_predictor()
    reference = {"rows": 2, "columns": [], "background": [[0.0, 1.0], [1.0, 0.0]]}
    model = make_model(own, predictor, figures=FIGURES | {"reference": reference})
    columns = {"x1": np.array([0.5]), "x2": np.array([0.5])}
    assert explain(model, Members(predictor), predictor, columns, own)["background_rows"] == 2
