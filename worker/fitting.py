"""Find the network for a prepared table, and the formula if there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from kan_engine import (
    KAN,
    Fit,
    Formula,
    Inputs,
    Predictor,
    Reading,
    Sample,
    Standardizer,
    Step,
    TargetScaler,
    Trained,
    TrainingConfig,
    Trial,
    additive,
    default_trials,
    eliminate,
    from_json,
    given_trials,
    prune_trained,
    read_formulas,
    run_trial,
    search,
    sharpen,
    to_json,
    undo_transform,
)
from service.schemas.jobs import TrainRequest
from worker.preparation import Part, Prepared

SEARCH_ROWS, SEARCH_VALIDATION = 1500, 750  # more rows do not change which small law is right
READ_AT_MOST = 4  # structures whose formulas are read before the search gives up on an exact one
EXACT = 1e-9  # validation error, over the spread, of a formula that ends the search
MAX_STRUCTURE_INPUTS = 40
HOPELESS, PATIENT_STEPS = 1.1, 15  # a trial this far behind the best after these steps is given up
ROUGH = 0.03  # error of an edge's curve below which fits count as equal, however noisy the data are

Report = Callable[[str, float, str], None]


@dataclass(frozen=True, kw_only=True)
class Found:
    """The network to serve and what came with it.

    Attributes:
        history: Steps of its training.
        formulas: Formulas in the client's columns, best first.
        formula_of: ``network`` if the formulas were read off the served network, ``law`` if off a
            smaller one.
    """

    network: KAN
    inputs: Standardizer
    scaler: TargetScaler | None
    history: tuple[Step, ...] = ()
    optimizer: str = "levenberg_marquardt"
    formulas: list[list[Formula]] = field(default_factory=list)
    formula_of: str = "network"


@dataclass(frozen=True, kw_only=True)
class Law:
    """A small structure, and its formulas."""

    fit: Fit
    formulas: list[Formula]

    @property
    def error(self) -> float:
        """Of the best formula."""
        return self.formulas[0].error if self.formulas else float("inf")


def to_metadata(found: Found) -> dict[str, Any]:
    """What of a Found does not stand in the predictor, as JSON."""
    return {
        "history": [asdict(step) for step in found.history],
        "optimizer": found.optimizer,
        "formulas": [[{"tree": to_json(f.tree), "error": f.error} for f in part] for part in found.formulas],
        "formula_of": found.formula_of,
    }


def from_metadata(data: dict[str, Any], predictor: Predictor) -> Found:
    """The Found that ``to_metadata`` described."""
    return Found(
        network=predictor.network,
        inputs=predictor.inputs,
        scaler=predictor.outputs,
        history=tuple(Step(**step) for step in data["history"]),
        optimizer=data["optimizer"],
        formulas=[[Formula(from_json(f["tree"]), f["error"]) for f in part] for part in data["formulas"]],
        formula_of=data["formula_of"],
    )


@dataclass(frozen=True, kw_only=True)
class Run:
    """What every step of a search needs.

    Attributes:
        names: Variable per encoded column.
        inputs: Scale of the encoded columns, by their ranges.
        generator: Source of all randomness.
        report: Takes stage, fraction and message.
        should_stop: Once true, the best so far is returned.
    """

    data: Prepared
    request: TrainRequest
    names: tuple[str, ...]
    inputs: Standardizer
    generator: torch.Generator
    report: Report
    should_stop: Callable[[], bool]


def find_network(
    data: Prepared, request: TrainRequest, report: Report, should_stop: Callable[[], bool]
) -> Found:
    """Search, train and read.

    A small law that explains the data is served itself. Else the best of larger networks is, and the
    formula is the best small law's: a trade-off, whose error is stated with it.
    """
    run = Run(
        data=data,
        request=request,
        names=data.names,
        inputs=Standardizer.fit(data.training.encoded),
        generator=torch.Generator().manual_seed(request.seed),
        report=report,
        should_stop=should_stop,
    )
    is_free = _is_free(request)
    law = _find_law(run) if data.classes is None and (request.symbolic or is_free) else None
    if law is not None and is_free and (law.error < EXACT or law.fit.is_adequate):
        return _serve_law(law, run.inputs)
    found = _train(run)
    if data.classes is not None:
        return replace(found, formulas=_log_odds_formulas(found, run), formula_of="law")
    if law is None:
        return found
    spread = float(np.std(data.validation.y)) or 1.0
    if is_free and law.fit.error * spread <= 1.02 * _rmse(found, data.validation):
        return _serve_law(law, run.inputs)
    return replace(found, formulas=[law.formulas], formula_of="law")


def _is_free(request: TrainRequest) -> bool:
    """Whether the network is left to us: who asks for a shape, a grid or a training gets that."""
    network, training = request.network, request.training
    asked = (
        network.hidden,
        network.grid,
        training.optimizer,
        training.grid_schedule,
        training.steps,
        training.lamb,
    )
    return all(option == "auto" for option in asked)


def _serve_law(law: Law, inputs: Standardizer) -> Found:
    return Found(network=law.fit.network, inputs=inputs, scaler=law.fit.scaler, formulas=[law.formulas])


def _rmse(found: Found, part: Part) -> float:
    assert found.scaler is not None  # noqa: S101 - regressions have one
    with torch.no_grad():
        outputs = found.network(torch.from_numpy(found.inputs.forward(part.encoded))).numpy()
    return float(np.sqrt(np.mean((found.scaler.inverse(outputs)[:, 0] - part.y) ** 2)))


# --- Small laws -----------------------------------------------------------------------------------


def _find_law(run: Run) -> Law | None:
    """The best small structure; its formulas too unless the request does without."""
    if run.data.fit.encoded.shape[1] > MAX_STRUCTURE_INPUTS:
        return None
    fit = _sample(run.data.fit, run.inputs, SEARCH_ROWS)
    validation = _sample(run.data.validation, run.inputs, SEARCH_VALIDATION)
    best: Law | None = None
    rough: Fit | None = None
    read = 0
    run.report("structure", 0.05, "looking for a small law")
    structures = search(
        fit,
        validation,
        generator=run.generator,
        order=run.request.network.order,
        should_stop=run.should_stop,
    )
    for number, structure in enumerate(structures, 1):
        run.report(
            "structure", min(0.35, 0.05 + 0.02 * number), f"shape {number}: error {structure.error:.1e}"
        )
        if rough is None or structure.error < rough.error:
            rough = structure
        if not structure.is_adequate or read == READ_AT_MOST:
            continue
        read += 1
        law = _read(structure, fit, validation, run)
        if best is None or law.error < best.error:
            best = law
        if best.error < EXACT or run.should_stop():
            break
    if best is not None:
        return replace(best, fit=sharpen(best.fit, fit, validation, run.should_stop))
    if rough is not None:
        run.report("symbolic", 0.4, "reading a formula off the best small law")
        return _read(rough, fit, validation, run)
    return None


def _rows(part: Part, most: int) -> Part:
    """At most so many rows, spread over all."""
    rows = np.linspace(0, len(part) - 1, min(most, len(part))).astype(int)
    columns = {name: values[rows] for name, values in part.columns.items()}
    return Part(columns, part.encoded[rows], part.y[rows], part.weights[rows])


def _sample(part: Part, inputs: Standardizer, most: int) -> Sample:
    part = _rows(part, most)
    return Sample(
        x=torch.from_numpy(inputs.forward(part.encoded)),
        raw=torch.from_numpy(part.encoded),
        y=torch.from_numpy(part.y.astype(float))[:, None],
        weights=torch.from_numpy(part.weights),
    )


def _read(structure: Fit, fit: Sample, validation: Sample, run: Run) -> Law:
    """Prune a structure and read its formulas."""
    if run.request.prune:
        structure = eliminate(structure, fit, validation, run.should_stop)
    if not run.request.symbolic:
        return Law(fit=structure, formulas=[])
    reading = Reading(
        names=run.names,
        fit=(_columns(run.names, fit), fit.y[:, 0].numpy()),
        validation=(_columns(run.names, validation), validation.y[:, 0].numpy()),
        scaled=fit.x,
        output=0,
        center=float(structure.scaler.mean[0]),
        scale=float(structure.scaler.std[0]),
        undo=undo_transform(structure.scaler.transform),
        floor=min(max(2 * structure.error, 1e-6), ROUGH),
    )
    formulas = read_formulas(structure.network, reading, run.should_stop)
    limit = run.request.symbolic.max_complexity
    return Law(fit=structure, formulas=[f for f in formulas if limit is None or f.complexity <= limit])


def _columns(names: tuple[str, ...], sample: Sample) -> dict[str, np.ndarray]:
    return {name: sample.raw[:, place].numpy() for place, name in enumerate(names)}


def _log_odds_formulas(found: Found, run: Run) -> list[list[Formula]]:
    """Additive formulas of a classifier's log-odds, from a small network fitted to them."""
    data = run.data
    if data.fit.encoded.shape[1] > MAX_STRUCTURE_INPUTS or not run.request.symbolic:
        return []
    parts = (_rows(data.fit, SEARCH_ROWS), _rows(data.validation, SEARCH_VALIDATION))
    with torch.no_grad():
        logits = [
            found.network(torch.from_numpy(found.inputs.forward(part.encoded))).numpy() for part in parts
        ]
    formulas = []
    for output in range(data.outputs):
        if run.should_stop():
            return []
        run.report("symbolic", 0.88, "reading a formula of the log-odds")
        fit, validation = (
            _sample(replace(part, y=values[:, output]), run.inputs, len(part))
            for part, values in zip(parts, logits, strict=True)
        )
        structure = additive(fit, validation, run.generator, run.should_stop)
        formulas.append(_read(structure, fit, validation, run).formulas)
    return formulas


