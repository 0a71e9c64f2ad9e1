import numpy as np
import pytest

from kan_engine.expressions.library import LIBRARY


def interval_inside(name: str) -> np.ndarray:
    """Points of an interval on which the function says it is defined."""
    for low, high in ((-0.9, 0.9), (0.1, 0.9), (1.1, 2.0)):
        if LIBRARY[name].is_finite_on(low, high):
            return np.linspace(low, high, 40)
    raise AssertionError(f"{name} is defined nowhere")


def test_the_library_has_at_least_thirty_functions():
    assert len(LIBRARY) >= 30


def test_names_are_keys():
    assert all(name == function.name for name, function in LIBRARY.items())


@pytest.mark.parametrize("name", LIBRARY)
def test_values_are_finite_where_the_function_says_it_is_defined(name):
    u = interval_inside(name)
    assert np.isfinite(LIBRARY[name].value(u)).all()


@pytest.mark.parametrize("name", LIBRARY)
def test_the_derivative_agrees_with_central_differences(name):
    u = interval_inside(name)
    u, h = u[np.abs(u) > 0.01], 1e-6  # sign and abs have none at 0
    slope = (LIBRARY[name].value(u + h) - LIBRARY[name].value(u - h)) / (2 * h)
    np.testing.assert_allclose(LIBRARY[name].derivative(u), slope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["log", "sqrt", "1/x", "asin", "exp"])
def test_out_of_the_domain_values_are_not_numbers_and_nothing_warns(name):
    values = LIBRARY[name].value(np.array([-2.0, 0.0, 1e4]))
    assert not np.isfinite(values).all()


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("log", 0.0, 1.0),
        ("sqrt", -1.0, 1.0),
        ("1/x", -1.0, 1.0),
        ("1/sqrt", 0.0, 1.0),
        ("tan", 1.0, 2.0),
        ("asin", -1.5, 0.0),
        ("acosh", 0.5, 2.0),
        ("atanh", 0.0, 1.0),
        ("exp", 0.0, 800.0),
        ("planck", -1.0, 1.0),
    ],
)
def test_an_interval_with_a_singularity_is_refused(name, low, high):
    assert not LIBRARY[name].is_finite_on(low, high)


def test_nothing_is_cheaper_than_a_line():
    assert all(function.complexity >= LIBRARY["x"].complexity for function in LIBRARY.values())
