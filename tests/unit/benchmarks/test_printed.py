"""Formulas of a report, read as they are printed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.subjects.printed import count_nodes, evaluate_formula, read_formula


@pytest.mark.parametrize(
    ("expression", "nodes"),
    [("1.5", 1), ("x", 1), ("x + 1", 3), ("x - y", 5), ("x/y", 5), ("exp(-0.5*x)", 4), ("x + y + 2*x", 5)],
)
def test_the_size_of_a_formula_is_the_number_of_nodes_that_sympy_reads(expression: str, nodes: int) -> None:
    assert count_nodes(read_formula(expression, ["x", "y"])) == nodes


def test_a_column_may_have_the_name_of_a_function_or_a_constant() -> None:
    formula = read_formula("E + factor**2", ["E", "factor"])
    assert {symbol.name for symbol in formula.free_symbols} == {"E", "factor"}


def test_a_formula_has_the_values_of_its_printed_form() -> None:
    x = np.array([-1.0, 4.0])
    columns = {"x": x, "factor": x}
    np.testing.assert_allclose(
        evaluate_formula(read_formula("sqrt(x) + pi*factor**2", columns), columns), [np.nan, 2 + 16 * np.pi]
    )


def test_a_constant_has_a_value_in_every_row() -> None:
    columns = {"x": np.zeros(2)}
    np.testing.assert_allclose(evaluate_formula(read_formula("1.5", columns), columns), [1.5, 1.5])