# --- Larger networks -------------------------------------------------------------------------------


def _train(run: Run) -> Found:
    """The network with the lowest validation loss among the trials."""
    data = run.data
    quantile = Standardizer.fit(data.training.encoded, quantile=True)
    scaler = TargetScaler.fit(data.training.y[:, None].astype(float)) if data.classes is None else None
    fit, validation = (
        _inputs(part, data, (run.inputs, quantile), scaler) for part in (data.fit, data.validation)
    )
    restarts = 1 if run.request.training.restarts == "auto" else run.request.training.restarts
    trials = [trial for trial in _trials(data, run.request) for _ in range(restarts)]
    best: Trained | None = None
    for number, trial in enumerate(trials):
        if best is not None and run.should_stop():
            break
        watch = _TrialWatch(run, trial, (number, len(trials)), best)
        trained = run_trial(
            trial,
            fit,
            validation,
            generator=run.generator,
            should_stop=watch.should_stop,
            on_step=watch.on_step,
        )
        if best is None or trained.loss < best.loss:
            best = trained
    assert best is not None  # noqa: S101 - there is at least one trial
    if run.request.prune and not run.should_stop():
        run.report("prune", 0.86, "dropping what does not help")
        best = prune_trained(best, fit, validation, should_stop=run.should_stop)
    inputs = quantile if best.trial.quantile else run.inputs
    return Found(
        network=best.network, inputs=inputs, scaler=scaler, history=best.history, optimizer=best.optimizer
    )


