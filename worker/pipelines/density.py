"""The pipeline of a density job, without the database: from a table and a request to a model and record."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from kan_engine import Density, DensityConfig, Predictor, save
from kan_engine.assessment.metrics import Metrics
from kan_engine.density.law_recognition import RecognisedLaw, RecognitionResult
from kan_engine.density.search import fit_densities, recognise_laws
from kan_engine.density.thresholds import DensityThresholds
from kan_engine.drawing.network_curves import describe_edges
from service.documents.answering_member import Members
from service.documents.model_summary import describe_features, describe_network
from service.schemas.formulas import SymbolicDocument
from service.schemas.members import FormulaMemberOut
from service.schemas.model_document import DensityProperties, HistoryPoint, ModelDocument, Split
from service.schemas.training import TrainRequest
from service.storage.stored_table import StoredTable
from worker.data.density_rows import DensityRows, mean_or_none, read_density_rows
from worker.evaluation.kernel_density import fit_kernel_baseline
from worker.evaluation.model_metrics import MAX_TRAINING_ROWS
from worker.execution.outcome import Outcome
from worker.execution.stage_timer import StageTimer
from worker.pipelines.thresholds import PipelineThresholds
from worker.results.density_document import make_density_document
from worker.results.density_figures import make_density_figures
from worker.results.formula_member import describe_formula_member
from worker.results.symbolic_document import finite_ends

LIKELIHOOD_METRIC, LAW_LIKELIHOOD_METRIC = "mean_log_likelihood", "law_mean_log_likelihood"


def run_density(
    table: StoredTable,
    request: TrainRequest,
    watch: StageTimer,
    thresholds: PipelineThresholds,
) -> Outcome:
    """Fit a density to one or two columns, recognise its law, and measure both and a kernel estimate.

    Raises:
        InvalidData: There are too few rows, or a column is constant over the training rows.
    """
    with watch.stage("prepare", 0.0, "reading the table"):
        rows = read_density_rows(table, request, thresholds.min_distinct_share, thresholds.density)
    with watch.stage("train", 0.05, "fitting the density"):
        densities = fit_densities(
            rows.training, rows.weights, _make_config(request, thresholds.density), watch.should_stop
        )
        density = densities[1]
        predictor = density.to_predictor(rows.encoding, request.goal)
    with watch.stage("symbolic", 0.8, "looking for its law"):
        verdict = RecognitionResult()
        if request.symbolic:
            verdict = recognise_laws(
                rows.names,
                rows.training,
                rows.weights,
                densities,
                seed=request.seed,
                thresholds=thresholds.density,
                should_stop=watch.should_stop,
            )
    law = verdict.accepted[0] if verdict.accepted else None
    with watch.stage("evaluate", 0.88, "measuring on the hold-out rows"):
        record = _make_record(rows, predictor, density, verdict, request)
        symbolic = make_density_document(verdict.accepted, rows, request.goal)
        members = _make_members(predictor, symbolic, record.metrics, rows)
    with watch.stage("figures", 0.92, "drawing the density"):
        figures = make_density_figures(predictor, rows, law, thresholds.density_figures)
        picture = describe_edges(
            predictor.network,
            density.inputs,
            rows.encoding,
            rows.training,
            [request.goal],
            watch.should_stop,
            scaler=predictor.outputs,
        ).to_dict()
    with watch.stage("baselines", 0.95, "fitting the kernel estimate"):
        baselines = fit_kernel_baseline(rows, request.seed) if request.baselines else {}
    return Outcome(
        artifact=save(predictor),
        record=record.model_copy(update={"members": members, "baselines": baselines}),
        symbolic=symbolic,
        edges=picture,
        task="density",
        figures=figures,
    )


def _make_config(request: TrainRequest, thresholds: DensityThresholds) -> DensityConfig:
    network = request.network
    return DensityConfig(
        grid_size=None if network.grid == "auto" else network.grid,
        order=network.order,
        seed=request.seed,
        nodes=None if network.hidden == "auto" else sum(network.hidden),
        thresholds=thresholds,
    )


def _make_record(
    rows: DensityRows,
    predictor: Predictor,
    density: Density,
    verdict: RecognitionResult,
    request: TrainRequest,
) -> ModelDocument:
    """Return the record of a density."""
    law = verdict.accepted[0] if verdict.accepted else None
    # A random sample determines the mean over the training rows well enough
    order = np.random.default_rng(0).permutation(len(rows.training))
    sample = rows.training[order[:MAX_TRAINING_ROWS]]
    metrics = _compute_metrics(predictor, law, rows.test)
    # One row of density 0 makes the mean log-likelihood minus infinity
    zeros = int((predictor.predict(rows.test) <= 0).sum()) if len(rows.test) else 0
    warnings = [*rows.warnings, *([verdict.refused] if verdict.refused else [])]
    if zeros:
        warnings.append(
            f"{zeros} of {len(rows.test)} hold-out rows lie where the density is 0: their likelihood is 0"
        )
    return ModelDocument(
        features=describe_features(rows.encoding),
        outputs=[request.goal],
        network=describe_network(density.network, density.inputs, predictor.outputs, "newton"),
        formula_of="law" if law else None,
        metrics=metrics,
        training_metrics=_compute_metrics(predictor, law, sample),
        density=DensityProperties(
            support=[list(finite_ends(side)) for side in density.support], smoothness=density.lamb
        ),
        split=Split(
            kind=request.split.kind,
            seed=request.split.seed,
            training_rows=len(rows.training),
            validation_rows=0,
            test_rows=len(rows.test),
        ),
        history=_loss_history(density, predictor),
        warnings=warnings,
    )


def _make_members(
    predictor: Predictor, symbolic: SymbolicDocument | None, metrics: Metrics, rows: DensityRows
) -> dict[str, FormulaMemberOut]:
    """Return the entry of the law among the members of the model; empty without a law."""
    if symbolic is None:
        return {}
    formula = Members.build(predictor, symbolic.to_json()).formula
    if formula is None:
        return {}
    return describe_formula_member(
        symbolic, {LIKELIHOOD_METRIC: metrics[LAW_LIKELIHOOD_METRIC]}, predictor, formula, rows.test
    )


def _compute_metrics(
    predictor: Predictor, law: RecognisedLaw | None, x: Float[np.ndarray, "rows columns"]
) -> Metrics:
    """Compute the mean log-likelihood of rows; None without rows, or if the density of one is 0."""
    # The logarithm of 0 is minus infinity, for which the mean is None
    with np.errstate(divide="ignore"):
        metrics = {LIKELIHOOD_METRIC: mean_or_none(np.log(predictor.predict(x))) if len(x) else None}
        if law is not None:
            metrics[LAW_LIKELIHOOD_METRIC] = mean_or_none(law.log_density(x)) if len(x) else None
    return metrics


def _loss_history(density: Density, predictor: Predictor) -> list[HistoryPoint]:
    """Return minus the mean log-likelihood after every step, in the columns' units."""
    # Change of variables: scaling the columns divides the density by the product of the scales
    unit = float(np.log(density.inputs.scale).sum())
    grid = predictor.network.stack[0].grid_size
    return [
        HistoryPoint(step=number, grid=grid, loss=unit - step, validation_loss=None)
        for number, step in enumerate(density.steps, 1)
    ]
