"""From samples of a law to the law: structure, edges, constants."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from kan_engine.data.transforms import TRANSFORMS
from kan_engine.expressions.constraints import FormulaConstraints, list_functions
from kan_engine.expressions.evaluation import Variable, apply_function, complexity, evaluate, variables, walk
from kan_engine.expressions.nodes import Number
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.core.thresholds import MAX_EDGES
from kan_engine.formulas.reading import extraction
from kan_engine.formulas.reading.edge_candidates import ExtractionContext
from kan_engine.formulas.reading.extraction import extract_formulas, extract_shorter_formulas
from kan_engine.formulas.reading.function_starts import Array
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.network.kan import KAN, KANConfig
from kan_engine.network.layer import SymbolicEdge
from kan_engine.splines.knots import extend_knots, fit_coef, uniform_grid
from kan_engine.structure.backward_elimination import eliminate_edges
from kan_engine.structure.fitted_structure import FittedStructure, StructureRows
from kan_engine.structure.thresholds import DEFAULT_STRUCTURE
from tests.support.engine.laws import Ends, Law, make_sample, sampled
from tests.support.engine.readings import reading_of
from tests.support.engine.structures import search_structures

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked", "small_dictionary")]

# The grids of few inputs are as coarse as all others.
COARSE = replace(DEFAULT_STRUCTURE, few_input_grid_sizes=DEFAULT_STRUCTURE.grid_sizes)


def formulas_of(structure: FittedStructure, fit: StructureRows, validation: StructureRows) -> list[Formula]:
    """Those of a structure, without the edges that it can do without."""
    structure = eliminate_edges(structure, fit, validation)
    reading = replace(
        reading_of(fit, validation),
        center=float(structure.scaler.mean[0]),
        scale=float(structure.scaler.std[0]),
        transform=structure.scaler.transform,
        known=NoiseModel.exact(max(2 * structure.error, 1e-6)),
    )
    return extract_formulas(structure.network, reading)


def found(law: Law, inputs: int, *, low: Ends = 0.5, high: Ends = 2.0) -> Formula:
    """The best formula of the first adequate structure of a law."""
    fit, validation = (sampled(law, inputs, rows, seed=rows, low=low, high=high) for rows in (240, 80))
    generator = torch.Generator().manual_seed(0)
    structures = search_structures(fit, validation, generator=generator, thresholds=COARSE)
    structure = next(structure for structure in structures if structure.is_adequate)
    return formulas_of(structure, fit, validation)[0]


@pytest.mark.parametrize(
    ("law", "text"),
    [
        (lambda a, b: np.exp(np.sin(a) - b**2), "exp(sin(x1) - x2**2)"),
        (lambda a, b: a**2 + 3 * np.cos(b), "x1**2 + 3*cos(x2)"),
        (lambda a, b: a / b**2, "x1/x2**2"),
    ],
)
def test_a_sampled_law_comes_back_as_it_was_written(law: Law, text: str) -> None:
    formula = found(law, 2)
    assert to_text(formula.tree) == text
    assert formula.error < 1e-12


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("law", "low", "high", "text"),
    [
        (
            lambda m, v, c: m / np.sqrt(1 - v**2 / c**2),
            (1.0, 1.0, 3.0),
            (5.0, 2.0, 10.0),
            "x1*x3/sqrt(x3**2 - x2**2)",
        ),
        (lambda n, t: np.arcsin(n * np.sin(t)), (0.0, 1.0), (1.0, 5.0), "asin(x1*sin(x2))"),
        (
            lambda n, m, g, x, k, t: n * np.exp(-m * g * x / (k * t)),
            (1.0,) * 6,
            (5.0,) * 6,
            "x1*exp(-x2*x3*x4/(x5*x6))",
        ),
    ],
    ids=["relativistic mass", "refraction", "barometer"],
)
def test_a_law_of_physics_comes_back_as_it_is_known(
    law: Law, low: tuple[float, ...], high: tuple[float, ...], text: str
) -> None:
    formula = found(law, len(low), low=low, high=high)
    assert to_text(formula.tree) == text
    assert formula.error < 1e-12


@pytest.mark.parametrize("law", [lambda a, b: np.sqrt(a**2 + b**2), lambda a, b: 1 / (2 * a + 3 * b)])
def test_a_law_whose_transform_is_a_sum_is_exact(law: Law) -> None:
    assert found(law, 2).error < 1e-10


def test_a_law_with_a_function_of_a_sum_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "kan_engine.structure.search.is_defined", lambda transform, y: transform == "identity"
    )
    assert found(lambda a, b: np.sin(a + b**2), 2).error < 1e-10


def test_a_formula_has_only_the_inputs_that_elimination_left() -> None:
    assert variables(found(lambda a, _, c: np.exp(a) + c**2, 3).tree) == ("x1", "x3")


def test_shapes_that_cannot_represent_the_data_are_not_adequate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "kan_engine.structure.search.is_defined", lambda transform, y: transform == "identity"
    )
    noise = np.random.default_rng(5).normal(size=100)

    def law(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(a * b + noise[: len(a)])

    fit, validation = sampled(law, 2, 60), sampled(law, 2, 60, seed=1)
    few = replace(COARSE, max_screened_starts=(2, 2))  # the most promising are refined
    generator = torch.Generator().manual_seed(0)
    structures = search_structures(fit, validation, generator=generator, thresholds=few)
    assert not any(structure.is_adequate for structure in structures)


# --- Networks whose activations are known --------------------------------------------------------------


def network_of(
    width: tuple[int, ...],
    edges: dict[tuple[int, int, int], SymbolicEdge],
    *,
    direct: bool = False,
    products: int = 0,
) -> KAN:
    """A network with these activations and no others."""
    network = KAN(KANConfig(width=width, direct=direct, products=products))
    for layer in network.all_layers:
        layer.mask[:] = False
    for (number, i, j), edge in edges.items():
        network.all_layers[number].mask[i, j] = True
        network.all_layers[number].symbolic[i, j] = edge
    return network


def edge(function: str, a: float = 1.0, b: float = 0.0, c: float = 1.0, d: float = 0.0) -> SymbolicEdge:
    return SymbolicEdge(function, a, b, c, d)


def on_raw(law: Law, inputs: int, rows: int, seed: int = 0) -> StructureRows:
    """Rows whose network inputs are the raw ones."""
    sample = sampled(law, inputs, rows, seed=seed)
    return make_sample(sample.rows.x, sample.rows.y)


def read(network: KAN, law: Law, **changes: object) -> list[Formula]:
    inputs = network.config.width[0]
    fit, validation = on_raw(law, inputs, 100), on_raw(law, inputs, 50, seed=1)
    return extract_formulas(network, replace(reading_of(fit, validation), **changes))  # type: ignore[arg-type]


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


def test_a_node_that_multiplies_is_read_beside_one_that_adds() -> None:
    network = network_of(
        (2, 2, 1),
        {
            (0, 0, 0): edge("x"),
            (0, 1, 0): edge("x", 2.0),
            (0, 0, 1): edge("sin"),
            (0, 1, 1): edge("x^2", d=1.0),
            (1, 0, 0): edge("tanh"),
            (1, 1, 0): edge("x", c=3.0),
        },
        products=1,
    )
    formula = read(network, lambda a, b: np.tanh(a + 2 * b) + 3 * np.sin(a) * (b**2 + 1))[0]
    assert to_text(formula.tree) == "3*(x2**2 + 1)*sin(x1) + tanh(x1 + 2*x2)"


@pytest.mark.parametrize(
    ("share", "seed"), [(0.0, None), (1.5, None), (-0.7, None), (-0.7, 76), (-0.7, 91), (-0.7, 104)]
)
def test_a_line_between_a_node_and_direct_edges_may_lie_in_either(share: float, seed: int | None) -> None:
    """exp(a - b) + share·(a - b) leaves the node, and the direct edges take the line away again.

    With a seed, the last digits of the spline differ: the same formula is read.
    """
    law = lambda a, b: np.exp(a - b) + 2 * a  # noqa: E731
    fit = on_raw(law, 2, 120)
    node = fit.raw[:, 0] - fit.raw[:, 1]
    network = network_of(
        (2, 1, 1),
        {
            (0, 0, 0): edge("x"),
            (0, 1, 0): edge("x", c=-1.0),
            (2, 0, 0): edge("x", c=2.0 - share),
            (2, 1, 0): edge("x", c=share),
        },
        direct=True,
    )
    with torch.no_grad():
        last = network.stack[1]
        last.mask[0, 0] = True
        last.knots = extend_knots(uniform_grid(node.amin()[None], node.amax()[None], 40), 3)
        last.weight = torch.nn.Parameter(torch.zeros(1, 44, 1, dtype=torch.float64))
        target = torch.exp(node) + share * node
        coefficients = fit_coef(last.features(node[:, None])[:, 0, :-1], target[:, None])
        generator = np.random.default_rng(seed)
        digits = generator.normal(0, 0.0 if seed is None else 3e-16, tuple(coefficients.shape))
        last.weight[:, :-1, 0] = (coefficients * (1 + torch.from_numpy(digits))).T
    formulas = extract_formulas(
        network,
        replace(reading_of(fit, on_raw(law, 2, 50, seed=1)), known=NoiseModel.exact(1e-5)),
    )
    assert to_text(formulas[0].tree) == "2*x1 + exp(x1 - x2)"


def test_masses_and_their_sum_are_read_from_logarithms_of_them() -> None:
    """log(a² b² (a + b)) = 2 log a + 3 log b + log(1 + a/b): the node knows of a/b alone."""
    network = network_of(
        (2, 1, 1),
        {
            (0, 0, 0): edge("log"),
            (0, 1, 0): edge("log", c=-1.0),
            (1, 0, 0): edge("softplus"),
            (2, 0, 0): edge("log", c=2.0),
            (2, 1, 0): edge("log", c=3.0),
        },
        direct=True,
    )
    formula = read(network, lambda a, b: a**2 * b**2 * (a + b), transform="log")[0]
    assert to_text(formula.tree) == "x1**2*x2**2*(x1 + x2)"


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
    # Nothing proves itself: all would be tried
    monkeypatch.setattr(extraction, "MAX_SOLVED_ERROR", 0.0)
    fit, validation = on_raw(additive_law, 2, 100), on_raw(additive_law, 2, 50, seed=1)
    reading = replace(reading_of(fit, validation), should_stop=lambda: True)
    assert len(extract_formulas(ADDITIVE, reading)) == 1


@pytest.fixture
def of_noisy_rows() -> list[Formula]:
    rng = np.random.default_rng(0)
    return read(
        ADDITIVE,
        lambda a, b: additive_law(a, b) + rng.normal(0, 0.05, len(a)),
        known=NoiseModel.noisy(0.01, 0.05, 200),
    )


def test_of_noisy_rows_the_law_itself_is_found(of_noisy_rows: list[Formula]) -> None:
    tree = of_noisy_rows[0].tree
    columns = {"x1": np.linspace(0.5, 2, 60), "x2": np.linspace(2, 0.5, 60)}
    truth = additive_law(columns["x1"], columns["x2"])
    assert float(np.std(evaluate(tree, columns) - truth)) < 0.02


def noisy_reading(**changes: Any) -> ExtractionContext:
    rng = np.random.default_rng(0)

    def law(a: Array, b: Array) -> Array:
        return np.asarray(additive_law(a, b) + rng.normal(0, 0.05, len(a)))

    fit, validation = on_raw(law, 2, 200), on_raw(law, 2, 80, seed=1)
    known = NoiseModel.noisy(0.01, 0.05, 200)
    return replace(reading_of(fit, validation), known=known, **changes)


def test_shorter_formulas_leave_parts_out_and_are_further_off() -> None:
    reading = noisy_reading()
    front = sorted(extract_shorter_formulas(ADDITIVE, reading), key=lambda formula: formula.complexity)
    assert len(front) > 2
    assert len(variables(front[0].tree)) == 1
    assert len(variables(front[-1].tree)) == 2
    assert front[0].complexity < front[-1].complexity
    assert front[0].error > 2 * front[-1].error


@pytest.mark.parametrize("most", [5, 9])
def test_some_formula_is_no_longer_than_the_limit(most: int) -> None:
    reading = noisy_reading(limits=FormulaConstraints(max_complexity=most))
    formulas = [*extract_formulas(ADDITIVE, reading), *extract_shorter_formulas(ADDITIVE, reading)]
    assert min(formula.complexity for formula in formulas) <= most


@pytest.mark.parametrize("forbidden", [("exp",), ("x^2", "sqrt"), ("sin", "cos", "exp")])
def test_some_formula_has_no_forbidden_function(forbidden: tuple[str, ...]) -> None:
    reading = noisy_reading(limits=FormulaConstraints(forbidden=frozenset(forbidden)))
    formulas = extract_formulas(ADDITIVE, reading)
    assert any(not list_functions(formula.tree) & set(forbidden) for formula in formulas)


def test_a_fixed_edge_is_read_as_its_function_alone() -> None:
    reading = noisy_reading(fixed={(0, 0, 0): "tanh"})
    assert all("tanh" in list_functions(formula.tree) for formula in extract_formulas(ADDITIVE, reading))


def test_the_edge_that_leaves_a_node_can_be_fixed_too() -> None:
    network = network_of((2, 1, 1), {(0, 0, 0): edge("x"), (0, 1, 0): edge("x"), (1, 0, 0): edge("exp")})
    fixed = {(1, 0, 0): "cosh", (0, 0, 0): "x", (0, 1, 0): "x"}
    formulas = read(network, lambda a, b: np.exp(a + b), fixed=fixed)
    assert formulas
    assert all("cosh" in list_functions(formula.tree) for formula in formulas)


def test_formulas_come_best_first(of_noisy_rows: list[Formula]) -> None:
    bits = [formula.bits for formula in of_noisy_rows]
    assert len(bits) > 1
    assert bits == sorted(bits)


def test_constants_of_a_formula_that_does_not_fit_have_few_digits(of_noisy_rows: list[Formula]) -> None:
    constants = [float(node.value) for node in walk(of_noisy_rows[0].tree) if isinstance(node, Number)]
    assert constants == [float(f"{value:.4g}") for value in constants]


def test_formulas_that_are_no_numbers_on_the_validation_rows_are_passed_over() -> None:
    network = network_of((1, 1), {(0, 0, 0): edge("log")})
    fit, beyond = on_raw(np.log, 1, 100), on_raw(np.log, 1, 50, seed=1)
    beyond = make_sample(-beyond.rows.x, beyond.rows.y)  # where the logarithm is not defined
    formulas = extract_formulas(network, reading_of(fit, beyond))
    assert all(np.isfinite(formula.error) for formula in formulas)
    assert all(np.isfinite(evaluate(f.tree, {"x1": beyond.raw[:, 0].numpy()})).all() for f in formulas)


def test_the_complexity_of_a_formula_is_that_of_its_tree() -> None:
    tree = apply_function("sin", Variable("x1"))
    assert Formula(tree, 0.0).complexity == complexity(tree)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_a_transform_is_undone_in_the_formula(transform: str) -> None:
    """The network gives a number times x1, as T(y)."""
    network = network_of((1, 1), {(0, 0, 0): edge("x", c=0.4)})
    inverse = TRANSFORMS[transform].inverse
    (formula, *_) = read(network, lambda a: inverse(0.4 * a), transform=transform)
    t = np.linspace(0.6, 1.9, 9)
    np.testing.assert_allclose(evaluate(formula.tree, {"x1": t}), inverse(0.4 * t), rtol=1e-12)
