"""Comparison of models."""

from collections.abc import Iterable, Sequence
from typing import Any

from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.db.tables import Model
from service.errors import Invalid
from service.schemas.members import Metrics
from service.schemas.models import ModelOut
from service.schemas.registry import ComparedFormula, ComparedOut, CompareOut

MIN_MODELS, MAX_MODELS = 2, 20
OTHER_ROWS = (
    "the models were evaluated on different hold-out rows: their metrics may differ because of the rows and "
    "not of the models; to compare the models, train them on the same dataset with the same split"
)
UNKNOWN_ROWS = "it is not known whether the models were evaluated on the same hold-out rows"
NOTHING_HELD_OUT = "no rows were held out for {}, so it has no metrics on unseen rows"
OTHER_UNITS = "the target has different units, {}: the errors are in these units"
OTHER_CLASSES = "the models have different classes"


def compare_models(references: Sequence[str], sessions: Sessions) -> CompareOut:
    """Compare models of the same target and task.

    Raises:
        NotFound: There is no such model.
        Invalid: There are too few or too many models, or their targets or tasks differ.
    """
    if not MIN_MODELS <= len(references) <= MAX_MODELS:
        detail = (
            f"{MIN_MODELS} to {MAX_MODELS} models can be compared, got {len(references)}; separate them "
            "by commas"
        )
        raise _make_invalid("wrong_number_of_models", detail)
    with sessions.read() as session:
        repository = TrainedModels(session)
        rows = [repository.get(reference) for reference in references]
        aliases = repository.list_aliases(rows)
        models = [ModelOut.from_row(row, aliases[row.id]) for row in rows]
        entries = [
            _describe_compared(reference, model, row)
            for reference, model, row in zip(references, models, rows, strict=True)
        ]
    _refuse_different(references, models)
    same_data, same_rows = _all_equal(map(_dataset_sha256, models)), _all_equal(map(_hold_out_key, models))
    return CompareOut(
        task=models[0].task,
        target=models[0].target,
        models=entries,
        metrics=_tabulate_metrics([model.metrics for model in models]),
        training_metrics=_tabulate_metrics([model.training_metrics for model in models]),
        same_data=same_data,
        same_rows=same_rows,
        warnings=_collect_warnings(references, models, same_rows),
    )


def _refuse_different(references: Sequence[str], models: Sequence[ModelOut]) -> None:
    head = models[0]
    mismatches = [
        f"{reference!r} predicts {model.target!r} ({model.task})"
        for reference, model in zip(references, models, strict=True)
        if (model.target, model.task) != (head.target, head.task)
    ]
    if mismatches:
        detail = (
            f"only models of the same target and task can be compared; {references[0]!r} predicts "
            f"{head.target!r} ({head.task}), but {', '.join(mismatches)}"
        )
        raise _make_invalid("not_comparable", detail)


def _make_invalid(code: str, detail: str) -> Invalid:
    return Invalid.make_at(code, detail, {"parameter": "ids", "in": "query"})


def _describe_compared(reference: str, model: ModelOut, row: Model) -> ComparedOut:
    outputs = row.symbolic["outputs"] if row.symbolic else []
    formulas = [ComparedFormula.model_validate(output) for output in outputs]
    return ComparedOut(
        reference=reference,
        **{name: getattr(model, name) for name in SHARED_FIELDS},
        verdict=row.symbolic["verdict"] if row.symbolic else None,
        formulas=formulas,
        complexity=sum(formula.complexity for formula in formulas) if formulas else None,
        seconds=model.seconds,
        dataset_sha256=_dataset_sha256(model),
    )


SHARED_FIELDS = (
    "id",
    "name",
    "version",
    "aliases",
    "network",
    "members",
    "dataset_id",
    "split",
    "created_at",
)


def _tabulate_metrics(metrics: Sequence[Metrics]) -> dict[str, list[float | None]]:
    names = dict.fromkeys(name for of_model in metrics for name in of_model)
    return {name: [of_model.get(name) for of_model in metrics] for name in names}


def _dataset_sha256(model: ModelOut) -> str | None:
    """SHA-256 of the dataset that a model was trained on, if known."""
    return model.lineage.get("dataset_sha256")


def _hold_out_key(model: ModelOut) -> tuple[Any, ...] | None:
    """Everything that determines the hold-out rows; None if any of it is not known."""
    request = model.lineage.get("request") or {}
    split, sha256 = request.get("split") or {}, _dataset_sha256(model)
    if not split or not model.split or sha256 is None:
        return None
    decisive = [split.get(name) for name in HOLD_OUT_SETTINGS.get(split.get("kind", ""), ())]
    columns = [request.get(name) for name in ("weight", "target_error")]
    return sha256, split.get("kind"), decisive, columns, model.split.get("test_rows")


HOLD_OUT_SETTINGS = {
    "random": ("test_fraction", "seed"),
    "stratified": ("test_fraction", "seed"),
    "tail": ("test_fraction",),
    "column": ("column", "test"),
}


def _all_equal(values: Iterable[Any]) -> bool | None:
    """Whether all values are equal; None if some are not known and the others are equal."""
    values = list(values)
    present_values = [value for value in values if value is not None]
    if any(value != present_values[0] for value in present_values):
        return False
    return True if len(present_values) == len(values) else None


def _collect_warnings(
    references: Sequence[str], models: Sequence[ModelOut], same_rows: bool | None
) -> list[str]:
    warnings = [] if same_rows else [UNKNOWN_ROWS if same_rows is None else OTHER_ROWS]
    empty = [
        reference
        for reference, model in zip(references, models, strict=True)
        if model.split.get("test_rows") == 0
    ]
    warnings += [NOTHING_HELD_OUT.format(repr(reference)) for reference in empty]
    units = dict.fromkeys(model.units.get(model.target) or "none" for model in models)
    if len(units) > 1:
        warnings.append(OTHER_UNITS.format(", ".join(map(repr, units))))
    if any(model.classes != models[0].classes for model in models):
        warnings.append(OTHER_CLASSES)
    return warnings
