"""The network of a search: as it predicts, and as the checkpoint from which a later attempt goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from kan_engine import Predictor, SearchResult, TrainingData, load, read_attached, read_metadata, save
from kan_engine.assessment.thresholds import AssessmentThresholds
from kan_engine.inference.decision_rule import Decision
from kan_engine.search.assembly import assemble_predictor
from kan_engine.search.serialization import collect_errors, restore_result, to_metadata
from service.schemas.model_document import GridOut
from worker.execution.outcome import READ_ERRORS, CheckpointUnreadable
from worker.pipelines.search_plan import SearchPlan


@dataclass(frozen=True)
class TrainedNetwork:
    """What a search has found, and how it predicts.

    Attributes:
        predictor: From the columns of a client to answers.
        decision: The decision rule of a classifier; None for a regression.
        grids: Metrics on every grid of a requested schedule.
    """

    result: SearchResult
    predictor: Predictor
    decision: Decision | None
    grids: Sequence[GridOut] = ()

    @staticmethod
    def assemble(
        result: SearchResult, plan: SearchPlan, data: TrainingData, grids: Sequence[GridOut] = ()
    ) -> TrainedNetwork:
        """Assemble the predictor of a result."""
        config = plan.config
        predictor, decision = assemble_predictor(result, data, max_curves=config.max_curves)
        return TrainedNetwork(result, predictor, decision, grids)

    def to_checkpoint(self) -> bytes:
        """The artifact of the network, with what a later attempt needs besides."""
        stages = [stage.to_json() for stage in self.grids]
        metadata = to_metadata(self.result) | {
            "decision": self.decision and asdict(self.decision),
            "grids": stages,
        }
        return save(self.predictor, metadata, collect_errors(self.result))

    @staticmethod
    def from_checkpoint(content: bytes, thresholds: AssessmentThresholds) -> TrainedNetwork:
        """The inverse of ``to_checkpoint``.

        Raises:
            CheckpointUnreadable: Another version of the service has written it.
        """
        try:
            predictor, metadata = load(content), read_metadata(content)
            result = restore_result(metadata, predictor, read_attached(content), thresholds)
            decision = metadata["decision"] and Decision(**metadata["decision"])
            stages = [GridOut(**stage) for stage in metadata["grids"]]
        except READ_ERRORS as error:
            raise CheckpointUnreadable(f"{type(error).__name__}: {error}") from error
        return TrainedNetwork(result, predictor, decision, stages)
