"""The result of a search, and its serialization beside a saved predictor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kan_engine import (
    KAN,
    Formula,
    OptimismCorrection,
    Predictor,
    Standardizer,
    TargetScaler,
    TrainingStep,
    from_json,
    to_json,
)
from worker.search.formula_evidence import FormulaEvidence


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The network to serve, with its formulas and errors.

    Attributes:
        is_straight: Whether it is a line or the exponential of one, which extrapolates.
        judged: The network before it was trained on the validation rows, which measures its out-of-sample
            quality; the same network if it never was.
        history: Steps of its training.
        formulas: Formulas in the client's columns per output, best first.
        evidence: For the best formula; only of a regression.
        formula_errors: Like ``errors``, for the best formula.
        counts_choice: Whether these errors include the selection of the form, repeated per fold.
        formula_serves: Whether the formula answers in place of the network.
        is_cut: Whether the law search was ended early to leave time for larger networks.
        formula_of: ``network`` if the formulas were extracted from the served network, ``law`` if they were
            found separately.
        errors: Out-of-sample absolute errors on the training rows, NaN where unknown; of a classifier, roots
            of the log loss. See ``worker.search.cross_validation``.
        warnings: Warnings for the client.
        contest: The errors of all compared candidates, for the optimism correction of a regression.
        dropped: For every unused input, the error relative to the spread, before and after dropping it.
        grids: Size, time and metrics on every grid of a requested schedule.
    """

    network: KAN
    inputs: Standardizer
    scaler: TargetScaler | None
    judged: KAN
    is_straight: bool = False
    history: tuple[TrainingStep, ...] = ()
    optimizer: str = "levenberg_marquardt"
    formulas: list[list[Formula]] = field(default_factory=list)
    evidence: FormulaEvidence | None = None
    formula_errors: np.ndarray = field(default_factory=lambda: np.zeros(0))
    counts_choice: bool = False
    formula_serves: bool = False
    is_cut: bool = False
    formula_of: str = "network"
    errors: np.ndarray = field(default_factory=lambda: np.zeros(0))
    warnings: tuple[str, ...] = ()
    contest: OptimismCorrection | None = None
    dropped: dict[str, tuple[float, float]] = field(default_factory=dict)
    grids: tuple[dict[str, Any], ...] = ()


def to_metadata(found: SearchResult) -> dict[str, Any]:
    """The fields that are not part of the predictor, as JSON."""
    return {
        "history": [
            {name: _null_unless_finite(value) for name, value in vars(step).items()} for step in found.history
        ],
        "optimizer": found.optimizer,
        "formulas": [
            [{"tree": to_json(f.tree), "error": _null_unless_finite(f.error)} for f in part]
            for part in found.formulas
        ],
        "evidence": None if found.evidence is None else found.evidence.to_dict(),
        "formula_serves": found.formula_serves,
        "warnings": list(found.warnings),
        "is_cut": found.is_cut,
        "is_straight": found.is_straight,
        "formula_of": found.formula_of,
        "dropped": {
            name: [_null_unless_finite(error) for error in errors] for name, errors in found.dropped.items()
        },
        "grids": list(found.grids),
    }


def collect_errors(found: SearchResult) -> dict[str, np.ndarray]:
    """The arrays of a result, which are too large for JSON."""
    return {"errors": found.errors, "formula_errors": found.formula_errors}


def restore_result(
    data: dict[str, Any], predictor: Predictor, numbers: Mapping[str, np.ndarray]
) -> SearchResult:
    """The inverse of ``to_metadata`` and ``collect_errors``."""
    none = np.zeros(0)
    return SearchResult(
        network=predictor.network,
        judged=predictor.network,
        inputs=predictor.inputs,
        scaler=predictor.outputs,
        history=tuple(
            TrainingStep(**{name: _infinity_if_null(value) for name, value in s.items()})
            for s in data["history"]
        ),
        optimizer=data["optimizer"],
        formulas=[
            [Formula(from_json(f["tree"]), _infinity_if_null(f["error"])) for f in part]
            for part in data["formulas"]
        ],
        evidence=None if data.get("evidence") is None else FormulaEvidence.from_dict(data["evidence"]),
        errors=numbers.get("errors", none),
        formula_errors=numbers.get("formula_errors", none),
        formula_serves=data.get("formula_serves", False),
        warnings=tuple(data.get("warnings", ())),
        is_cut=data.get("is_cut", False),
        is_straight=data.get("is_straight", False),
        formula_of=data["formula_of"],
        dropped={
            n: (_infinity_if_null(w), _infinity_if_null(wo)) for n, (w, wo) in data.get("dropped", {}).items()
        },
        grids=tuple(data.get("grids", ())),
    )


def _null_unless_finite(value: Any) -> Any:
    """The number, or null for JSON where it is infinite or NaN."""
    return value if math.isfinite(value) else None


def _infinity_if_null(value: Any) -> Any:
    """The inverse of ``_null_unless_finite``."""
    return math.inf if value is None else value
