"""Contributions of the columns to single predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import select

from service.db.session import Sessions
from service.db.tables import Model
from service.documents.answering_member import Members
from service.errors import Conflict, TooLarge, format_names
from service.schemas.members import MemberChoice

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

    from kan_engine import Predictor
    from kan_engine.inference.attribution import Attribution

    Columns = dict[str, Shaped[np.ndarray, " rows"]]

EXPLAINED_TASKS = ("regression", "classification")
EXPLAIN = {"pointer": "#/explain"}


def explain(
    model: Model, members: Members, predictor: Predictor, columns: Columns, sessions: Sessions
) -> dict[str, Any]:
    """The JSON of ``ExplanationOut``.

    Args:
        model: The model.
        members: Its members, for the remedy of a refusal.
        predictor: The member that predicts.
        columns: The rows.
        sessions: To read the background rows.

    Raises:
        Conflict: The model has no contributions.
        TooLarge: There are too many rows.
    """
    from kan_engine.inference import attribution  # noqa: PLC0415  # imports torch
    from kan_engine.inference.thresholds import DEFAULT_INFERENCE as LIMITS  # noqa: PLC0415  # as above

    if model.task not in EXPLAINED_TASKS:
        raise Conflict.make_at(
            "no_explanation", f"model {model.id} predicts no column of a table; omit explain", EXPLAIN
        )
    # The time of Shapley values is exponential in the columns of a term, and linear in the terms
    terms = attribution.find_terms(predictor)
    largest = max(terms, key=len, default=frozenset())
    if len(largest) > LIMITS.max_interacting_features:
        raise _make_refusal(members, largest, LIMITS.max_interacting_features)
    background = _read_background(model, predictor, sessions)
    inputs = predictor.encoding.transform(columns, optional=predictor.unused)
    # Operations for one row, known before any is done, so that too many rows are refused at once
    cost = attribution.count_operations(predictor) * attribution.count_evaluations(terms, 1, len(background))
    max_rows = LIMITS.max_explanation_operations // max(1, cost)
    if not max_rows:
        detail = f"one row would take {cost:,} operations; explain a smaller member, as compact or formula"
        raise Conflict.make_at("no_explanation", detail, EXPLAIN, limit=LIMITS.max_explanation_operations)
    if len(inputs) > max_rows:
        detail = f"{len(inputs)} rows are too many to explain at a time; send at most {max_rows}"
        raise TooLarge("explanation_too_costly", detail, limit=max_rows)
    # Contributions of shape [rows, features, outputs], relative to the mean over the background rows
    result = attribution.attribute(predictor, inputs, background, terms)
    return {
        "method": "additive" if len(largest) <= 1 else "shapley",
        "scale": _name_scale(predictor),
        "background_rows": len(background),
        "terms": [_sort_names(predictor, term) for term in terms],
        "outputs": _list_outputs(predictor, result),
    }


def _make_refusal(members: Members, columns: frozenset[str], max_columns: int) -> Conflict:
    """Refuse a member that combines too many columns, and name the members that do not."""
    from kan_engine.inference.attribution import find_terms  # noqa: PLC0415  # as above

    candidates: dict[MemberChoice, Predictor | None] = {
        "formula": members.formula,
        "linear": members.linear,
        "compact": members.compact,
        "accurate": members.accurate,
    }
    fit = [
        f'"{name}"'
        for name, member in candidates.items()
        if member is not None and max(map(len, find_terms(member)), default=0) <= max_columns
    ]
    remedy = f'send "by": {" or ".join(fit)}' if fit else "train a compact network of fewer curves"
    names = format_names(sorted(columns))
    detail = f"the model combines {len(columns)} columns, and an explanation at most {max_columns}: {names}"
    return Conflict.make_at("no_explanation", f"{detail}; {remedy}", EXPLAIN, limit=max_columns)


def _read_background(
    model: Model, predictor: Predictor, sessions: Sessions
) -> Float[np.ndarray, "background inputs"]:
    """The sample of encoded training rows that the model keeps."""
    with sessions.read() as session:
        sample = session.scalar(select(Model.figures["reference"]["background"]).where(Model.id == model.id))
    # Shape [rows, inputs]; anything else does not belong to this encoding
    rows = np.array(sample or [], dtype=float)
    if rows.ndim != 2 or rows.shape[1] != len(predictor.encoding.names):
        detail = (
            f"model {model.id} keeps no sample of its training rows: it was imported, or trained by an "
            "earlier version; train it again"
        )
        raise Conflict.make_at("no_explanation", detail, EXPLAIN)
    return rows


def _name_scale(predictor: Predictor) -> str:
    if predictor.classes is None:
        return "value"
    return "log-odds" if len(predictor.classes) == 2 else "logit"


def _sort_names(predictor: Predictor, term: frozenset[str]) -> list[str]:
    return [feature.name for feature in predictor.encoding.features if feature.name in term]


def _list_outputs(predictor: Predictor, result: Attribution) -> list[dict[str, Any]]:
    # Unused features contribute 0 to every row, so they are left out
    names = [feature.name for feature in predictor.encoding.features]
    places = [place for place, name in enumerate(names) if name not in predictor.unused]
    return [
        {
            "output": output,
            "base": float(base) if np.isfinite(base) else None,
            "contributions": [
                dict(zip((names[place] for place in places), row, strict=True))
                if np.isfinite(row).all()
                else None
                for row in result.contributions[:, places, number].tolist()
            ],
        }
        for number, (output, base) in enumerate(zip(predictor.output_names, result.base, strict=True))
    ]
