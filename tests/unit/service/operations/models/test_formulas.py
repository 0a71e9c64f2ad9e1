"""Formulas of a model in programs have the names of the stored text."""

from kan_engine import to_json
from kan_engine.expressions.evaluation import Variable
from service.operations.models.formulas import ModelFormulas, OutputFormula


def test_a_column_has_one_name_as_text_and_in_programs() -> None:
    tree = Variable("flow-rate") * Variable("flow (rate)") ** 2
    stored = {
        "name": "y",
        "tree": to_json(tree),
        "expression": "flow_rate_*flow_rate**2",
        "latex": "",
        "symbols": {"flow_rate": "flow (rate)", "flow_rate_": "flow-rate"},
        "pareto": [],
    }
    output = OutputFormula(stored=stored, quantity="value", units={}, booleans=[], remarks=[])
    formulas = ModelFormulas("m", {}, [output])
    for language in ("python", "numpy", "c", "javascript"):
        written = formulas.write(language)
        assert "flow_rate: flow (rate)" in written
        assert "flow_rate_: flow-rate" in written
