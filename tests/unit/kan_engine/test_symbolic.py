"""From samples of a law to the law: structure, edges, constants."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from kan_engine.expression import (
    Variable,
    apply_function,
    complexity,
    evaluate,
    variables,
    walk,
)
from kan_engine.layer import SymbolicEdge
from kan_engine.network import KAN, KANConfig
from kan_engine.printers import to_text
from kan_engine.scaling import TRANSFORMS
from kan_engine.structure import Fit, Sample, eliminate, search
from kan_engine.symbolic import MAX_EDGES, Formula, Reading, read_formulas, undo_transform
from kan_engine.tree import Number
from tests.laws import Law, sampled

pytestmark = pytest.mark.usefixtures("shapes_unchecked")


@dataclass(frozen=True)
class Known:
    """An adequate structure of a law, and the rows it was found on."""

    structure: Fit
    fit: Sample
    validation: Sample

    def read(self) -> list[Formula]:
        scaler = self.structure.scaler
        reading = replace(
            reading_of(self.fit, self.validation),
            center=float(scaler.mean[0]),
            scale=float(scaler.std[0]),
            undo=undo_transform(scaler.transform),
            floor=max(2 * self.structure.error, 1e-6),
        )
        return read_formulas(self.structure.network, reading)


def reading_of(fit: Sample, validation: Sample) -> Reading:
    """What formulas of a network are read from whose output is the target itself."""
    names = tuple(f"x{i + 1}" for i in range(fit.raw.shape[1]))

    def data(sample: Sample) -> tuple[dict[str, np.ndarray], np.ndarray]:
        columns = {name: sample.raw[:, i].numpy() for i, name in enumerate(names)}
        return columns, sample.y[:, 0].numpy()

    return Reading(
        names=names,
        fit=data(fit),
        validation=data(validation),
        scaled=fit.x,
        output=0,
        center=0.0,
        scale=1.0,
        undo=undo_transform("identity"),
        floor=1e-9,
    )


def adequate(law: Law, inputs: int) -> Known:
    fit, validation = sampled(law, inputs, 240), sampled(law, inputs, 80, seed=1)
    structures = search(fit, validation, generator=torch.Generator().manual_seed(0))
    return Known(next(found for found in structures if found.is_adequate), fit, validation)


@pytest.mark.parametrize(
    ("law", "text"),
    [
        (lambda a, b: np.exp(np.sin(a) - b**2), "exp(sin(x1) - x2**2)"),
        (lambda a, b: a**2 + 3 * np.cos(b), "x1**2 + 3*cos(x2)"),
        (lambda a, b: a / b**2, "x1/x2**2"),
    ],
)
def test_a_sampled_law_comes_back_as_it_was_written(law: Law, text: str) -> None:
    formula = adequate(law, 2).read()[0]
    assert to_text(formula.tree) == text
    assert formula.error < 1e-12


@pytest.mark.parametrize("law", [lambda a, b: np.sqrt(a**2 + b**2), lambda a, b: 1 / (2 * a + 3 * b)])
def test_a_law_whose_transform_is_a_sum_is_exact(law: Law) -> None:
    assert adequate(law, 2).read()[0].error < 1e-10


def test_a_law_with_a_function_of_a_sum_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kan_engine.structure.is_defined", lambda transform, y: transform == "identity")
    known = adequate(lambda a, b: np.sin(a + b**2), 2)
    assert known.structure.shape.hidden == 1
    assert known.read()[0].error < 1e-10


def test_a_formula_has_only_the_inputs_that_elimination_left() -> None:
    known = adequate(lambda a, _, c: np.exp(a) + c**2, 3)
    smaller = replace(known, structure=eliminate(known.structure, known.fit, known.validation))
    assert variables(smaller.read()[0].tree) == ("x1", "x3")


def test_shapes_that_cannot_represent_the_data_are_not_adequate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kan_engine.structure.SCREENED", 2)  # the most promising are refined
    noise = np.random.default_rng(5).normal(size=100)

    def law(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(a * b + noise[: len(a)])

    fit, validation = sampled(law, 2, 60), sampled(law, 2, 60, seed=1)
    generator = torch.Generator().manual_seed(0)
    assert not any(structure.is_adequate for structure in search(fit, validation, generator=generator))


# --- Networks whose activations are known --------------------------------------------------------------


def network_of(
    width: tuple[int, ...], edges: dict[tuple[int, int, int], SymbolicEdge], *, direct: bool = False
) -> KAN:
    """A network with these activations and no others."""
    network = KAN(KANConfig(width=width, direct=direct))
    for layer in network.all_layers:
        layer.mask[:] = False
    for (number, i, j), edge in edges.items():
        network.all_layers[number].mask[i, j] = True
        network.all_layers[number].symbolic[i, j] = edge
    return network


def edge(function: str, a: float = 1.0, b: float = 0.0, c: float = 1.0, d: float = 0.0) -> SymbolicEdge:
    return SymbolicEdge(function, a, b, c, d)


def on_raw(law: Law, inputs: int, rows: int, seed: int = 0) -> Sample:
    """Rows whose network inputs are the raw ones."""
    sample = sampled(law, inputs, rows, seed=seed)
    return replace(sample, x=sample.raw)


def read(network: KAN, law: Law, **changes: object) -> list[Formula]:
    inputs = network.config.width[0]
    fit, validation = on_raw(law, inputs, 100), on_raw(law, inputs, 50, seed=1)
    return read_formulas(network, replace(reading_of(fit, validation), **changes))  # type: ignore[arg-type]


ADDITIVE = network_of((2, 1), {(0, 0, 0): edge("sin", 2.0), (0, 1, 0): edge("x^2", c=3.0)})


def additive_law(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.sin(2 * a) + 3 * b**2)


def test_hidden_nodes_and_direct_edges_are_read_together() -> None:
    network = network_of(
        (2, 1, 1),
        {
            (0, 0, 0): edge("x", 0.5, d=0.2),
            (0, 1, 0): edge("x^2"),
            (1, 0, 0): edge("exp", 0.3, c=2.0),
            (2, 0, 0): edge("log"),
        },
        direct=True,
    )
    formulas = read(network, lambda a, b: 2 * np.exp(0.3 * (0.5 * a + 0.2 + b**2)) + np.log(a))
    assert formulas[0].error < 1e-11


def test_an_edge_that_does_not_vary_becomes_part_of_the_constant() -> None:
    network = network_of((2, 1), {(0, 0, 0): edge("x^2"), (0, 1, 0): edge("x", c=0.0, d=4.0)})
    assert to_text(read(network, lambda a, _: a**2 + 4)[0].tree) == "x1**2 + 4"


def test_a_hidden_node_that_nothing_enters_has_no_formula() -> None:
    network = network_of((1, 1, 1), {(1, 0, 0): edge("exp")})
    assert read(network, np.ones_like) == []


@pytest.mark.parametrize("width", [(MAX_EDGES + 1, 1), (1, 1, 1, 1)])
def test_a_network_with_too_many_edges_or_layers_has_no_formula(width: tuple[int, ...]) -> None:
    assert read(KAN(KANConfig(width=width)), lambda *columns: columns[0]) == []


def test_reading_that_is_told_to_stop_still_gives_a_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kan_engine.symbolic.SOLVED", 0.0)  # nothing proves itself: all would be tried
    fit, validation = on_raw(additive_law, 2, 100), on_raw(additive_law, 2, 50, seed=1)
    assert len(read_formulas(ADDITIVE, reading_of(fit, validation), lambda: True)) == 1


@pytest.fixture(scope="module")
def of_noisy_rows() -> list[Formula]:
    rng = np.random.default_rng(0)
    return read(ADDITIVE, lambda a, b: additive_law(a, b) + rng.normal(0, 0.05, len(a)), floor=0.01)


def test_formulas_come_best_first(of_noisy_rows: list[Formula]) -> None:
    errors = [formula.error for formula in of_noisy_rows]
    assert len(errors) > 1
    assert errors == sorted(errors)


def test_constants_of_a_formula_that_does_not_fit_have_few_digits(of_noisy_rows: list[Formula]) -> None:
    constants = [float(node.value) for node in walk(of_noisy_rows[0].tree) if isinstance(node, Number)]
    assert constants == [float(f"{value:.4g}") for value in constants]


def test_formulas_that_are_no_numbers_on_the_validation_rows_are_passed_over() -> None:
    network = network_of((1, 1), {(0, 0, 0): edge("log")})
    fit, beyond = on_raw(np.log, 1, 100), on_raw(np.log, 1, 50, seed=1)
    beyond = replace(beyond, raw=-beyond.raw)  # where the logarithm is not defined
    formulas = read_formulas(network, reading_of(fit, beyond))
    assert all(np.isfinite(formula.error) for formula in formulas)
    assert all(np.isfinite(evaluate(f.tree, {"x1": beyond.raw[:, 0].numpy()})).all() for f in formulas)


def test_the_complexity_of_a_formula_is_that_of_its_tree() -> None:
    tree = apply_function("sin", Variable("x1"))
    assert Formula(tree, 0.0).complexity == complexity(tree)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_transform_is_undone_by_its_tree(transform: str) -> None:
    t = np.linspace(0.2, 1.5, 9)
    found = evaluate(undo_transform(transform)(Variable("t")), {"t": t})
    np.testing.assert_allclose(found, TRANSFORMS[transform].inverse(t), rtol=1e-14)
