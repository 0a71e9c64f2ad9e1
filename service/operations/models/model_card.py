"""The card of a model: what is known of it, and what it does not promise."""

from typing import Any

from service.db.repositories.lineage import Lineage, Step
from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.db.tables import Dataset
from service.schemas.members import automatic_member, describe_members, verdict_of
from service.schemas.model_card import (
    CardBaseline,
    CardData,
    CardFeature,
    CardFormula,
    CardFormulas,
    CardMaking,
    CardOut,
    CardStep,
)
from service.schemas.models import FeatureOut, ModelOut

FEW_ROWS = 50  # hold-out rows below which a metric is a guess


def read_card(reference: str, sessions: Sessions) -> CardOut:
    """The card of a model.

    Raises:
        NotFound: There is no such model.
    """
    with sessions.read() as session:
        repository = TrainedModels(session)
        row = repository.get(reference)
        model = ModelOut.of(row, repository.aliases([row])[row.id])
        by = automatic_member(describe_members(row))
        lineage = Lineage(session)
        dataset, steps, symbolic = lineage.dataset(row), lineage.steps(row), row.symbolic
    formulas = _formulas(symbolic)
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
        data=_data(model, dataset),
        features=[_feature(feature, model) for feature in model.features],
        by=by,
        members=model.members,
        metrics=model.metrics,
        parameters=model.network.parameters,
        training_seconds=_seconds(model.timings.get("train")),
        baselines=[
            _baseline(name, baseline)
            for name, baseline in model.baselines.items()
            if isinstance(baseline.get("metrics"), dict)  # a file from elsewhere may say anything
        ],
        formulas=formulas,
        warnings=model.warnings,
        limits=_limits(model, formulas, is_kept=dataset is not None),
        made=_making(model),
        lineage=[_step(step) for step in steps],
        created_at=model.created_at,
    )


def _baseline(name: str, baseline: dict[str, Any]) -> CardBaseline:
    parameters = baseline.get("parameters")
    return CardBaseline(
        name=name,
        metrics=baseline["metrics"],
        parameters=parameters if isinstance(parameters, int) else None,
        seconds=_seconds(baseline.get("seconds")),
    )


def _seconds(told: Any) -> float | None:
    return float(told) if isinstance(told, int | float) else None


def _data(model: ModelOut, dataset: Dataset | None) -> CardData:
    known = dataset or model.dataset
    return CardData(
        dataset_id=model.dataset_id,
        name=known.name if known else None,
        sha256=dataset.blob_sha256 if dataset else model.lineage.get("dataset_sha256"),
        rows=known.rows if known else None,
        is_kept=dataset is not None,
        split=model.split,
    )


def _feature(feature: FeatureOut, model: ModelOut) -> CardFeature:
    return CardFeature(
        name=feature.name,
        type=feature.type,
        unit=model.units.get(feature.name),
        min=feature.min,
        max=feature.max,
        categories=feature.categories,
        missing=_missing(feature),
    )


def _missing(feature: FeatureOut) -> str:
    """The rule of ``kan_engine.data.encoding``, in words."""
    if feature.has_missing is None:
        return "not recorded"
    if feature.type == "category":
        counts = "counts as a category of its own" if feature.has_missing else "counts as none of the others"
    else:
        told = ", and the network is told that it was missing" if feature.has_missing else ""
        counts = f"counts as {_value(feature)}{told}"
    return counts if feature.has_missing else f"{counts}, with a warning: training saw none"


def _value(feature: FeatureOut) -> str:
    if feature.type == "boolean":
        return "true" if feature.fill else "false"
    return feature.fill if isinstance(feature.fill, str) else f"{feature.fill:.6g}"


def _formulas(symbolic: dict[str, Any] | None) -> CardFormulas | None:
    if symbolic is None:
        return None
    return CardFormulas(
        verdict=verdict_of(symbolic),
        exact=symbolic["exact"],
        reasons=[reason["detail"] for reason in (symbolic.get("evidence") or {}).get("reasons", [])],
        measured_on=symbolic.get("measured_on"),
        outputs=[
            CardFormula.model_validate({"quantity": "value"} | output) for output in symbolic["outputs"]
        ],
    )


def _limits(model: ModelOut, formulas: CardFormulas | None, *, is_kept: bool) -> list[str]:
    """Sentences of ours alone, without any word of a client's."""
    told = model.split.get("test_rows")
    held_out = told if isinstance(told, int) else None  # a file from elsewhere may say anything
    verdict = formulas.verdict if formulas else None
    limits = {
        "It knows the ranges and categories named here and nothing else. A prediction outside of them is a "
        "guess, unless an exact law holds there, and is answered with a warning and no interval.": True,
        "It tells what goes together in these rows, not what causes what.": True,
        "No rows were held out: nothing is known of rows that it has not seen.": held_out == 0,
        f"Fewer than {FEW_ROWS} rows were held out: another few could give quite different metrics.": bool(
            held_out and held_out < FEW_ROWS
        ),
        "An interval of a prediction covers its share of true values in the mean over rows like those that "
        "it was validated on: not for every row, nor for every kind of rows.": model.task == "regression",
        "Probabilities are calibrated to the frequencies in the rows that it was validated on; where classes "
        "are more or less frequent, they are off.": model.task == "classification",
        "The formula is an approximation: the best trade-off that was found between error and length, and "
        "no law.": verdict == "approximation",
        "The formula is no better than a constant: the rows do not show that the columns say anything of the "
        "target.": verdict == "weak",
        "The formula leaves of the data what looks like noise; that other formulas would, too, is not ruled "
        "out.": verdict == "consistent",
        "The dataset is not here, or not any more: the metrics cannot be checked against it.": not is_kept,
    }
    return [sentence for sentence, holds in limits.items() if holds]


def _making(model: ModelOut) -> CardMaking:
    request = model.lineage.get("request")
    return CardMaking(
        job_id=model.job_id,
        code_version=model.lineage.get("code_version"),
        seed=(request or {}).get("seed"),
        seconds=model.seconds,
        request=request,
        imported=model.lineage.get("imported"),
    )


def _step(step: Step) -> CardStep:
    return CardStep(
        model_id=step.model_id,
        name=step.model.name if step.model else None,
        version=step.version,
        changes=step.changes,
    )
