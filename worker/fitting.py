"""Find the network for a prepared table, and the formula if there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from kan_engine import (
    KAN,
    Contest,
    Formula,
    Inputs,
    Limits,
    Predictor,
    Standardizer,
    Step,
    TargetScaler,
    Task,
    Trained,
    TrainingConfig,
    affordable_grids,
    changes,
    climbing_time,
    final_trial,
    first_trial,
    fixed_trials,
    from_json,
    given_trials,
    is_freer,
    prune_trained,
    to_json,
    train_on_all,
)
from service.schemas.jobs import TrainRequest
from worker.decision import calibrate_on_validation_
from worker.laws import expected_error, find_law, log_odds_formulas
from worker.preparation import Part, Prepared
from worker.readings import EXACT, Law, Report, Run
from worker.trials import Trials

FAR = 1.5  # factor of losses by which one network of second order has to win: see ``_tuned``
TIE = 1.02  # factor between losses of networks that count as equally good
LOST = 1.25  # factor of losses by which a change of the climb is never worth another try
LAW_SHARE = 0.6  # of a job's time that a law is looked for where none shows
LUCK = 1.1  # by which the loss of few networks may be below that of more: it is more who do well elsewhere


@dataclass(frozen=True, kw_only=True)
class Found:
    """The network to serve and what came with it.

    Attributes:
        judged: The network before it learnt from the validation rows as well, which tells what it is worth
            on rows it has not seen; the same one if it never has.
        history: Steps of its training.
        formulas: Formulas in the client's columns, best first.
        is_consistent: Whether nothing was found in what the best formula leaves of the data.
        is_cut: Whether the search for a law was ended to leave time for larger networks.
        formula_of: ``network`` if the formulas were read off the served network, ``law`` if they were found
            beside it.
        expected_error: RMSE that the network would have on rows not seen, in the target's units; a
            regression's alone.
        contest: The errors of all that were compared with it, for a regression.
        dropped: Error over the spread before and after, of every input that the network does without.
    """

    network: KAN
    inputs: Standardizer
    scaler: TargetScaler | None
    judged: KAN
    history: tuple[Step, ...] = ()
    optimizer: str = "levenberg_marquardt"
    formulas: list[list[Formula]] = field(default_factory=list)
    is_consistent: bool = False
    is_cut: bool = False
    formula_of: str = "network"
    expected_error: float | None = None
    contest: Contest | None = None
    dropped: dict[str, tuple[float, float]] = field(default_factory=dict)


def to_metadata(found: Found) -> dict[str, Any]:
    """What of a Found does not stand in the predictor, as JSON."""
    return {
        "history": [asdict(step) for step in found.history],
        "optimizer": found.optimizer,
        "formulas": [[{"tree": to_json(f.tree), "error": f.error} for f in part] for part in found.formulas],
        "is_consistent": found.is_consistent,
        "is_cut": found.is_cut,
        "formula_of": found.formula_of,
        "dropped": found.dropped,
    }


def from_metadata(data: dict[str, Any], predictor: Predictor) -> Found:
    """The Found that ``to_metadata`` described."""
    return Found(
        network=predictor.network,
        judged=predictor.network,
        inputs=predictor.inputs,
        scaler=predictor.outputs,
        history=tuple(Step(**step) for step in data["history"]),
        optimizer=data["optimizer"],
        formulas=[[Formula(from_json(f["tree"]), f["error"]) for f in part] for part in data["formulas"]],
        is_consistent=data["is_consistent"],
        is_cut=data.get("is_cut", False),
        formula_of=data["formula_of"],
        dropped={name: (with_it, without) for name, (with_it, without) in data.get("dropped", {}).items()},
    )


def find_network(
    data: Prepared,
    request: TrainRequest,
    limits: Limits,
    report: Report,
    should_stop: Callable[[], bool],
) -> Found:
    """Search, train and read.

    A small law that explains the data is served itself. Else the best of larger networks is, and the
    formula is the best small law's: a trade-off, whose error is stated with it.
    """
    run = Run.of(data, request, limits, report, should_stop)
    if data.classes is not None:
        found = _train(run)
        calibrate_on_validation_(found.network, found.judged, found.inputs, data)
        return replace(found, formulas=log_odds_formulas(found.network, found.inputs, run), formula_of="law")
    found = _free_regression(run) if _is_free(request) else _asked_regression(run)
    return replace(found, contest=run.contest)


def _free_regression(run: Run) -> Found:
    """The small law if it explains the data or no larger network does better, else the best of those."""
    law = find_law(run, LAW_SHARE * run.request.max_seconds)
    if law is not None and (law.error < EXACT or law.is_consistent or law.fit.is_adequate):
        return _serve_law(law, run)
    found = _train(run)
    if law is None:
        return found
    assert found.expected_error is not None  # noqa: S101 - regressions have one
    if expected_error(law, run) <= found.expected_error:
        return _serve_law(law, run)
    return _with_formulas(found, law)


def _with_formulas(found: Found, law: Law) -> Found:
    """A larger network beside which a small law was found."""
    return replace(
        found,
        formulas=[law.formulas],
        is_consistent=law.is_consistent,
        is_cut=law.is_cut,
        formula_of="law",
    )


def _asked_regression(run: Run) -> Found:
    """What was asked for comes first; a small law is looked for in the time that is left."""
    found = _train(run)
    law = find_law(run) if run.request.symbolic and not run.should_stop() else None
    return found if law is None else _with_formulas(found, law)


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


def _serve_law(law: Law, run: Run) -> Found:
    return Found(
        network=law.fit.network,
        judged=law.fit.network,
        inputs=run.inputs,
        scaler=law.fit.scaler,
        history=law.fit.history,
        formulas=[law.formulas],
        is_consistent=law.is_consistent,
        is_cut=law.is_cut,
        formula_of="network" if law.is_read else "law",
        dropped={run.names[i]: errors for i, errors in law.fit.dropped.items()},
    )


def _train(run: Run) -> Found:
    """The network with the lowest validation loss, trained on the validation rows, too, in the end."""
    data = run.data
    scales = run.inputs, Standardizer.fit(data.training.encoded, quantile=True)
    scaler = TargetScaler.fit(data.training.y[:, None].astype(float)) if data.classes is None else None
    fit, validation, everything = (
        _inputs(part, data, scales, scaler) for part in (data.fit, data.validation, data.training)
    )
    if scaler is not None:
        validation = replace(validation, on_losses=partial(_enter, run.contest, scaler))
    trials = Trials(run, fit, validation, everything)
    hidden = run.request.network.hidden
    best = _tuned(trials, _task(run)) if hidden == "auto" else _given(trials, hidden, run)
    if run.request.prune and not run.should_stop():
        run.report("prune", 0.72, "dropping what does not help")
        best = prune_trained(best, fit, validation, should_stop=run.should_stop)
    network = best.network
    if not run.should_stop():
        network = train_on_all(
            best,
            everything,
            generator=run.generator,
            should_stop=run.should_stop,
            on_step=trials.watch("learning from all training rows", (0.75, 0.86)),
        )
    return Found(
        network=network,
        judged=best.network,
        inputs=scales[best.trial.quantile],
        scaler=scaler,
        history=best.history,
        optimizer=best.optimizer,
        expected_error=None if scaler is None else float(np.sqrt(2 * best.expected_loss) * scaler.std[0]),
    )


def _tuned(trials: Trials, task: Task) -> Trained:
    """A climb from a middling start, and the winner's settings for several networks side by side.

    A single network of second order, which stops where the validation rows like it most, has to be far
    better than what was climbed to: on data without noise it is, by orders of magnitude.
    """
    best = trials.best_of(fixed_trials(task))
    if task.training.optimizer not in ("auto", "adam"):
        assert best is not None  # noqa: S101 - what was asked for is always tried
        return best
    climbed = _climbed(trials, task)
    if best is not None and climbed.expected_loss >= FAR * best.loss:
        return best
    last = final_trial(climbed.trial, task)
    if trials.is_over or (last == climbed.trial and not task.is_crossed):
        return climbed
    more = trials.run(last)
    if task.is_crossed:
        return replace(more, folds_loss=climbed.folds_loss)
    return more if more.loss <= LUCK * climbed.loss else climbed


def _climbed(trials: Trials, task: Task) -> Trained:
    """Change after change as long as any of them pays.

    In a tie the freer network is taken: what serves will have more rows to learn from.
    """
    top, before = trials.climb(first_trial(task), task), None
    lowest = top.expected_loss
    open_changes = list(changes(task))
    while top is not before:
        before = top
        for change in tuple(open_changes):
            while (trial := change(top.trial)) is not None and trials.is_worth_it(trial, task):
                trained = trials.climb(trial, task)
                if trained.expected_loss > LOST * lowest:
                    open_changes.remove(change)
                allowed = TIE if is_freer(trial, top.trial) else 1 / TIE
                if trained.expected_loss > allowed * lowest:
                    break
                top, lowest = trained, min(lowest, trained.expected_loss)
    return top


def _given(trials: Trials, hidden: list[int], run: Run) -> Trained:
    """The best of a shape that was asked for."""
    data, request = run.data, run.request
    training, order = _training_config(data, request), request.network.order
    width = (data.fit.encoded.shape[1], *hidden, data.outputs)
    schedule = training.grid_schedule
    grid = schedule[0] if schedule else 5 if request.network.grid == "auto" else request.network.grid
    if not schedule and request.network.grid == "auto":
        training = replace(training, grid_schedule=affordable_grids(width, order, len(data.fit)))
        grid = training.grid_schedule[0]
    found = trials.best_of(given_trials(width, grid, order, training, len(data.fit)))
    assert found is not None  # noqa: S101 - there is at least one trial
    return found


def _enter(contest: Contest, scaler: TargetScaler, losses: torch.Tensor) -> None:
    """Half the squared error of every row, in the unit scale, as an entry of the contest."""
    contest.enter((2 * losses).sqrt().numpy() * scaler.std)


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


def _task(run: Run) -> Task:
    """What is to be learnt, and what the request says about it."""
    data, request = run.data, run.request
    training = _training_config(data, request)
    schedule, grid = training.grid_schedule, request.network.grid
    asked = request.training
    return Task(
        inputs=data.fit.encoded.shape[1],
        outputs=data.outputs,
        rows=len(data.fit),
        training=training,
        order=request.network.order,
        grid=schedule[0] if schedule else None if grid == "auto" else grid,
        steps=None if asked.steps == "auto" else asked.steps,
        restarts=None if asked.restarts == "auto" else asked.restarts,
        is_sparse=training.lamb > 0,
        seconds=climbing_time(request.max_seconds, data.rows.encoded.size),
    )


def _training_config(data: Prepared, request: TrainRequest) -> TrainingConfig:
    asked = request.training
    return TrainingConfig(
        loss=data.loss,  # type: ignore[arg-type]
        optimizer=asked.optimizer,
        grid_schedule=() if asked.grid_schedule == "auto" else tuple(asked.grid_schedule),
        steps=60 if asked.steps == "auto" else asked.steps,
        lamb=0.0 if asked.lamb == "auto" else asked.lamb,
    )
