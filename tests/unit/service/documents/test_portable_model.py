"""Formulas of a file are read by names of fields, and as the schema of a model's formulas describes them."""

from typing import Any

import pytest
from pydantic import ValidationError

from kan_engine import to_json
from kan_engine.errors import ArtifactError
from kan_engine.expressions.evaluation import Variable
from service.documents.portable_model import PortableSymbolic
from service.operations.models.export_document import build_symbolic
from tests.support.factories import make_predictor

FORMULA = {"name": "y", "tree": to_json(Variable("x1")), "expression": "os.system"}


def read(formula: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    file = {"exact": False, "outputs": [FORMULA | (formula or {})]} | fields
    document = build_symbolic(make_predictor(), PortableSymbolic.model_validate(file), ["y"])
    assert document is not None
    return document


def test_a_named_field_is_read_and_any_other_one_is_printed_again_or_dropped() -> None:
    (output,) = read({"rmse": 0.5, "exact_units": [[2.0, "m/s"]], "secret": 1})["outputs"]
    assert (output["rmse"], output["exact_units"]) == (0.5, [[2.0, "m/s"]])
    assert output["expression"] == "x1"
    assert "secret" not in output


@pytest.mark.parametrize("within", [[0.0, None], [None, 1.5]])
def test_the_bounds_of_a_formula_are_read(within: list[float | None]) -> None:
    assert read(serves_within=within)["serves_within"] == within


def test_evidence_whose_nulls_an_earlier_version_left_out_is_read_with_them() -> None:
    evidence = {"rows": 9, "constants": 1, "compared_with": {"linear": {"is_better": True}}, "reasons": []}
    stored = read(evidence=evidence)["evidence"]
    assert (stored["stability"], stored["compared_with"]["linear"]["rmse"]) == (None, None)


@pytest.mark.parametrize("wrong", [{"r2": "high"}, {"sound": 1}, {"constants": [3]}])
def test_a_field_of_another_type_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read(wrong)


def test_endless_lists_are_refused() -> None:
    with pytest.raises(ArtifactError, match="over 1000 entries of 'constants'"):
        read({"constants": [{"value": 1.0}] * 1001})
