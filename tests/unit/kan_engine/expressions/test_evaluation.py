import json
from fractions import Fraction

import numpy as np
import pytest

from kan_engine.errors import ArtifactError
from kan_engine.expressions.evaluation import (
    HALF,
    PI,
    Call,
    Expression,
    Mul,
    Number,
    Parameter,
    Pow,
    Program,
    Variable,
    add,
    apply_function,
    bind,
    call,
    complexity,
    evaluate,
    from_json,
    is_affine,
    is_constant,
    mul,
    number,
    parametrize_floats,
    power,
    substitute,
    to_json,
    value_and_jacobian,
    variables,
)
from kan_engine.expressions.library import LIBRARY

x, y, z = Variable("x"), Variable("y"), Variable("z")
p0, p1, p2 = Parameter(0), Parameter(1), Parameter(2)
COLUMNS = {"x": np.array([0.3, 0.7, 1.1]), "y": np.array([-0.5, 0.2, 0.9]), "z": np.array([2.0, 3.0, 4.0])}


# --- building


def test_numbers_fold_exactly():
    assert number(2) * x * Fraction(1, 6) * 3 == x


def test_sums_and_products_are_flat():
    assert x + (y + (z + 1)) == add(x, y, z, 1)


def test_whole_floats_become_exact():
    assert number(3.0) == Number(Fraction(3))


def test_fractions_beyond_float_precision_become_floats():
    assert isinstance(number(Fraction(1, 3**40)).value, float)


def test_zero_annihilates_a_product():
    assert mul(0, x) == Number(Fraction(0))


def test_an_empty_sum_is_zero():
    assert add() == Number(Fraction(0))


@pytest.mark.parametrize(
    ("base", "exponent", "expected"),
    [
        (4, HALF, number(2)),
        (Fraction(4, 9), Fraction(-1, 2), number(Fraction(3, 2))),
        (2, HALF, Pow(number(2), HALF)),
        (2, 10, number(1024)),
        (0.5, 2, number(0.25)),
        (-8, Fraction(1, 3), Pow(number(-8), number(Fraction(1, 3)))),
        (-0.5, Fraction(1, 2), Pow(number(-0.5), HALF)),
        (0, -1, Pow(number(0), number(-1))),
        (10.5, 400, Pow(number(10.5), number(400))),
        (-4, HALF, Pow(number(-4), HALF)),
        (x, 1, x),
        (x, 0, number(1)),
    ],
)
def test_powers_fold_where_the_result_is_exact_or_measured_anyway(base, exponent, expected):
    assert power(base, exponent) == expected


def test_only_elementary_functions_can_be_called():
    with pytest.raises(KeyError):
        call("gaussian", x)


@pytest.mark.parametrize("name", LIBRARY)
def test_every_library_function_has_a_tree_with_its_values(name):
    u = np.linspace(0.1, 0.9, 7) + (1 if name == "acosh" else 0)
    tree = apply_function(name, x)
    np.testing.assert_allclose(evaluate(tree, {"x": u}), LIBRARY[name].value(u), rtol=1e-13)


# --- walking


def test_variables_come_in_order_of_appearance():
    assert variables(y * call("sin", x) + y) == ("y", "x")


def test_parameters_are_constants():
    assert is_constant(p0 * PI)
    assert not is_constant(p0 * x)


def test_what_is_affine_is_a_constant_plus_multiples_of_variables():
    assert is_affine(p0 * x + 2 * (y + p1 * x) - PI)
    assert is_affine(p0 * PI)
    for tree in (x * y, x**2, 1 / x, call("abs", x), 2 + x * (1 + x)):
        assert not is_affine(tree)


def test_substitution_rebuilds_what_it_changes():
    assert substitute(x * y + x, {x: number(2)}) == 2 * y + 2


def test_binding_puts_numbers_for_parameters():
    assert bind(p0 * x + p1, [2.5, -1.0]) == 2.5 * x - 1


def test_free_constants_are_the_floats():
    tree, values = parametrize_floats(0.1 * x**2 + Fraction(1, 3) * y + 0.1)
    assert values == [0.1, 0.1]
    assert tree == p0 * x**2 + Fraction(1, 3) * y + p1


# --- weighing


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (call("exp", call("sin", x) - y**2), 6),
        (x, 1),
        (x / y, 3),
        (1 / x, 2),
        (1 / (x * y), 4),
        (1 / x**2, 3),
        (-x, 2),
        (-x - y, 4),
        (-x - 1, 4),
        (x - 1, 3),
        (2 * x, 3),
        (Fraction(3, 2) * PI * x, 3),
        (x**HALF, 2),
        (x**0.37, 3),
        (x**y, 3),
        (2 * PI, 1),
        (Number(0.5) - x * y, 5),
    ],
)
def test_complexity_counts_what_there_is_to_read(tree, expected):
    assert complexity(tree) == expected


def test_a_snapped_constant_is_no_more_complex_than_the_float():
    assert complexity(call("sin", PI * x)) == complexity(call("sin", 3.14159 * x))


# --- evaluating


def test_values_have_one_entry_per_row_even_for_a_constant():
    np.testing.assert_array_equal(evaluate(number(2), COLUMNS), [2.0, 2.0, 2.0])


def test_without_columns_a_constant_is_a_single_number():
    assert evaluate(2 * PI, {}) == pytest.approx(2 * np.pi)


def test_outside_the_domain_values_are_not_numbers_and_nothing_warns():
    values = evaluate(call("log", y) + y**-1 * 0, {"y": np.array([-1.0, 0.0, 1.0])})
    assert np.isfinite(values).tolist() == [False, False, True]


