"""Members of a model that can answer: ``accurate`` and ``compact`` are networks, ``formula`` its formulas."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from service.schemas.common import ExtensibleModel, Setting

Member = Literal["accurate", "compact", "formula", "linear", "rivals"]
MemberChoice = Literal["auto", "accurate", "compact", "formula", "linear", "rivals"]

AnsweringMember = Annotated[
    MemberChoice,
    Field(
        description="Which member of the model answers: `auto` selects the formula if its verdict is "
        "`exact`, and otherwise the member that `serve` of the job selects.\n\n"
        "The members are `accurate`, the most accurate network; `compact`, the network of few curves; "
        "`linear`, a straight line, its exponential, logistic regression or a constant; `formula`, which "
        "answers wherever it is defined, also outside the training range; `rivals`, the mean of the formula "
        "and of its rivals, each as much as it is probable, with wider intervals where they differ. "
        "Where a formula has no value within the training range, the accurate network answers."
    ),
    Setting("Member"),
]

OUTPUT_METRICS = ("rmse", "r2", "mean_log_likelihood")  # stored with a formula by older versions
EQUATION_METRICS = ("equation_residual", "condition_residual")

Metrics = dict[str, float | None]


EDGES_DESCRIPTION = (
    "Number of curves. A category is one curve for each node that it leads to: a value per level."
)


class NetworkOut(ExtensibleModel):
    """Shape of the network."""

    width: list[int] = Field(description="Nodes per layer, inputs first.")
    grid: int = Field(description="Grid intervals G of every activation.")
    order: int = Field(description="Order k of the splines.")
    products: int = Field(
        default=0,
        description="Number of nodes in the hidden layer that multiply their inputs, the last ones; all "
        "others add.",
    )
    parameters: int
    edges: int
    device: str | None = Field(
        default=None,
        description="Device that trained it, `cpu` or `cuda`; null if unknown.",
    )


class NetworkMemberOut(ExtensibleModel):
    """Metrics and shape of a network of a model."""

    metrics: Metrics = Field(description="On the hold-out rows, in the target's units.")
    network: NetworkOut


class CompactStepOut(ExtensibleModel):
    """A network on the path of compact networks, measured on the hold-out rows."""

    edges: int = Field(description=EDGES_DESCRIPTION)
    fidelity: float | None = Field(description="As of the compact network.")
    r2: float | None = Field(default=None, description="For a regression.")
    log_loss: float | None = Field(default=None, description="For a classification.")


class CompactMemberOut(ExtensibleModel):
    """Metrics and shape of the compact network, and the networks with fewer or more curves.

    In `network` and in `path`, `edges` counts curves.
    """

    metrics: Metrics = Field(description="On the hold-out rows, in the target's units.")
    network: NetworkOut
    serves: bool = Field(default=False, description="Whether it answers by default.")
    fidelity: float | None = Field(
        description="R² against the accurate network on the hold-out rows; for a classifier, of the log-odds "
        "or logits. Null if it was not measured."
    )
    path: list[CompactStepOut] = Field(
        default=[],
        description="Networks by number of curves. A `symbolic` job with `compact` selects another of them.",
    )


class LinearMemberOut(ExtensibleModel):
    """Metrics of the linear model of the encoded columns."""

    metrics: Metrics = Field(description="On the hold-out rows, in the target's units.")
    kind: Literal["constant", "linear", "log_linear", "logistic"] = Field(
        description="A straight line, its exponential, logistic regression, or a constant where none of "
        "these is better than one."
    )
    serves: bool = Field(default=False, description="Whether it answers by default.")
    fidelity: float | None = Field(description="As of the compact network.")


class FormulaMemberOut(ExtensibleModel):
    """Metrics and verdict of a model's formulas."""

    metrics: Metrics = Field(description="On the hold-out rows, in the target's units.")
    complexity: int = Field(description="Total over all formulas.")
    verdict: str = Field(description="As in `/symbolic`.")
    serves: bool = Field(default=False, description="Whether it answers by default.")
    fidelity: float | None = Field(
        description="R² of the formula against the network on the hold-out rows; for a classifier, of the "
        "log-odds or logits. Null if it was not measured."
    )


def is_serving(verdict: str, serves_within: Sequence[float | None] | None) -> bool:
    """Whether formulas answer by default: exact ones, and those with bounds of their answers."""
    return verdict == "exact" or serves_within is not None


def make_formula_member(
    symbolic: Mapping[str, Any], metrics: Metrics, fidelity: float | None
) -> FormulaMemberOut:
    """Describe the formulas of a model for ``members``.

    Args:
        symbolic: The formulas.
        metrics: Their metrics on the hold-out rows.
        fidelity: R² of the formulas against the network, on the same rows.
    """
    verdict = symbolic["verdict"]
    return FormulaMemberOut(
        metrics=metrics,
        complexity=sum(output["complexity"] for output in symbolic["outputs"]),
        verdict=verdict,
        serves=is_serving(verdict, symbolic.get("serves_within")),
        fidelity=fidelity,
    )


RecordedMember = CompactMemberOut | FormulaMemberOut | LinearMemberOut
MemberOut = NetworkMemberOut | RecordedMember


def describe_members(model: Any) -> dict[str, MemberOut]:
    """The members of a model, from its row; for a model of an older version the session must be open."""
    record = model.record
    metrics = record.get("network_metrics") or record["metrics"]
    entries = record.get("members")
    members: dict[str, MemberOut] = {"accurate": NetworkMemberOut(metrics=metrics, network=record["network"])}
    if entries is None:
        return members | ({} if model.symbolic is None else {"formula": read_formula_member(model.symbolic)})
    if "compact" in entries:
        members["compact"] = CompactMemberOut(**entries["compact"])
    if "formula" in entries:
        entry = entries["formula"]
        members["formula"] = FormulaMemberOut(**{"serves": entry["verdict"] == "exact", **entry})
    if "linear" in entries:
        members["linear"] = LinearMemberOut(**entries["linear"])
    return members


def select_automatic_member(members: Mapping[str, MemberOut]) -> Member:
    """The member that answers by default, from the result of ``describe_members``."""
    names: tuple[Member, ...] = ("formula", "linear", "compact")
    return next((name for name in names if getattr(members.get(name), "serves", False)), "accurate")


def read_formula_member(symbolic: Mapping[str, Any]) -> FormulaMemberOut:
    """The member ``formula`` of a model that does not record it; its metrics are stored with the formulas."""
    output = symbolic["outputs"][0]
    is_one_number = len(symbolic["outputs"]) == 1 and output.get("quantity", "value") in ("value", "density")
    metrics = {
        name: output[name] for name in OUTPUT_METRICS if is_one_number and output.get(name) is not None
    }
    metrics |= {name: symbolic[name] for name in EQUATION_METRICS if name in symbolic}
    return make_formula_member(symbolic, metrics, None)
