"""Search for networks of few curves, from the rows and from an accurate network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kan_engine.compact.curves import Curve, Curves, Edge
from kan_engine.compact.elimination import eliminate_curves
from kan_engine.compact.fit import Fit, fit_curves
from kan_engine.compact.growth import grow
from kan_engine.compact.losses import loss_per_row
from kan_engine.compact.path import CompactPath
from kan_engine.compact.problem import Problem
from kan_engine.compact.refit import refit_networks
from kan_engine.compact.rows import RowMaker, Teacher
from kan_engine.compact.screening import rank_sources, screen_sources
from kan_engine.compact.thresholds import CompactThresholds
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.data.training_data import TrainingData


def find_compact_path(
    data: TrainingData,
    inputs: Standardizer,
    scaler: TargetScaler | None,
    teacher: Teacher,
    *,
    max_curves: int = 20,
    seed: int,
    column_sets: Sequence[frozenset[int]] = (),
    should_stop: Callable[[], bool] = lambda: False,
    should_stop_growing: Callable[[], bool] = lambda: False,
    thresholds: CompactThresholds,
    sufficient_loss: float = 1e-5,
) -> CompactPath:
    """Return networks of 1, 2, … ``max_curves`` curves.

    Additive networks come first. Hidden nodes are then added to the largest network, and curves eliminated
    again, several times. The best network of every size by the loss on the validation rows is fitted to all
    training rows.

    Args:
        data: Fit and validation rows; hold-out rows are not read.
        inputs: Scale of the encoded columns.
        scaler: Of the target; None for a classifier.
        teacher: Outputs of the accurate network at encoded rows: scaled targets, or logits.
        max_curves: Of the largest network. Every class needs one curve at least.
        seed: Of the samples of rows and the starts of nodes.
        column_sets: Sets of encoded columns, of each of which every network must read one.
        should_stop: Once it returns true, the path so far is returned; there is always a network of at most
            ``max_curves`` curves that has learnt something.
        should_stop_growing: Once it returns true, the best networks so far are fitted to all training rows.
        thresholds: Decision numbers.
        sufficient_loss: On the validation rows, below which nothing is added.
    """
    full = replace(RowMaker.create(data, inputs, scaler, teacher, seed, thresholds), required=column_sets)
    outputs = data.output_count
    rows = data.fit.sample(thresholds.count_rows(thresholds.search_rows, outputs), seed)
    selection = screen_sources(full.trim().make_problem(rows), thresholds)
    full = replace(full, bases=[full.bases[s] for s in selection])
    maker = full.trim()

    def must_finish() -> bool:
        return should_stop_growing() or should_stop()

    guard = maker.make_guard(rows)
    problem = maker.make_problem(rows).append(guard)
    judges = data.validation.sample(thresholds.validation_rows, seed)
    best = BestNetworks(maker.make_problem(judges))
    start = make_additive(problem, range(len(selection)), thresholds)
    min_steps = thresholds.least_steps
    fit = fit_curves(problem, start, thresholds.start_steps, thresholds, must_finish, least_steps=min_steps)
    for smaller in eliminate_curves(problem, fit, thresholds, must_finish, max_curves=max_curves):
        best.record_(smaller)
    sources = rank_sources(fit)[: thresholds.node_sources]
    generator = np.random.default_rng(seed)
    is_taught = False
    # A node reads two sources at least, and there must be room for it beyond one curve per output
    for number in range(thresholds.rounds if len(sources) > 1 and outputs < max_curves else 0):
        if must_finish() or best.lowest_loss() < sufficient_loss:
            break
        if number == 1 and believes_teacher(maker, judges, best):
            problem, is_taught = maker.make_taught_problem(rows).append(guard), True
        for network_fit in grow(
            problem, lambda: best.largest(max_curves), sources, generator, thresholds, must_finish, max_curves
        ):
            best.record_(network_fit)
    candidates = best.select(max_curves)
    networks = refit_networks(full, candidates, judges, thresholds, should_stop, is_taught=is_taught)
    return CompactPath(networks=networks, inputs=inputs, scaler=scaler)


@dataclass(eq=False)
class BestNetworks:
    """The best network of every size.

    Attributes:
        validation: Rows to choose by.
        by_count: Loss and curves, by number of curves.
    """

    validation: Problem
    by_count: dict[int, tuple[float, Curves]] = field(default_factory=dict)

    def record_(self, fit: Fit) -> None:
        """Keep a network if it is better than the best of its size."""
        count, loss = len(fit.curves), self.validation.mean_loss(fit.curves)
        if count not in self.by_count or loss < self.by_count[count][0]:
            self.by_count[count] = loss, fit.curves

    def select(self, max_curves: int) -> dict[int, tuple[float, Curves]]:
        """Return the networks of at most ``max_curves`` curves, or the smallest."""
        limit = max(max_curves, min(self.by_count))
        return {count: self.by_count[count] for count in sorted(self.by_count) if count <= limit}

    def lowest_loss(self) -> float:
        """Return the loss of the best network."""
        return min(loss for loss, _ in self.by_count.values())

    def largest(self, max_curves: int) -> Curves:
        """Return the network with the most curves that are allowed."""
        networks = self.select(max_curves)
        return networks[max(networks)][1]


def believes_teacher(
    maker: RowMaker, judges: LabelledRows, best: BestNetworks, *, teacher_errors: float = 1.5
) -> bool:
    """Whether the teacher is at least as good as the best network on the validation rows.

    The teacher may have been trained on these rows. Where it is clearly worse nevertheless, it teaches
    nothing. Losses of few rows have a large standard error.

    Args:
        teacher_errors: Relative standard errors of a loss, over the root of the number of rows, by which the
            teacher may be worse than the network so far.
    """
    problem = best.validation
    losses = loss_per_row(problem.loss, maker.teacher(judges.x), problem.targets)
    loss = float(losses @ problem.weights / problem.weights.sum())
    # The standard error of a mean loss falls with the root of the number of rows
    slack = 1 + teacher_errors / float(np.sqrt(len(judges)))
    return loss <= best.lowest_loss() * slack


def make_additive(problem: Problem, sources: Sequence[int], thresholds: CompactThresholds) -> Curves:
    """Return a network with a direct curve from every source to every output, all 0."""
    outputs = problem.targets.shape[1]
    curves = {
        Edge("direct", s, o): Curve(
            np.zeros(problem.features[s].shape[1]), thresholds.start_shrinkage, thresholds.start_smoothing
        )
        for s in sources
        for o in range(outputs)
    }
    return Curves(curves, np.zeros(outputs))
