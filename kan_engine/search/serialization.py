"""Serialization of what a search found, so that another process continues as if it had found it.

A search result and a small law are a saved predictor with metadata and arrays beside it. A trained trial is
one, too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from kan_engine.assessment.evidence.formula_evidence import FormulaEvidence
from kan_engine.assessment.thresholds import AssessmentThresholds
from kan_engine.formulas.core.formula import Formula
from kan_engine.inference.artifact import load, read_attached, read_metadata, save
from kan_engine.inference.predictor import Predictor
from kan_engine.model_selection.trials import Trial, TrialResult
from kan_engine.network.kan import KAN, copy_network
from kan_engine.search.context import SearchContext
from kan_engine.search.networks.search_rows import SearchRows
from kan_engine.search.result import FormResult, SearchResult, SmallLaw
from kan_engine.training.loop import TrainingStep
from kan_engine.training.thresholds import TrainingThresholds


def to_metadata(result: SearchResult) -> dict[str, Any]:
    """The fields that are not part of the predictor, as JSON."""
    return {
        "history": [
            {name: _null_unless_finite(value) for name, value in vars(step).items()}
            for step in result.history
        ],
        "optimizer": result.optimizer,
        "device": result.device,
        "formulas": [[formula.to_dict() for formula in part] for part in result.formulas],
        "rivals": [formula.to_dict() for formula in result.rivals],
        "evidence": None if result.evidence is None else result.evidence.to_dict(),
        "answers": result.answers,
        "warnings": list(result.warnings),
        "is_cut": result.is_cut,
        "is_straight": result.is_straight,
        "fitted_rows": result.fitted_rows,
        "formula_of": result.formula_of,
        "form": None if result.form is None else result.form.to_dict(),
        "dropped": {
            name: [_null_unless_finite(error) for error in errors] for name, errors in result.dropped.items()
        },
    }


def collect_errors(result: SearchResult) -> dict[str, Float[np.ndarray, " _"]]:
    """The arrays of a result, which are too large for JSON."""
    return {"errors": result.errors, "formula_errors": result.formula_errors}


def restore_result(
    data: dict[str, Any],
    predictor: Predictor,
    numbers: Mapping[str, Float[np.ndarray, " _"]],
    thresholds: AssessmentThresholds,
) -> SearchResult:
    """The inverse of ``to_metadata`` and ``collect_errors``."""
    empty, evidence = np.zeros(0), data.get("evidence")
    # Results of earlier versions lack some of these fields
    return SearchResult.from_predictor(
        predictor,
        history=tuple(
            TrainingStep(**{name: _infinity_if_null(value) for name, value in s.items()})
            for s in data["history"]
        ),
        optimizer=data["optimizer"],
        device=data.get("device", "cpu"),
        formulas=[[Formula.from_dict(formula) for formula in part] for part in data["formulas"]],
        rivals=tuple(Formula.from_dict(formula) for formula in data.get("rivals", ())),
        evidence=None if evidence is None else FormulaEvidence.from_dict(evidence, thresholds),
        errors=numbers.get("errors", empty),
        formula_errors=numbers.get("formula_errors", empty),
        answers=data.get("answers", "formula" if data.get("formula_serves") else "accurate"),
        warnings=tuple(data.get("warnings", ())),
        is_cut=data.get("is_cut", False),
        is_straight=data.get("is_straight", False),
        fitted_rows=data.get("fitted_rows"),
        formula_of=data["formula_of"],
        form=None if data.get("form") is None else FormResult.from_dict(data["form"]),
        dropped={
            n: (_infinity_if_null(w), _infinity_if_null(wo)) for n, (w, wo) in data.get("dropped", {}).items()
        },
    )


def serialize_small_law(law: SmallLaw, run: SearchContext, entries: Float[np.ndarray, " numbers"]) -> bytes:
    """Serialize a small law, with the validation errors that its search recorded."""
    result = law.found
    predictor = Predictor.from_training(run.data, result.network, result.inputs, result.scaler)
    return save(
        predictor,
        to_metadata(result) | {"is_clear": law.is_clear},
        {**collect_errors(result), "entries": entries},
    )


def deserialize_small_law(data: bytes, run: SearchContext) -> SmallLaw:
    """The inverse of ``serialize_small_law``; records the validation errors in the run."""
    predictor, metadata, numbers = load(data), read_metadata(data), read_attached(data)
    result = restore_result(metadata, predictor, numbers, run.thresholds.assessment)
    law = SmallLaw(found=result, is_clear=metadata["is_clear"])
    run.contest.append_errors(numbers["entries"])
    return law


def serialize_trained(
    result: TrialResult, search_rows: SearchRows, entries: Float[np.ndarray, " numbers"]
) -> bytes:
    """Serialize a trained network completely, so that another process continues as if it had trained it.

    Args:
        result: A network that was trained on these rows.
        search_rows: The rows, with the scales that the network itself does not contain.
        entries: The validation errors that its training recorded.
    """
    # NaN stands for a missing value, since arrays hold numbers alone
    folds_loss = np.nan if result.folds_loss is None else result.folds_loss
    history = [astuple(step) for step in result.history]
    return save(
        _make_predictor(result.network, result.trial, search_rows),
        {"trial": result.trial.to_dict(), "optimizer": result.optimizer},
        {
            "losses": np.array([result.loss, folds_loss]),
            "history": np.array(history, dtype=float).ravel(),
            "entries": entries,
            "fold_losses": np.zeros(0) if result.fold_losses is None else result.fold_losses.numpy(),
        },
    )


def deserialize_trained(
    data: bytes, thresholds: TrainingThresholds
) -> tuple[TrialResult, Float[np.ndarray, " numbers"]]:
    """The inverse of ``serialize_trained``: the network and its validation errors."""
    predictor, metadata, arrays = load(data), read_metadata(data), read_attached(data)
    loss, folds_loss = arrays["losses"].tolist()
    steps = arrays["history"].reshape(-1, 4).tolist()
    result = TrialResult(
        trial=Trial.from_dict(metadata["trial"], thresholds),
        network=copy_network(predictor.network),  # tensors loaded from bytes are read-only
        loss=loss,
        history=tuple(TrainingStep(int(number), int(grid), *losses) for number, grid, *losses in steps),
        optimizer=metadata["optimizer"],
        fold_losses=torch.tensor(arrays["fold_losses"]) if len(arrays["fold_losses"]) else None,
        folds_loss=None if np.isnan(folds_loss) else folds_loss,
    )
    return result, arrays["entries"]


def serialize_network(network: KAN, trial: Trial, search_rows: SearchRows) -> bytes:
    """Serialize a network that was trained as a trial on all rows."""
    return save(_make_predictor(network, trial, search_rows))


def deserialize_network(data: bytes) -> KAN:
    """The inverse of ``serialize_network``."""
    return copy_network(load(data).network)  # tensors loaded from bytes are read-only


def _make_predictor(network: KAN, trial: Trial, search_rows: SearchRows) -> Predictor:
    return Predictor.from_training(
        search_rows.data, network, search_rows.scales[trial.quantile], search_rows.scaler
    )


def read_expected_loss(data: bytes) -> float:
    """The expected loss on fresh rows, from a serialized network."""
    loss, folds_loss = read_attached(data)["losses"].tolist()
    return float(loss if np.isnan(folds_loss) else folds_loss)


def _null_unless_finite(value: Any) -> Any:
    """The number, or null for JSON where it is infinite or NaN."""
    return value if math.isfinite(value) else None


def _infinity_if_null(value: Any) -> Any:
    """The inverse of ``_null_unless_finite``."""
    return math.inf if value is None else value
