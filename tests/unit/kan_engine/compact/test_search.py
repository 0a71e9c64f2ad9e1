"""Compact networks of small tables whose curves are known."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from kan_engine.compact.fit import fit_curves
from kan_engine.compact.path import CompactPath
from kan_engine.compact.problem import Problem
from kan_engine.compact.rows import RowMaker
from kan_engine.compact.search import find_compact_path, make_additive
from kan_engine.compact.sources import list_sources
from kan_engine.compact.thresholds import DEFAULT_COMPACT, CompactThresholds
from kan_engine.data.encoding import Encoding
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.data.training_data import TrainingData

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

ROWS = 300
QUICK = CompactThresholds(
    rounds=1, wide_starts=1, max_pairs=3, proposal_rows=200, max_cross_validated_rows=0, node_sources=4
)


def make_data(
    columns: dict[str, np.ndarray], y: np.ndarray, classes: tuple[str, ...] | None = None
) -> TrainingData:
    types = {name: "category" if values.dtype == object else "number" for name, values in columns.items()}
    encoding = Encoding.fit(columns, types)
    x = encoding.transform(columns)
    names = tuple(column.name for column in encoding.names)
    rows = LabelledRows(x, y.astype(float), np.ones(len(y)), names)
    fit = len(y) * 4 // 5
    return TrainingData(
        encoding=encoding,
        target="y",
        rows=rows,
        fit_count=fit,
        validation_count=len(y) - fit,
        classes=classes,
        numbers=np.arange(len(y)),
    )


def numbers(rows: int = ROWS, columns: int = 3, seed: int = 0) -> dict[str, np.ndarray]:
    values = np.random.default_rng(seed).uniform(-1, 1, (rows, columns))
    return {f"x{place}": values[:, place] for place in range(columns)}


def search(
    data: TrainingData,
    truth: Callable[[np.ndarray], np.ndarray],
    should_stop: Callable[[], bool] = lambda: False,
    should_stop_growing: Callable[[], bool] = lambda: False,
    max_curves: int = 20,
) -> CompactPath:
    """Compact networks whose teacher knows the truth, in the client's units or in logits."""
    inputs = Standardizer.fit(data.training.x)
    scaler = TargetScaler.fit(data.training.y[:, None]) if data.classes is None else None
    return find_compact_path(
        data,
        inputs,
        scaler,
        lambda x: truth(x) if scaler is None else scaler.forward(truth(x)[:, None]),
        max_curves=max_curves,
        seed=0,
        should_stop=should_stop,
        should_stop_growing=should_stop_growing,
        thresholds=QUICK,
    )


def outputs(path: CompactPath, count: int, x: np.ndarray) -> np.ndarray:
    network = path.select(count).network
    with torch.no_grad():
        values: np.ndarray = network(torch.from_numpy(path.inputs.forward(x))).numpy()
    return values if path.scaler is None else path.scaler.inverse(values)


def additive(x: np.ndarray) -> np.ndarray:
    values: np.ndarray = np.sin(3 * x[:, 0]) + 0.5 * x[:, 1] ** 2
    return values


def test_two_curves_suffice_for_a_sum_of_two_functions() -> None:
    columns = numbers()
    data = make_data(columns, additive(np.stack([*columns.values()], 1)))
    path = search(data, additive)
    network = path.select(2)
    assert network.curve_count == network.network.edge_count == 2
    assert set(torch.nonzero(network.network.stack[0].mask)[:, 0].tolist()) == {0, 1}
    x = np.stack([*numbers(seed=1).values()], 1)
    assert np.abs(outputs(path, 2, x)[:, 0] - additive(x)).max() < 0.05


def test_all_levels_of_a_category_are_one_curve() -> None:
    generator = np.random.default_rng(0)
    columns = numbers(columns=2) | {"kind": generator.choice(np.array([*"abcde"], dtype=object), ROWS)}
    effect = dict(zip("abcde", (0.0, 1.0, -1.0, 2.0, 0.5), strict=True))
    y = np.array([effect[kind] for kind in columns["kind"]])
    data = make_data(columns, y)
    assert [len(source.columns) for source in list_sources(data.encoding, data.rows.x)] == [1, 1, 5]
    path = search(data, lambda x: x[:, 2:] @ np.array([*effect.values()]))
    one = path.select(1)
    assert one.curve_count == 1
    assert one.network.edge_count == 5
    assert np.abs(outputs(path, 1, data.rows.x)[:, 0] - y).max() < 0.02


def test_the_log_odds_of_two_classes_are_one_output() -> None:
    columns = numbers(rows=400)
    x = np.stack([*columns.values()], 1)
    chance = 1 / (1 + np.exp(-4 * additive(x)))
    y = (np.random.default_rng(1).random(len(x)) < chance).astype(float)
    path = search(make_data(columns, y, ("no", "yes")), lambda x: 4 * additive(x)[:, None])
    found = 1 / (1 + np.exp(-outputs(path, 3, x)[:, 0]))
    assert np.abs(found - chance).mean() < 0.05


