"""Members of a model that can answer: ``accurate`` is its network, ``formula`` its formulas."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Member = Literal["accurate", "compact", "formula"]
MemberChoice = Literal["auto", "accurate", "compact", "formula"]

BY_DESCRIPTION = (
    "Which member of the model answers: `accurate`, its network; `compact`, a network of few edges, which no "
    "model has yet; `formula`, which answers wherever it is defined, also outside the training range. `auto` "
    "selects the formula if its verdict is `exact` or its out-of-sample error is lower than the network's; "
    "otherwise, and where the formula has no value within the training range, it selects the network."
)

OUTPUT_METRICS = ("rmse", "r2", "mean_log_likelihood")  # stored with a formula by older versions
EQUATION_METRICS = ("equation_residual", "condition_residual")


class FormulaMemberOut(BaseModel):
    """Metrics and verdict of a model's formulas."""

    model_config = ConfigDict(extra="allow")

    metrics: dict[str, float | None] = Field(description="On the hold-out rows, in the target's units.")
    complexity: int = Field(description="Total over all formulas.")
    verdict: str = Field(description="As in `/symbolic`.")
    serves: bool = Field(default=False, description="Whether it answers by default.")
    fidelity: float | None = Field(
        description="R² of the formula against the network on the hold-out rows; for a classifier, of the "
        "log-odds or logits. Null if it was not measured."
    )


def read_verdict(symbolic: Mapping[str, Any]) -> str:
    """The verdict of the formulas; models of older versions only record whether they are exact."""
    return symbolic.get("verdict") or ("exact" if symbolic["exact"] else "approximation")


def is_serving(symbolic: Mapping[str, Any]) -> bool:
    """Whether the formulas answer by default."""
    return read_verdict(symbolic) == "exact" or symbolic.get("serves_within") is not None


def make_formula_entry(
    symbolic: Mapping[str, Any], metrics: Mapping[str, float | None], fidelity: float | None
) -> dict[str, Any]:
    """Describe the formulas of a model for ``members``.

    Args:
        symbolic: The formulas.
        metrics: Their metrics on the hold-out rows.
        fidelity: R² of the formulas against the network, on the same rows.
    """
    return {
        "metrics": dict(metrics),
        "complexity": sum(output["complexity"] for output in symbolic["outputs"]),
        "verdict": read_verdict(symbolic),
        "serves": is_serving(symbolic),
        "fidelity": fidelity,
    }


def describe_members(model: Any) -> dict[str, dict[str, Any]]:
    """The members of a model, from its row; for a model of an older version the session must be open."""
    record = model.record
    metrics = record.get("network_metrics") or record["metrics"]
    accurate = {"metrics": metrics, "network": record["network"]}
    told = record.get("members")
    others = make_formula_members(model.symbolic, {}) if told is None else told
    known = {name: {"serves": entry["verdict"] == "exact", **entry} for name, entry in others.items()}
    return {"accurate": accurate, **known}


def select_automatic_member(members: Mapping[str, Mapping[str, Any]]) -> Member:
    """The member that answers by default, from the result of ``describe_members``."""
    return "formula" if members.get("formula", {}).get("serves") else "accurate"


def make_formula_members(
    symbolic: Mapping[str, Any] | None, told: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The member ``formula`` if there is one.

    Args:
        symbolic: The formulas.
        told: Their ``metrics`` and ``fidelity``. Models of older versions have neither; their metrics are
            those stored with the formulas.
    """
    if symbolic is None:
        return {}
    if "metrics" in told:
        return {"formula": make_formula_entry(symbolic, told["metrics"], told.get("fidelity"))}
    output = symbolic["outputs"][0]
    is_one_number = len(symbolic["outputs"]) == 1 and output.get("quantity", "value") in ("value", "density")
    metrics = {
        name: output[name] for name in OUTPUT_METRICS if is_one_number and output.get(name) is not None
    }
    metrics |= {name: symbolic[name] for name in EQUATION_METRICS if name in symbolic}
    return {"formula": make_formula_entry(symbolic, metrics, None)}
