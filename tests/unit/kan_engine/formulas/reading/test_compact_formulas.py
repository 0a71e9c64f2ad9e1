"""Compact networks are read as formulas."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from kan_engine.compact.path import CompactNetwork, CompactPath
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.expressions.constraints import FormulaConstraints, list_functions
from kan_engine.expressions.evaluation import Call, Expression, Number, count_nodes, evaluate, variables, walk
from kan_engine.formulas.reading.compact_formulas import read_formulas
from kan_engine.network.kan import KAN, KANConfig
from kan_engine.network.layer import SymbolicEdge

ROWS = 300
RNG = np.random.default_rng(0)
X = np.c_[RNG.uniform(1, 9, ROWS), RNG.uniform(-2, 2, ROWS), RNG.integers(0, 2, ROWS)]
INPUTS = Standardizer.fit(X)
TABLE = LabelledRows(x=X, y=np.zeros(ROWS), weights=np.ones(ROWS), names=("a", "b", "flag"))
Edges = Mapping[tuple[int, int, int], SymbolicEdge]


def edge(function: str, a: float = 1.0, b: float = 0.0, c: float = 1.0, d: float = 0.0) -> SymbolicEdge:
    return SymbolicEdge(function, a, b, c, d)


def network_of(edges: Edges, nodes: int = 0) -> KAN:
    """A network with these curves alone, by layer, input and node."""
    network = KAN(KANConfig(width=(3, nodes, 1) if nodes else (3, 1), direct=bool(nodes)))
    for number, layer in enumerate(network.all_layers):
        layer.mask[:] = False
        for (of, start, end), curve in edges.items():
            if of == number:
                layer.mask[start, end] = True
                layer.symbolic[start, end] = curve
    return network


def path_of(*networks: KAN, scaler: TargetScaler | None = None) -> CompactPath:
    return CompactPath(
        networks=tuple(
            CompactNetwork(network=network, curve_count=place + 1, loss=0.0)
            for place, network in enumerate(networks)
        ),
        inputs=INPUTS,
        scaler=scaler,
    )


def outputs_of(network: KAN) -> np.ndarray:
    with torch.no_grad():
        values: np.ndarray = network(torch.from_numpy(INPUTS.forward(X)))[:, 0].numpy()
    return values


def read(network: KAN, scaler: TargetScaler | None = None, max_size: int = 60) -> Expression:
    (tree,) = read_formulas(path_of(network, scaler=scaler), TABLE, max_size, tolerances=(0.003,))
    return tree


def explained_share(tree: Expression, target: np.ndarray) -> float:
    return 1 - float(np.mean((evaluate(tree, TABLE.columns) - target) ** 2) / np.var(target))


ADDITIVE = network_of({(0, 0, 0): edge("sin", a=4.0), (0, 1, 0): edge("x", c=0.5), (0, 2, 0): edge("x")})
DEEP = network_of(
    {
        (0, 0, 0): edge("log", b=1.5),
        (0, 1, 0): edge("x", c=0.4),
        (1, 0, 0): edge("x^2", b=-0.1),
        (2, 2, 0): edge("x", c=0.2),
    },
    nodes=1,
)


def test_the_curves_of_an_additive_network_become_terms() -> None:
    tree = read(ADDITIVE)
    assert explained_share(tree, outputs_of(ADDITIVE)) > 0.99
    assert variables(tree) == ("a", "b", "flag")
    assert count_nodes(tree) <= 19


def test_a_nearly_straight_curve_is_a_line() -> None:
    tree = read(network_of({(0, 0, 0): edge("x"), (0, 1, 0): edge("exp", a=0.1, c=8.0)}))
    assert not any(isinstance(node, Call) for node in walk(tree))


def test_a_curve_that_hardly_varies_is_a_constant() -> None:
    tree = read(network_of({(0, 0, 0): edge("x"), (0, 1, 0): edge("sin", c=0.01, d=7.0)}))
    assert variables(tree) == ("a",)
    assert evaluate(tree, TABLE.columns).mean() == pytest.approx(7 + INPUTS.forward(X)[:, 0].mean(), abs=0.02)


def test_a_hidden_node_is_read_as_a_function_of_a_sum() -> None:
    tree = read(DEEP)
    assert explained_share(tree, outputs_of(DEEP)) > 0.98
    assert list_functions(tree) & {"log", "x^2"}


def test_columns_that_a_node_and_the_output_read_alike_become_one_term() -> None:
    network = network_of(
        {(0, 1, 0): edge("x"), (1, 0, 0): edge("x", c=2.0), (2, 1, 0): edge("x", c=3.0)}, nodes=1
    )
    tree = read(network)
    assert explained_share(tree, outputs_of(network)) > 1 - 1e-9
    assert count_nodes(tree) <= 5


@pytest.mark.parametrize("transform", ["identity", "log", "reciprocal", "sqrt"])
def test_the_scale_of_the_target_is_undone(transform: str) -> None:
    scaler = TargetScaler(transform, np.array([3.0]), np.array([0.4]))
    tree = read(ADDITIVE, scaler)
    assert explained_share(tree, scaler.inverse(outputs_of(ADDITIVE)[:, None])[:, 0]) > 0.98


def test_constants_count_as_measured() -> None:
    numbers = [node.value for node in walk(read(ADDITIVE)) if isinstance(node, Number)]
    assert all(isinstance(value, float) and not value.is_integer() for value in numbers)


def test_forbidden_functions_are_not_used() -> None:
    limits = FormulaConstraints(frozenset({"sin", "cos"}))
    for tree in read_formulas(path_of(ADDITIVE), TABLE, 60, limits):
        assert not list_functions(tree) & limits.forbidden


def test_a_larger_tolerance_gives_shorter_formulas() -> None:
    fine, coarse = (
        read_formulas(path_of(DEEP), TABLE, 60, tolerances=(tolerance,))[0] for tolerance in (1e-5, 0.05)
    )
    assert count_nodes(coarse) < count_nodes(fine)
    assert explained_share(coarse, outputs_of(DEEP)) < explained_share(fine, outputs_of(DEEP))


def test_long_formulas_are_left_out() -> None:
    assert read_formulas(path_of(ADDITIVE), TABLE, 9) == []


def test_formulas_that_are_undefined_at_a_row_are_left_out() -> None:
    below = TargetScaler("square", np.array([-9.0]), np.array([1.0]))  # the root of a negative number
    assert read_formulas(path_of(ADDITIVE, scaler=below), TABLE, 60) == []


def test_networks_of_many_curves_are_not_read() -> None:
    line = network_of({(0, 0, 0): edge("x")})
    assert len(read_formulas(path_of(line, ADDITIVE), TABLE, 60, max_curves=1)) == 1


def test_networks_with_multiplication_nodes_are_not_read() -> None:
    assert read_formulas(path_of(KAN(KANConfig(width=(3, 1, 1), products=1))), TABLE, 60) == []


def test_equal_formulas_are_returned_once() -> None:
    line = network_of({(0, 0, 0): edge("x")})
    assert len(read_formulas(path_of(line, line), TABLE, 60)) == 1


def test_the_same_network_is_read_alike() -> None:
    first, second = (read_formulas(path_of(ADDITIVE, DEEP), TABLE, 60) for _ in range(2))
    assert first == second