def test_every_one_of_many_classes_has_a_curve() -> None:
    columns = numbers(rows=400, columns=2)
    x = np.stack([*columns.values()], 1)
    y = (x[:, 0] > -0.3).astype(float) + (x[:, 0] > 0.3)
    path = search(
        make_data(columns, y, ("a", "b", "c")),
        lambda x: 10 * np.eye(3)[(x[:, 0] > -0.3) * 1 + (x[:, 0] > 0.3)],
    )
    assert path.networks[0].curve_count == 3
    assert (outputs(path, 20, x).argmax(1) == y).mean() > 0.95


def test_a_search_that_must_stop_at_once_returns_a_network() -> None:
    columns = numbers()
    data = make_data(columns, additive(np.stack([*columns.values()], 1)))
    path = search(data, additive, should_stop=lambda: True)
    error = outputs(path, 20, data.rows.x)[:, 0] - data.rows.y
    assert np.var(error) < 0.05 * np.var(data.rows.y)


def test_without_time_a_network_has_no_more_curves_than_allowed() -> None:
    columns = numbers(columns=6)
    data = make_data(columns, additive(np.stack([*columns.values()], 1)))
    path = search(data, additive, should_stop=lambda: True, max_curves=3)
    assert path.select(3).curve_count <= 3
    error = outputs(path, 3, data.rows.x)[:, 0] - data.rows.y
    assert np.var(error) < 0.05 * np.var(data.rows.y)


def test_networks_that_may_not_grow_are_fitted_to_all_training_rows() -> None:
    data = make_data(numbers(), additive(np.stack([*numbers().values()], 1)))
    path = search(data, additive, should_stop_growing=lambda: True)
    assert np.abs(outputs(path, 20, data.rows.x)[:, 0] - data.rows.y).max() < 0.05


def test_a_product_needs_hidden_nodes() -> None:
    columns = numbers(columns=2)
    x = np.stack([*columns.values()], 1)

    def truth(x: np.ndarray) -> np.ndarray:
        values: np.ndarray = (x[:, 0] + 1.5) * (x[:, 1] + 1.5)
        return values

    path = search(make_data(columns, truth(x)), truth, max_curves=6)
    fresh = np.stack([*numbers(columns=2, seed=1).values()], 1)
    assert path.select(6).network.config.width[1] >= 1
    errors = [np.square(outputs(path, most, fresh)[:, 0] - truth(fresh)).mean() for most in (2, 6)]
    assert errors[1] < 0.02 * errors[0]


def test_the_same_seed_gives_the_same_path() -> None:
    columns = numbers()
    data = make_data(columns, additive(np.stack([*columns.values()], 1)))
    first, second = search(data, additive, max_curves=5), search(data, additive, max_curves=5)
    assert [entry.loss for entry in first.networks] == [entry.loss for entry in second.networks]
    assert (outputs(first, 5, data.rows.x) == outputs(second, 5, data.rows.x)).all()


def test_the_path_has_a_network_for_every_number_of_curves() -> None:
    columns = numbers()
    x = np.stack([*columns.values()], 1)
    y = additive(x) + x[:, 1] * x[:, 2]
    path = search(make_data(columns, y), lambda x: additive(x) + x[:, 1] * x[:, 2], max_curves=8)
    counts = [entry.curve_count for entry in path.networks]
    assert counts[:4] == [1, 2, 3, 4]
    assert counts == sorted(set(counts))
    assert counts == [entry.network.edge_count for entry in path.networks]


def test_constant_columns_give_a_constant() -> None:
    data = make_data(numbers(rows=40, columns=1), np.full(40, 3.0))
    flat = replace(data, rows=replace(data.rows, x=np.zeros_like(data.rows.x)))
    path = search(flat, lambda x: np.full(len(x), 3.0))
    assert np.allclose(outputs(path, 20, flat.rows.x), 3.0)


def test_guarding_rows_remove_curves_that_cancel_each_other_at_all_observed_rows() -> None:
    columns = numbers(columns=1)
    columns["twin"] = columns["x0"] + 1e-3 * np.random.default_rng(1).normal(size=ROWS)
    data = make_data(columns, np.sin(3 * columns["x0"]))
    inputs, scaler = Standardizer.fit(data.training.x), TargetScaler.fit(data.training.y[:, None])
    maker = RowMaker.create(
        data, inputs, scaler, lambda x: scaler.forward(np.sin(3 * x[:, :1])), 0, DEFAULT_COMPACT
    )
    observed = maker.make_problem(data.fit)
    start = make_additive(observed, (0, 1), DEFAULT_COMPACT)
    for edge, sign in zip(start.edges, (1, -1), strict=True):
        start.by_edge[edge].coefficients[0] = sign * 30.0

    def largest_line(problem: Problem) -> float:
        curves = fit_curves(problem, start, 5, DEFAULT_COMPACT).curves
        return max(abs(float(curve.coefficients[0])) for curve in curves.by_edge.values())

    assert largest_line(observed) > 5
    assert largest_line(observed.append(maker.make_guard(data.fit))) < 2
