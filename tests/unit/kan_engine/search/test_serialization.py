"""The network that a search has found, beside a saved predictor."""

import json
import math

import numpy as np

from kan_engine import Formula, TrainingStep
from kan_engine.assessment.thresholds import DEFAULT_ASSESSMENT
from kan_engine.expressions.nodes import Number
from kan_engine.search.result import SearchResult
from kan_engine.search.serialization import collect_errors, restore_result, to_metadata
from tests.support.factories import make_predictor


def test_what_is_infinite_comes_back_although_json_knows_no_infinity() -> None:
    predictor = make_predictor()
    found = SearchResult.from_predictor(
        predictor,
        history=(TrainingStep(0, 4, 0.5, math.inf), TrainingStep(1, 8, 0.25, 0.125)),
        formulas=[[Formula(Number(2), math.inf)]],
        dropped={"c": (0.1, math.inf)},
        errors=np.array([0.5, math.inf, math.nan]),
    )
    written = json.dumps(to_metadata(found), allow_nan=False)
    again = restore_result(
        json.loads(written), predictor, collect_errors(found), thresholds=DEFAULT_ASSESSMENT
    )
    assert again.history == found.history
    assert again.dropped == found.dropped
    assert again.formulas[0][0].error == math.inf


def test_a_formula_that_an_older_version_stored_is_read() -> None:
    stored = Formula(Number(2), 0.5, 7.0).to_dict()
    del stored["bits"]
    assert Formula.from_dict(stored) == Formula(Number(2), 0.5, math.inf)
