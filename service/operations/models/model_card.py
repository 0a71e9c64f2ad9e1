"""The model card: data, features, metrics, formulas, lineage and limits of use of a model."""

from typing import Any

from service.db.repositories.lineage import Ancestor, Lineage
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.db.tables import Dataset
from service.operations.models.stored_soundness import read_sound_formulas
from service.schemas.members import describe_members, select_automatic_member
from service.schemas.model_document import FeatureOut, FittedBaseline
from service.schemas.models import ModelOut
from service.schemas.registry.card import (
    CardBaseline,
    CardData,
    CardFeature,
    CardFormula,
    CardFormulas,
    CardMaking,
    CardOut,
    CardStep,
)


def read_card(reference: str, sessions: Sessions) -> CardOut:
    """The card of a model.

    Raises:
        NotFound: There is no such model.
    """
    with sessions.read() as session:
        repository = TrainedModels(session)
        row = repository.get(reference)
        model = ModelOut.from_row(row, repository.list_aliases([row])[row.id])
        by = select_automatic_member(describe_members(row))
        lineage = Lineage(session)
        dataset, steps, symbolic = lineage.dataset(row), lineage.list_ancestors(row), read_sound_formulas(row)
    formulas = _make_formulas(symbolic)
    return CardOut(
        model_id=model.id,
        name=model.name,
        version=model.version,
        aliases=model.aliases,
        tags=model.tags,
        task=model.task,
        target=model.target,
        unit=model.units.get(model.target),
        classes=model.classes,
        data=_make_data(model, dataset),
        features=[_make_feature(feature, model) for feature in model.features],
        by=by,
        members=model.members,
        metrics=model.metrics,
        parameters=model.network.parameters,
        training_seconds=_seconds_or_none(model.timings.get("train")),
        baselines=[
            _make_baseline(name, baseline)
            for name, baseline in model.baselines.items()
            if "metrics" in baseline  # an imported file may lack them
        ],
        formulas=formulas,
        warnings=model.warnings,
        limits=_list_limits(model, formulas, is_kept=dataset is not None),
        made=_make_provenance(model),
        lineage=[_make_step(step) for step in steps],
        created_at=model.created_at,
    )


def _make_baseline(name: str, baseline: FittedBaseline) -> CardBaseline:
    return CardBaseline(
        name=name,
        metrics=baseline["metrics"],
        parameters=baseline.get("parameters"),
        seconds=baseline.get("seconds"),
    )


def _seconds_or_none(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _make_data(model: ModelOut, dataset: Dataset | None) -> CardData:
    source = dataset or model.dataset
    return CardData(
        dataset_id=model.dataset_id,
        name=source.name if source else None,
        sha256=dataset.blob_sha256 if dataset else model.lineage.get("dataset_sha256"),
        rows=source.rows if source else None,
        is_kept=dataset is not None,
        split=model.split,
    )


def _make_feature(feature: FeatureOut, model: ModelOut) -> CardFeature:
    return CardFeature(
        name=feature.name,
        type=feature.type,
        unit=model.units.get(feature.name),
        min=feature.min,
        max=feature.max,
        categories=feature.categories,
        missing=_describe_missing_values(feature),
    )


def _describe_missing_values(feature: FeatureOut) -> str:
    """How ``kan_engine.data.encoding`` treats a missing value, as text."""
    if feature.has_missing is None:
        return "not recorded"
    if feature.type == "category":
        counts = "counts as a separate category" if feature.has_missing else "counts as no known category"
    else:
        suffix = ", and an indicator input is set" if feature.has_missing else ""
        counts = f"counts as {_format_fill(feature)}{suffix}"
    return counts if feature.has_missing else f"{counts}, with a warning: no value was missing in training"


def _format_fill(feature: FeatureOut) -> str:
    if feature.type == "boolean":
        return "true" if feature.fill else "false"
    return feature.fill if isinstance(feature.fill, str) else f"{feature.fill:.6g}"


def _make_formulas(symbolic: dict[str, Any] | None) -> CardFormulas | None:
    if symbolic is None:
        return None
    return CardFormulas(
        verdict=symbolic["verdict"],
        exact=symbolic["exact"],
        reasons=[reason["detail"] for reason in (symbolic.get("evidence") or {}).get("reasons", [])],
        measured_on=symbolic.get("measured_on"),
        outputs=[
            CardFormula.model_validate({"quantity": "value"} | output) for output in symbolic["outputs"]
        ],
    )


def _list_limits(
    model: ModelOut, formulas: CardFormulas | None, *, is_kept: bool, min_reliable_rows: int = 50
) -> list[str]:
    """The limits of use that apply; the sentences contain no text from clients.

    With fewer hold-out rows than ``min_reliable_rows`` metrics are unreliable.
    """
    test_rows = model.split.get("test_rows")
    held_out = test_rows if isinstance(test_rows, int) else None  # an imported file may contain anything
    verdict = formulas.verdict if formulas else None
    limits = {
        "It is valid for the ranges and categories named here. A prediction outside them is a guess, unless "
        "an exact law holds there; it has a warning and no interval.": True,
        "It describes associations in these rows, not causes.": True,
        "No rows were held out: its error on unseen rows is not known.": held_out == 0,
        f"Fewer than {min_reliable_rows} rows were held out: other rows could give quite different "
        "metrics.": bool(held_out and held_out < min_reliable_rows),
        "Prediction intervals have their coverage on average over rows like the validation rows, not for "
        "every row or every group of rows.": model.task == "regression",
        "Probabilities are calibrated to the class frequencies of the validation rows; with other "
        "frequencies they are biased.": model.task == "classification",
        "The formula is an approximation: the best trade-off found between error and length, not a "
        "law.": verdict == "approximation",
        "The formula is no better than a constant: the rows show no relation between the columns and the "
        "target.": verdict == "weak",
        "The units of the formula do not add up: it describes these rows, and is no law.": any(
            formula.unit_status == "does_not_add_up" for formula in (formulas.outputs if formulas else [])
        ),
        "The formula is undefined or far beyond the target within the ranges of its columns.": any(
            formula.sound is not None and formula.sound.status == "violated"
            for formula in (formulas.outputs if formulas else [])
        ),
        "The residuals of the formula look like noise; other formulas may fit as well.": verdict
        == "consistent",
        "The probability of a formula is that among the formulas that were searched; a law beyond these may "
        "describe the rows as well.": any(
            formula.probability is not None for formula in (formulas.outputs if formulas else [])
        ),
        "The dataset is not in this service: the metrics cannot be checked against it.": not is_kept,
    }
    return [sentence for sentence, holds in limits.items() if holds]


def _make_provenance(model: ModelOut) -> CardMaking:
    request = model.lineage.get("request")
    return CardMaking(
        job_id=model.job_id,
        code_version=model.lineage.get("code_version"),
        seed=(request or {}).get("seed"),
        seconds=model.seconds,
        request=request,
        imported=model.lineage.get("imported"),
    )


def _make_step(step: Ancestor) -> CardStep:
    return CardStep(
        model_id=step.model_id,
        name=step.model.name if step.model else None,
        version=step.version,
        changes=step.changes,
    )
