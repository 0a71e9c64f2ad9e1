"""The compact network of a model as a member that predicts: its metrics and its path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from kan_engine import LabelledRows, Predictor, TrainingData
from kan_engine.assessment.member_metrics import measure_fidelity, measure_member
from kan_engine.inference.network_member import NetworkMember
from service.documents.model_summary import describe_network
from service.schemas.members import CompactMemberOut, CompactStepOut


def describe_compact_member(
    accurate: Predictor, data: TrainingData, max_log_odds: float, max_path_rows: int = 10_000
) -> dict[str, CompactMemberOut]:
    """The record's entry for the compact network; empty without one.

    Args:
        accurate: The predictor of the accurate network, which holds the compact ones.
        data: The rows.
        max_log_odds: See ``measure_fidelity``.
        max_path_rows: Hold-out rows on which the whole path is measured: a standard error of R² of about
            0.005 suffices to compare its networks.
    """
    member, predictor = accurate.compact, accurate.compact_predictor
    if member is None or predictor is None:
        return {}
    shape = describe_network(predictor.network, predictor.inputs, predictor.outputs, None)
    part = data.test.sample(max_path_rows, 0)
    return {
        "compact": CompactMemberOut(
            metrics=measure_member(predictor, data.test, data),
            network=shape.model_copy(update={"edges": member.network.curve_count}),
            serves=member.serves,
            fidelity=measure_fidelity(accurate, predictor, data.test.x, max_log_odds),
            path=list(_measure_path(accurate, member, part, data, max_log_odds)),
        )
    }


def _measure_path(
    accurate: Predictor, member: NetworkMember, part: LabelledRows, data: TrainingData, max_log_odds: float
) -> Iterator[CompactStepOut]:
    """Measure every network of the path."""
    name = "r2" if data.classes is None else "log_loss"
    for place, entry in enumerate(member.path.networks):
        predictor = replace(accurate, compact=replace(member, selected=place)).compact_predictor
        assert predictor is not None  # noqa: S101 - it has a compact member
        yield CompactStepOut(
            edges=entry.curve_count,
            fidelity=measure_fidelity(accurate, predictor, part.x, max_log_odds),
            **{name: measure_member(predictor, part, data).get(name)},
        )
