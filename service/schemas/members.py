"""The members of a model: what may answer for it. ``accurate`` is its network, ``formula`` its formulas."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Member = Literal["accurate", "compact", "formula"]
By = Literal["auto", "accurate", "compact", "formula"]

BY = (
    "Which member of the model answers: `accurate`, its network; `compact`, a network of few edges, which no "
    "model has yet; `formula`, which answers wherever it is defined, also outside the training range. `auto` "
    "is the formula where its verdict is `exact` or where it predicts rows not seen better than the network, "
    "else the network."
)

OF_OUTPUT = ("rmse", "r2", "mean_log_likelihood")  # metrics that models of older versions keep with a formula
OF_EQUATIONS = ("equation_residual", "condition_residual")


class FormulaMemberOut(BaseModel):
    """What the formulas of a model are worth."""

    model_config = ConfigDict(extra="allow")

    metrics: dict[str, float | None] = Field(description="On the hold-out rows, in the target's units.")
    complexity: int = Field(description="Of all formulas together.")
    verdict: str = Field(description="As in `/symbolic`.")
    serves: bool = Field(default=False, description="Whether it answers where no member was asked for.")
    fidelity: float | None = Field(
        description="R² of the formula against the network on the hold-out rows; of a classifier, of the "
        "log-odds or logits. Null where it was not measured."
    )


def verdict_of(symbolic: Mapping[str, Any]) -> str:
    """What the formulas are worth; models of older versions say of them only whether they are exact."""
    return symbolic.get("verdict") or ("exact" if symbolic["exact"] else "approximation")


def serves(symbolic: Mapping[str, Any]) -> bool:
    """Whether the formulas answer where no member was asked for."""
    return verdict_of(symbolic) == "exact" or symbolic.get("serves_within") is not None


def formula_entry(
    symbolic: Mapping[str, Any], metrics: Mapping[str, float | None], fidelity: float | None
) -> dict[str, Any]:
    """What ``members`` tells of the formulas of a model.

    Args:
        symbolic: The formulas.
        metrics: Theirs, on the hold-out rows.
        fidelity: R² of their answers against those of the network, on the same rows.
    """
    return {
        "metrics": dict(metrics),
        "complexity": sum(output["complexity"] for output in symbolic["outputs"]),
        "verdict": verdict_of(symbolic),
        "serves": serves(symbolic),
        "fidelity": fidelity,
    }


def describe_members(model: Any) -> dict[str, dict[str, Any]]:
    """The members of a model, from its row; one of an older version needs its session for that."""
    record = model.record
    metrics = record.get("network_metrics") or record["metrics"]
    accurate = {"metrics": metrics, "network": record["network"]}
    told = record.get("members")
    others = formula_members(model.symbolic, {}) if told is None else told
    known = {name: {"serves": entry["verdict"] == "exact", **entry} for name, entry in others.items()}
    return {"accurate": accurate, **known}


def automatic_member(members: Mapping[str, Mapping[str, Any]]) -> Member:
    """The member that answers where none was asked for, of those that ``describe_members`` tells of."""
    return "formula" if members.get("formula", {}).get("serves") else "accurate"


def formula_members(symbolic: Mapping[str, Any] | None, told: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The member ``formula`` if there is one.

    Args:
        symbolic: The formulas.
        told: Their ``metrics`` and ``fidelity``; models of older versions have neither, and of the metrics
            what was kept with the formulas.
    """
    if symbolic is None:
        return {}
    if "metrics" in told:
        return {"formula": formula_entry(symbolic, told["metrics"], told.get("fidelity"))}
    output = symbolic["outputs"][0]
    is_one_number = len(symbolic["outputs"]) == 1 and output.get("quantity", "value") in ("value", "density")
    metrics = {name: output[name] for name in OF_OUTPUT if is_one_number and output.get(name) is not None}
    metrics |= {name: symbolic[name] for name in OF_EQUATIONS if name in symbolic}
    return {"formula": formula_entry(symbolic, metrics, None)}