class _TrialWatch:
    """Progress within one of several trials, and the end of a trial that is far behind the best."""

    def __init__(self, run: Run, trial: Trial, place: tuple[int, int], best: Trained | None) -> None:
        self._run, self._place = run, place
        self._width = "-".join(map(str, trial.config.width))
        self._limit = float("inf") if best is None else HOPELESS * best.loss
        self._lowest, self._step = float("inf"), 0

    def on_step(self, step: Step) -> None:
        self._step, self._lowest = step.number, min(self._lowest, step.validation_loss)
        number, trials = self._place
        share = (number + step.number / (step.number + 20)) / trials  # how many steps it takes is not known
        message = f"KAN [{self._width}], step {step.number + 1}: loss {step.validation_loss:.3g}"
        self._run.report("train", 0.4 + 0.45 * share, message)

    def should_stop(self) -> bool:
        is_hopeless = self._step >= PATIENT_STEPS and self._lowest > self._limit
        return is_hopeless or self._run.should_stop()


def _inputs(
    part: Part,
    data: Prepared,
    scales: tuple[Standardizer, Standardizer],
    scaler: TargetScaler | None,
) -> Inputs:
    affine, quantile = scales
    targets = data.codes(part).astype(float)
    return Inputs(
        affine=torch.from_numpy(affine.forward(part.encoded)),
        quantile=torch.from_numpy(quantile.forward(part.encoded)),
        targets=torch.from_numpy(targets if scaler is None else scaler.forward(targets)),
        weights=torch.from_numpy(part.weights),
    )


def _trials(data: Prepared, request: TrainRequest) -> Iterator[Trial]:
    training = _training_config(data, request)
    inputs, order = data.fit.encoded.shape[1], request.network.order
    if request.network.hidden == "auto":
        for trial in default_trials(inputs, data.outputs, len(data.fit), training, order):
            grid = request.network.grid
            yield trial if grid == "auto" else replace(trial, config=replace(trial.config, grid_size=grid))
        return
    width = (inputs, *request.network.hidden, data.outputs)
    schedule = training.grid_schedule
    grid = schedule[0] if schedule else 5 if request.network.grid == "auto" else request.network.grid
    if not schedule and request.network.grid == "auto":
        training = replace(training, grid_schedule=_affordable_schedule(width, order, len(data.fit)))
        grid = training.grid_schedule[0]
    yield from given_trials(width, grid, order, training)


def _affordable_schedule(width: tuple[int, ...], order: int, rows: int) -> tuple[int, ...]:
    """Grids from coarse to fine while the rows outnumber the weights."""
    edges = sum(a * b for a, b in pairwise(width))
    fine = [grid for grid in (3, 5, 10, 20) if edges * (grid + order + 1) < rows]
    return tuple(fine) or (3,)


def _training_config(data: Prepared, request: TrainRequest) -> TrainingConfig:
    asked = request.training
    return TrainingConfig(
        loss=data.loss,  # type: ignore[arg-type]
        optimizer=asked.optimizer,
        grid_schedule=() if asked.grid_schedule == "auto" else tuple(asked.grid_schedule),
        steps=60 if asked.steps == "auto" else asked.steps,
        lamb=0.0 if asked.lamb == "auto" else asked.lamb,
    )
