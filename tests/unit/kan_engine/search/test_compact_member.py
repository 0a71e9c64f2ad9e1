"""The compact network beside the accurate one: which of a path predicts, with which errors and labels."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kan_engine import Formula, SearchConfig, SearchResult, TargetScaler, TrainingData, Variable
from kan_engine.compact.path import CompactPath
from kan_engine.data.scaling import Standardizer
from kan_engine.search import compact_member
from kan_engine.search.assembly import assemble_model, assemble_predictor
from kan_engine.search.compact_member import add_compact_path
from kan_engine.search.context import SearchContext
from kan_engine.search.thresholds import DEFAULT_THRESHOLDS
from tests.support.compact import make_path
from tests.support.engine.networks import random_network
from tests.support.engine.training_rows import prepare_data
from tests.support.tables import request_for, table_of

ROWS = 160
A, B, C = np.random.default_rng(0).uniform(-1, 1, (3, ROWS))


def numbers() -> TrainingData:
    return prepare_data(table_of(a=A, b=B, c=C, y=A + B * C), request_for())


def labels(rare: bool = False) -> TrainingData:
    names = np.where((1.2 if rare else 0) < A + B, "yes", "no")
    return prepare_data(table_of(a=A, b=B, c=C, y=names), request_for())


def result(data: TrainingData, **fields: Any) -> SearchResult:
    network = random_network((3, 2, 1))
    scaler = TargetScaler.fit(data.training.y[:, None]) if data.classes is None else None
    inputs = Standardizer.fit(data.training.x)
    path = make_path(inputs, scaler)
    return SearchResult(
        network=network, judged=network, inputs=inputs, scaler=scaler, **{"compact": path, **fields}
    )


def test_the_network_with_the_lowest_loss_among_those_of_few_curves_predicts() -> None:
    data = numbers()
    predictor, _ = assemble_predictor(result(data), data, max_curves=2)
    assert predictor.compact is not None
    assert predictor.compact.network.curve_count == 2
    assert len(predictor.compact.path.networks) == 3


def test_a_compact_network_answers_by_default_if_it_was_asked_to_serve() -> None:
    data = numbers()
    for serve, name in (("accurate", "predictor"), ("compact", "compact")):
        found = result(data)
        asked = replace(found, answers=serve)
        predictor, decision = assemble_predictor(asked, data)
        model = assemble_model(asked, predictor, decision, data, seed=0, thresholds=DEFAULT_THRESHOLDS)
        assert model.answering is getattr(model, name)


def test_an_exact_formula_answers_before_the_member_that_was_asked_for() -> None:
    data = numbers()
    exact = Formula(Variable("a") + Variable("b") * Variable("c"), 1e-16)
    found = result(data, formulas=[[exact]])
    asked = replace(found, answers="compact")
    predictor, decision = assemble_predictor(asked, data)
    model = assemble_model(asked, predictor, decision, data, seed=0, thresholds=DEFAULT_THRESHOLDS)
    assert model.answering is model.serving


def test_answers_of_a_compact_network_stay_within_the_bounds_of_the_accurate_one() -> None:
    data = numbers()
    predictor, _ = assemble_predictor(result(data), data)
    assert predictor.compact_predictor is not None
    far = np.full((1, 3), 1e6)
    assert predictor.outputs is not None
    low, high = predictor.outputs.bounds or (0.0, 0.0)
    assert low <= predictor.compact_predictor.predict(far)[0] <= high


def test_intervals_are_as_wide_as_the_validation_loss_from_before_the_refit_implies() -> None:
    data = numbers()
    found = result(data)
    widths = []
    for factor in (1.0, 4.0):
        entries = [replace(entry, loss=1e3 * factor) for entry in found.compact.networks]
        path = replace(found.compact, networks=tuple(entries))
        predictor, _ = assemble_predictor(replace(found, compact=path), data)
        widths.append(predictor.compact_predictor.margin(0.8))
    assert widths[1] == pytest.approx(2 * widths[0])


def test_a_compact_classifier_has_a_decision_rule_of_its_own() -> None:
    data = labels(rare=True)
    predictor, _ = assemble_predictor(result(data), data)
    assert predictor.compact is not None
    weights = predictor.compact.decision_weights
    assert weights is None or weights != predictor.decision_weights


def test_a_small_network_of_an_exact_law_is_compact_itself() -> None:
    data = numbers()
    run = SearchContext.create(data, SearchConfig())
    found = add_compact_path(result(data, compact=None), run, is_exact=True)
    assert [entry.network for entry in found.compact.networks] == [found.network]
    predictor, _ = assemble_predictor(found, data)
    rows = data.test.x
    assert np.array_equal(predictor.predict(rows), predictor.compact_predictor.predict(rows))
    assert np.array_equal(predictor.residuals, predictor.compact.residuals)


@pytest.mark.parametrize("make_data", [numbers, labels])
def test_other_networks_teach_the_compact_ones(make_data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_data()
    asked: dict[str, Any] = {}

    def find(
        _: Any, inputs: Standardizer, scaler: TargetScaler | None, teacher: Any, **rest: Any
    ) -> CompactPath:
        asked.update(rest, outputs=teacher(data.fit.x))
        return make_path(inputs, scaler)

    monkeypatch.setattr(compact_member, "find_compact_path", find)
    run = SearchContext.create(data, SearchConfig(max_curves=7, seed=3))
    found = add_compact_path(result(data, compact=None), run)
    assert (asked["max_curves"], asked["seed"]) == (7, 3)
    assert asked["outputs"].shape == (len(data.fit), 1)
    assert len(found.compact.networks) == 3


def test_a_network_of_few_edges_is_itself_the_best_and_largest_of_the_compact_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = numbers()
    monkeypatch.setattr(
        compact_member, "find_compact_path", lambda _, inputs, scaler, *__, **___: make_path(inputs, scaler)
    )
    before = result(data, compact=None)
    found = add_compact_path(before, SearchContext.create(data, SearchConfig(max_curves=20)))
    assert [entry.curve_count for entry in found.compact.networks] == [1, 2, 3, before.network.edge_count]
    assert found.compact.select(20).network is found.network
    assert found.compact.select(3).curve_count == 3
