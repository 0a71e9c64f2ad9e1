import pytest

from service.documents.portable_model import PortableFormula, PortableSymbolic

FORMULA = {"name": "y", "expression": "2*x", "latex": "2 x", "complexity": 3, "tree": {}}


def test_exact_numbers_with_units_are_read_from_json() -> None:
    formula = PortableFormula.model_validate(FORMULA | {"exact_units": [[2.0, "m/s"]]})
    assert formula.exact_units == [(2.0, "m/s")]


@pytest.mark.parametrize("within", [[0.0, None], [None, 1.5]])
def test_the_bounds_of_a_formula_are_read_from_json(within: list[float | None]) -> None:
    formulas = PortableSymbolic.model_validate({"exact": True, "outputs": [], "serves_within": within})
    assert formulas.serves_within == tuple(within)
