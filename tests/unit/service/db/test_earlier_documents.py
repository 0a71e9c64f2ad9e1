"""What earlier versions stored is upgraded to what this version would have stored."""

import json
from typing import Any

import pytest

from service.db.earlier_documents import upgrade_symbolic
from service.schemas.formulas import SymbolicDocument

# As they were stored
BEFORE_VERDICTS = """{"exact": %s, "outputs": [{"name": "y", "expression": "2*x", "latex": "2 x",
    "symbols": {}, "derived": {}, "fills": {}, "complexity": 4, "r2": 1.0, "rmse": 0.0, "max_error": 0.0,
    "domain": {"x": [0, 1]}, "pareto": [{"expression": "2*x", "complexity": 4, "r2": 1.0, "rmse": 0.0}],
    "tree": {"mul": [{"number": "2"}, {"variable": "x"}]}}]}"""
WITHOUT_NULLS = """{"exact": false, "verdict": "consistent", "outputs": [], "measured_on": "hold-out",
    "evidence": {"noise": 0.1, "explained": 0.9, "rows": 48, "constants": 2, "reasons": [],
        "compared_with": {"constant": {"is_better": false}, "linear": {"rmse": 0.2, "is_better": false}}}}"""


def upgrade(text: str) -> dict[str, Any]:
    document = upgrade_symbolic(json.loads(text))
    assert SymbolicDocument.model_validate(document).to_json() == document
    return document


@pytest.mark.parametrize(("exact", "verdict"), [("true", "exact"), ("false", "approximation")])
def test_formulas_without_a_verdict_get_that_of_their_exactness(exact: str, verdict: str) -> None:
    assert upgrade(BEFORE_VERDICTS % exact)["verdict"] == verdict


def test_what_an_import_left_out_of_the_evidence_is_null() -> None:
    evidence = upgrade(WITHOUT_NULLS)["evidence"]
    assert evidence["noise"] == 0.1
    assert evidence["p_value"] is evidence["power"] is evidence["stability"] is None
    assert evidence["compared_with"]["constant"]["rmse"] is None
    assert evidence["compared_with"]["linear"]["rmse"] == 0.2


def test_a_document_of_this_version_stays_as_it_is() -> None:
    document = upgrade(WITHOUT_NULLS)
    assert upgrade_symbolic(document) is document
