"""The formula of a model as a member that predicts: its metrics, and how it agrees with the network."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from kan_engine import FormulaPredictor, Predictor
from kan_engine.assessment.member_metrics import measure_fidelity
from kan_engine.assessment.metrics import Metrics
from kan_engine.search.thresholds import DEFAULT_THRESHOLDS
from service.schemas.formulas import SymbolicDocument
from service.schemas.members import FormulaMemberOut, make_formula_member


def describe_formula_member(
    symbolic: SymbolicDocument,
    metrics: Metrics,
    predictor: Predictor,
    formula: FormulaPredictor,
    rows: Float[np.ndarray, "rows columns"],
    max_log_odds: float = DEFAULT_THRESHOLDS.max_log_odds,
) -> dict[str, FormulaMemberOut]:
    """The record's entry for the formula.

    Args:
        symbolic: The formulas.
        metrics: Their metrics.
        predictor: The network.
        formula: The formulas as a predictor.
        rows: Encoded rows on which both are compared.
        max_log_odds: See ``measure_fidelity``.
    """
    fidelity = measure_fidelity(predictor, formula, rows, max_log_odds)
    return {"formula": make_formula_member(symbolic.to_json(), metrics, fidelity)}
