"""A function that the library gets by one line is offered by every search, by what is known of it."""

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pytest

from kan_engine.expressions.constraints import NO_CONSTRAINTS, list_functions
from kan_engine.expressions.evaluation import Expression, Variable, call, evaluate, variables
from kan_engine.expressions.library import LIBRARY, Function, _define_elementary
from kan_engine.formulas.core.description_length import price_form
from kan_engine.formulas.reading.dictionary_regression import get_dictionaries
from kan_engine.formulas.reading.linear_sum import LinearSum
from kan_engine.formulas.reading.univariate_fit import FitPoints, Suggestion, suggest
from kan_engine.formulas.strategies.enumeration.expression_table import ExpressionTable
from kan_engine.formulas.strategies.exact.monomials import list_variable_sets
from kan_engine.formulas.strategies.growth.dictionary import Dictionary, generate_terms
from kan_engine.formulas.strategies.growth.thresholds import DEFAULT_FRONT

pytestmark = pytest.mark.usefixtures("shapes_unchecked")

LN2, ONE = np.log(2), Fraction(1)
STEP = _define_elementary("step", lambda u: u / np.sqrt(1 + u * u), lambda u: (1 + u * u) ** -1.5, 2)
RAMP = _define_elementary("ramp", lambda u: np.maximum(u, 0), lambda u: 1.0 * (u > 0), 2, degree=ONE)
DOUBLED = _define_elementary("doubled", np.exp2, lambda u: LN2 * np.exp2(u), 2, equation="exponential")
SIZE = _define_elementary(
    "size", lambda u: np.log2(abs(u)), lambda u: 1 / (LN2 * u), 2, equation="logarithmic"
)
TOOTH = _define_elementary(
    "tooth",
    lambda u: abs(np.sin(u)),
    lambda u: np.cos(u) * np.sign(np.sin(u)),
    2,
    equation="periodic",
    bits=5.0,
)
HALF = _define_elementary("half", lambda u: u ** (u + 0.5), np.ones_like, 2, domain=(0.0, np.inf))


@pytest.fixture(params=[STEP, RAMP, DOUBLED, SIZE, TOOTH, HALF], ids=lambda function: function.name)
def new(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Function:
    function: Function = request.param
    monkeypatch.setitem(LIBRARY, function.name, function)
    return function


def draw(new: Function, rows: int = 120) -> np.ndarray:
    """Values in ascending order, of both signs if the function has values there."""
    return np.sort(np.random.default_rng(1).uniform(0.3 if new is HALF else -1.3, 2.5, rows))


def list_with(new: Function, trees: Iterable[Expression]) -> list[Expression]:
    return [tree for tree in trees if new.name in list_functions(tree)]


def fit(new: Function, u: np.ndarray) -> Suggestion | None:
    found = suggest(FitPoints(u), 2 * np.asarray(new.value(u)) + 1)
    return next((each for each in found if each.function == new.name), None)


def test_it_is_fitted_to_a_curve(new: Function) -> None:
    found = fit(new, draw(new))
    assert found is not None
    assert found.error < 0.05


def test_it_is_in_the_dictionaries_for_sums_of_terms_of_an_edge(new: Function) -> None:
    dictionaries = list(get_dictionaries(FitPoints(draw(new))))
    assert [bool(list_with(new, [tree for tree, _ in each.factors])) for each in dictionaries] == [True, True]


def test_it_is_in_short_expressions(new: Function) -> None:
    table = ExpressionTable.build({"a": draw(new, 32)}, max_operations=1, max_expressions=20_000)
    assert call(new.name, Variable("a")) in [table.make_tree(place) for place in range(len(table.nodes))]


def test_it_is_in_terms_of_one_column_and_of_two(new: Function) -> None:
    columns = {"a": draw(new), "b": np.random.default_rng(2).permutation(draw(new))}
    terms = list_with(new, generate_terms(columns, NO_CONSTRAINTS, DEFAULT_FRONT))
    counts = {len(variables(tree)) for tree in Dictionary.build(terms, columns, DEFAULT_FRONT).trees}
    # An exponential of a sum is a product of exponentials.
    assert counts == ({1} if new is DOUBLED else {1, 2})


def test_the_constants_in_its_terms_are_those_that_act_on_it(new: Function) -> None:
    shifts, widths, rates, periods, offsets = 7, 2, 6, 4, 3
    expected = {STEP: shifts * widths, RAMP: shifts, DOUBLED: rates, TOOTH: periods, HALF: offsets}
    terms = generate_terms({"a": draw(new)}, NO_CONSTRAINTS, DEFAULT_FRONT)
    assert len(list_with(new, terms)) == expected.get(new, 1 + shifts)  # a logarithm also without a shift


def test_it_replaces_an_angle_if_it_is_periodic(new: Function) -> None:
    sets = list_variable_sets(["a", "b"], angles=True)
    offered = [chosen for chosen in sets if list_with(new, chosen)]
    assert len(offered) == (2 if new is TOOTH else 0)


def test_its_name_takes_bits_in_a_description(new: Function) -> None:
    plain = price_form(call("exp", Variable("a"))) - LIBRARY["exp"].bits
    assert price_form(call(new.name, Variable("a"))) == plain + new.bits


def test_constants_of_its_argument_are_taken_out_as_far_as_it_allows(new: Function) -> None:
    u = draw(new)
    found = fit(new, u)
    assert found is not None
    sums = LinearSum({Variable("u"): 0.5}, 0.5).apply(found)
    ((term, factor),) = sums.terms.items()
    expected = found.c * np.asarray(new.value(found.a * (0.5 * u + 0.5) + found.b)) + found.d
    np.testing.assert_allclose(factor * evaluate(term, {"u": u}) + sums.constant, expected, rtol=1e-6)