def test_integer_columns_are_read_as_numbers():
    np.testing.assert_allclose(evaluate(x**-2, {"x": np.array([2, 4])}), [0.25, 0.0625])


def test_something_else_is_no_formula():
    with pytest.raises(TypeError, match="not a node"):
        evaluate(Expression(), COLUMNS)


def test_many_parameter_sets_are_evaluated_at_once():
    sets = np.array([[1.0, 2.0], [3.0, 4.0]])  # (parameters, sets)
    values = evaluate(p0 * x + p1, COLUMNS, sets[:, :, None])
    np.testing.assert_allclose(values, sets[0][:, None] * COLUMNS["x"] + sets[1][:, None])


def finite_differences(tree, columns, parameters, step=1e-6):
    columns_of_j = []
    for index in range(len(parameters)):
        shift = step * np.eye(len(parameters))[index]
        ahead, behind = (evaluate(tree, columns, parameters + sign * shift) for sign in (1, -1))
        columns_of_j.append((ahead - behind) / (2 * step))
    return np.stack(columns_of_j, axis=1)


@pytest.mark.parametrize(
    "tree",
    [
        p0 * x + p1 * y + p2,
        p0 * call("exp", p1 * x) * (y + p2),
        call("sin", p0 * x + p1) ** 2 / (z + p2),
        p0 * z ** (p1 + p2),
        z ** (p0 * y) + p1 + p2,
        (z + p0) ** HALF + (z + p1) ** p2,
        call("tanh", call("asinh", p0 * x * p1) * p2),
        p0 * p1 * p2 * x,
        call("log", z + p0) - call("atan", p1 / (z + p2)),
    ],
)
def test_the_jacobian_agrees_with_finite_differences(tree):
    parameters = np.array([0.7, 1.3, 0.4])
    values, jacobian = value_and_jacobian(tree, COLUMNS, parameters)
    np.testing.assert_allclose(values, evaluate(tree, COLUMNS, parameters))
    np.testing.assert_allclose(jacobian, finite_differences(tree, COLUMNS, parameters), rtol=1e-7, atol=1e-8)


def test_the_jacobian_with_respect_to_an_absent_parameter_is_zero():
    _, jacobian = value_and_jacobian(p1 * x, COLUMNS, [5.0, 1.0, 2.0])
    np.testing.assert_array_equal(jacobian[:, [0, 2]], np.zeros((3, 2)))


def test_zero_factors_do_not_spoil_the_jacobian():
    _, jacobian = value_and_jacobian(p0 * p1 * x, COLUMNS, [0.0, 0.0])
    np.testing.assert_array_equal(jacobian, np.zeros((3, 2)))


def test_zero_to_a_parameter_has_slope_zero():
    _, jacobian = value_and_jacobian(x**p0, {"x": np.array([0.0, 1.0])}, [2.0])
    np.testing.assert_array_equal(jacobian, np.zeros((2, 1)))


def test_other_parameters_give_the_bits_of_a_new_program():
    tree = call("exp", p0 * call("sin", x)) + call("log", z) * (y + 2) ** p1
    program, parameters = Program(tree, COLUMNS, 2), np.array([-0.2, 0.4])
    program.run(np.array([0.7, 1.3]))
    values, jacobian = value_and_jacobian(tree, COLUMNS, parameters)
    np.testing.assert_array_equal(program.run(parameters), values)
    np.testing.assert_array_equal(program.compute_jacobian(), jacobian)


def test_parameters_and_columns_of_several_axes_are_broadcast():
    columns = {"x": np.arange(3.0)[:, None], "y": np.arange(4.0)}
    values, jacobian = value_and_jacobian(p0 * x + p1, columns, [np.full((3, 4), 2.0), 5.0])
    np.testing.assert_array_equal(values, np.broadcast_to(2 * columns["x"] + 5, (3, 4)))
    np.testing.assert_array_equal(jacobian[..., 0], np.broadcast_to(columns["x"], (3, 4)))
    np.testing.assert_array_equal(jacobian[..., 1], np.ones((3, 4)))


# --- storing


def test_json_gives_the_same_tree_back():
    tree = call("exp", PI * Fraction(1, 3) * x - 0.1 * y ** Parameter(0)) / (z + 1e-300)
    assert from_json(json.loads(json.dumps(to_json(tree)))) == tree


def test_nodes_are_stored_as_they_are_without_being_folded():
    tree = Mul((Number(1.0), Call("sin", x)))
    assert from_json(to_json(tree)) == tree


@pytest.mark.parametrize("value", [0.1, 1e22, -1e-310, 123456789.123456789, Fraction(-7, 3)])
def test_numbers_survive_to_the_last_bit(value):
    assert from_json(json.loads(json.dumps(to_json(Number(value))))) == Number(value)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"call": "system", "of": {"variable": "x"}},
        {"call": "gaussian", "of": {"variable": "x"}},
        {"number": "1/0"},
        {"number": "eval"},
        {"number": 1},
        {"constant": "tau"},
        {"parameter": -1},
        {"add": [{"variable": "x"}]},
        {"pow": [{"variable": "x"}]},
    ],
)
def test_what_is_no_formula_is_refused(data):
    with pytest.raises(ArtifactError):
        from_json(data)


def test_a_formula_nested_without_end_is_refused():
    data = {"variable": "x"}
    for _ in range(1000):
        data = {"call": "sin", "of": data}
    with pytest.raises(ArtifactError, match="nested"):
        from_json(data)
