"""Find the network for a prepared table, and the formula if there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from kan_engine import (
    KAN,
    Contest,
    Formula,
    Inputs,
    Predictor,
    Standardizer,
    Step,
    TargetScaler,
    Trained,
    TrainingConfig,
    Trial,
    default_trials,
    from_json,
    given_trials,
    prune_trained,
    run_trial,
    to_json,
)
from service.schemas.jobs import TrainRequest
from worker.decision import calibrate_on_validation_
from worker.laws import EXACT, Law, Report, Run, find_law, log_odds_formulas
from worker.preparation import Part, Prepared

HOPELESS, PATIENT_STEPS = 1.1, 15  # a trial this far behind the best after these steps is given up


@dataclass(frozen=True, kw_only=True)
class Found:
    """The network to serve and what came with it.

    Attributes:
        history: Steps of its training.
        formulas: Formulas in the client's columns, best first.
        formula_of: ``network`` if the formulas were read off the served network, ``law`` if off a
            smaller one.
        contest: The errors of all that were compared with it, for a regression.
    """

    network: KAN
    inputs: Standardizer
    scaler: TargetScaler | None
    history: tuple[Step, ...] = ()
    optimizer: str = "levenberg_marquardt"
    formulas: list[list[Formula]] = field(default_factory=list)
    formula_of: str = "network"
    contest: Contest | None = None


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
        contest=Contest(data.validation.weights),
    )
    if data.classes is not None:
        found = _train(run)
        calibrate_on_validation_(found.network, found.inputs, data)
        return replace(found, formulas=log_odds_formulas(found.network, found.inputs, run), formula_of="law")
    found = _free_regression(run) if _is_free(request) else _asked_regression(run)
    return replace(found, contest=run.contest)


def _free_regression(run: Run) -> Found:
    """The small law if it explains the data or no larger network does better, else the best of those."""
    law = find_law(run)
    if law is not None and (law.error < EXACT or law.fit.is_adequate):
        return _serve_law(law, run.inputs)
    found = _train(run)
    if law is None:
        return found
    spread = float(np.std(run.data.validation.y)) or 1.0
    if law.fit.error * spread <= 1.02 * _rmse(found, run.data.validation):
        return _serve_law(law, run.inputs)
    return replace(found, formulas=[law.formulas], formula_of="law")


def _asked_regression(run: Run) -> Found:
    """What was asked for comes first; a small law is looked for in the time that is left."""
    found = _train(run)
    law = find_law(run) if run.request.symbolic and not run.should_stop() else None
    return found if law is None else replace(found, formulas=[law.formulas], formula_of="law")


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
    return Found(
        network=law.fit.network,
        inputs=inputs,
        scaler=law.fit.scaler,
        history=law.fit.history,
        formulas=[law.formulas],
    )


def _rmse(found: Found, part: Part) -> float:
    assert found.scaler is not None  # noqa: S101 - regressions have one
    with torch.no_grad():
        outputs = found.network(torch.from_numpy(found.inputs.forward(part.encoded))).numpy()
    squares = np.square(found.scaler.inverse(outputs)[:, 0] - part.y)
    return float(np.sqrt(np.average(squares, weights=part.weights)))


def _train(run: Run) -> Found:
    """The network with the lowest validation loss among the trials."""
    data = run.data
    quantile = Standardizer.fit(data.training.encoded, quantile=True)
    scaler = TargetScaler.fit(data.training.y[:, None].astype(float)) if data.classes is None else None
    fit, validation = (
        _inputs(part, data, (run.inputs, quantile), scaler) for part in (data.fit, data.validation)
    )
    if scaler is not None:
        validation = replace(validation, on_losses=partial(_enter, run.contest, scaler))
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


def _enter(contest: Contest, scaler: TargetScaler, losses: torch.Tensor) -> None:
    """Half the squared error of every row, in the unit scale, as an entry of the contest."""
    contest.enter((2 * losses).sqrt().numpy() * scaler.std)


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
    targets = data.codes(part)
    return Inputs(
        scaled=lambda quantile: torch.from_numpy(scales[quantile].forward(part.encoded)),
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
