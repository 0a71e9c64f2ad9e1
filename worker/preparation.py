"""A table and a request become encoded rows: those to fit on, those to choose by, those to report on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kan_engine import Encoding, InvalidData
from service.schemas.jobs import TrainRequest
from service.schemas.plan import Plan
from service.tables import Table
from worker.evaluation import Label, class_name
from worker.splitting import split_rows, validation_rows

NAMED = 20  # classes that a message lists at most


@dataclass(frozen=True)
class Part:
    """Some rows: the client's columns, their encoding [n, d], labels or numbers y [n], weights [n]."""

    columns: Mapping[str, np.ndarray]
    encoded: np.ndarray
    y: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Prepared:
    """All that the later stages need to know of the data.

    Attributes:
        fit: Rows that networks are fitted on.
        validation: Rows that every choice is made on.
        test: Rows for what is reported; read once.
        classes: Labels of a classification in their own type, sorted; None for a regression.
        warnings: What was left out, and why.
    """

    plan: Plan
    encoding: Encoding
    fit: Part
    validation: Part
    test: Part
    classes: tuple[Label, ...] | None
    warnings: tuple[str, ...]

    @cached_property
    def training(self) -> Part:
        """Fit and validation rows together."""
        a, b = self.fit, self.validation
        return Part(
            {name: np.concatenate([a.columns[name], b.columns[name]]) for name in a.columns},
            np.concatenate([a.encoded, b.encoded]),
            np.concatenate([a.y, b.y]),
            np.concatenate([a.weights, b.weights]),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Name of every encoded column."""
        return tuple(column.name for column in self.encoding.names)

    @property
    def loss(self) -> str:
        """What a network for this target minimises."""
        if self.classes is None:
            return "squared"
        return "logistic" if len(self.classes) == 2 else "softmax"

    @property
    def outputs(self) -> int:
        """Outputs of a network for this target."""
        return len(self.classes) if self.classes is not None and len(self.classes) > 2 else 1

    def codes(self, part: Part) -> np.ndarray:
        """Targets as numbers: themselves, or the number of the class, [n, 1]."""
        if self.classes is None:
            return part.y[:, None]
        places = {label: place for place, label in enumerate(self.classes)}
        return np.array([places[label] for label in part.y.tolist()], dtype=float)[:, None]


def prepare(table: Table, request: TrainRequest) -> Prepared:
    """Read the request against the table.

    Rows without a target are left out. Ranges, medians and categories are learnt from the training
    rows; the hold-out rows are only encoded by them.

    Raises:
        InvalidData: The rows that are left cannot be learnt from.
    """
    plan = Plan(request, {report["name"]: report for report in table.reports}, table.rows)
    y, present = _target(table, plan)
    columns = {name: values[present] for name, values in table.columns.items()}
    split = split_rows(
        kind=request.split.kind,
        y=y,
        task=plan.task,
        test_fraction=request.split.test_fraction,
        seed=request.split.seed,
        column=request.split.column,
        test=request.split.test,
        columns=columns,
    )
    fit_rows, judge_rows = validation_rows(
        split.train_rows, y, plan.task, request.seed, kind=request.split.kind
    )
    features, warnings = _features(columns, plan, split.train_rows)
    encoding = Encoding.fit(
        {name: values[split.train_rows] for name, values in features.items()},
        {name: plan.types[name] for name in features},
    )
    classes = _classes(y[split.train_rows]) if plan.task == "classification" else None
    weights = _weights(columns, request, y, classes)
    for rows, purpose in ((fit_rows, "fit on"), (judge_rows, "choose by")):
        if not weights[rows].any():
            raise InvalidData(
                f"all rows to {purpose} have the weight 0; give some of them a weight", column=request.weight
            )

    def part(rows: np.ndarray) -> Part:
        own = {name: values[rows] for name, values in features.items()}
        return Part(own, encoding.transform(own), y[rows], weights[rows])

    known = (
        split.test_rows if classes is None else split.test_rows[np.isin(y[split.test_rows], list(classes))]
    )
    if len(known) < len(split.test_rows):
        warnings.append(
            f"{len(split.test_rows) - len(known)} hold-out rows have classes that no training row has"
        )
    return Prepared(plan, encoding, part(fit_rows), part(judge_rows), part(known), classes, tuple(warnings))


def _target(table: Table, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Target values without the missing ones, and which rows those are."""
    values, kind = table.columns[plan.request.target], table.types[plan.request.target]
    if values.dtype.kind == "f":
        present = ~np.isnan(values)
        y = values[present]
        if plan.task == "classification":
            whole = kind == "integer" or bool((y == np.round(y)).all())
            y = np.array([int(value) if whole else float(value) for value in y.tolist()], dtype=object)
        return y, present
    present = np.array([value is not None for value in values.tolist()], dtype=bool)
    y = values[present]
    return (y if plan.task == "classification" else y.astype(float)), present


def _features(
    columns: Mapping[str, np.ndarray], plan: Plan, train_rows: np.ndarray
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Columns to learn from, and a warning for each that is left out."""
    chosen = [report["name"] for report in plan.features]
    warnings = [
        f"column {name!r} is left out: {_why_not(report, plan)}"
        for name, report in plan.reports.items()
        if name not in chosen and name not in plan.roles and plan.request.features is None
    ]
    features = {}
    for name in chosen:
        if _varies(columns[name][train_rows]):
            features[name] = columns[name]
        else:
            warnings.append(f"column {name!r} is left out: it is the same in all training rows")
    if not features:
        raise InvalidData("no column varies over the training rows; there is nothing to learn from")
    return features, warnings


def _why_not(report: dict[str, object], plan: Plan) -> str:
    if report["distinct"] in (0, 1):
        return "it is constant" if report["distinct"] else "it has no values"
    return f"it is {plan.types[str(report['name'])]}; give it another type to use it"


def _varies(values: np.ndarray) -> bool:
    if values.dtype.kind == "f":
        seen = values[~np.isnan(values)]
        return len(seen) > 0 and (len(seen) < len(values) or bool(seen.min() < seen.max()))
    distinct = set(values.tolist())
    return len(distinct) > 1 and distinct != {None}


def _classes(y: np.ndarray) -> tuple[Label, ...]:
    return tuple(sorted(set(y.tolist())))


def _weights(
    columns: Mapping[str, np.ndarray], request: TrainRequest, y: np.ndarray, classes: tuple[Label, ...] | None
) -> np.ndarray:
    """Weight of every row: its own, times its class's."""
    weights = columns[request.weight].astype(float) if request.weight else np.ones(len(y))
    wanted = request.training.class_weight
    if classes is None or wanted is None:
        return weights
    counts = {label: max(1, int((y == label).sum())) for label in classes}
    if wanted == "balanced":
        by_class = {label: len(y) / (len(classes) * counts[label]) for label in classes}
    else:
        _refuse_unknown_classes(wanted, y)
        by_class = {label: float(wanted.get(class_name(label), 1.0)) for label in classes}
    of_class = np.array([by_class.get(label, 1.0) for label in y.tolist()])
    weighted: np.ndarray = weights * of_class
    return weighted


def _refuse_unknown_classes(weights: Mapping[str, float], y: np.ndarray) -> None:
    known = sorted({class_name(label) for label in y.tolist()})
    unknown = [name for name in weights if name not in known]
    if unknown:
        shown = ", ".join(map(repr, known[:NAMED])) + (" and more" if known[NAMED:] else "")
        raise InvalidData(f"class_weight names a class {unknown[0]!r} that the target lacks; it has {shown}")
