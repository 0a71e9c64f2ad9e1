"""Additive formulas of the log-odds of a classifier."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import Standardizer
from kan_engine.data.training_data import TrainingData
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.problem import Problem
from kan_engine.formulas.schedule import SUM_OF_CURVES
from kan_engine.formulas.search import search
from kan_engine.formulas.strategies.sums.sparse_additive import fit_additive_forms
from kan_engine.network.kan import KAN
from kan_engine.search.context import SearchContext, make_problem, sample_search_rows


def find_log_odds_formulas(network: KAN, inputs: Standardizer, run: SearchContext) -> list[list[Formula]]:
    """Additive formulas of a classifier's log-odds, from small networks fitted to them.

    Of more than two classes each has one, however slow the machine is: sums of few terms down to a constant
    follow the others, and once the time is over they are all there is. For the only output of two classes
    the strategies of ``kan_engine.search.schedule`` do so.
    """
    if not run.config.symbolic:
        return []
    most, count = run.thresholds.max_log_odds, run.data.output_count
    logits = [compute_bounded_logits(network, inputs, part, most) for part in sample_search_rows(run)]
    run, _ = run.select_columns()
    formulas = list[list[Formula]]()
    for output in range(count):
        run.report("symbolic", 0.88, "extracting a formula of the log-odds")
        fit, validation = (
            replace(part, y=values[:, output])
            for part, values in zip(sample_search_rows(run), logits, strict=True)
        )
        extracted = [] if run.should_stop() else _extract_formulas(fit, validation, run)
        formulas.append(extracted if count == 1 else [*extracted, *_fit_sums(fit, validation, run)])
    return formulas if all(formulas) else []


def _extract_formulas(fit: LabelledRows, validation: LabelledRows, run: SearchContext) -> list[Formula]:
    """Formulas of a small additive network, from the longest to the shortest."""
    pool = Pool(make_problem(run, (fit, validation), is_recorded=False))
    search(pool, SUM_OF_CURVES, Judge())
    return [*pool.candidates]


def _fit_sums(fit: LabelledRows, validation: LabelledRows, run: SearchContext) -> list[Formula]:
    """Sums of few terms, on so few rows that the time limit may be ignored; the last one is a constant."""
    seed, limits, constraints = run.config.seed, run.thresholds, run.config.constraints
    thresholds = limits.symbolic
    if run.data.output_count > limits.max_stopped_classes and run.should_stop():
        thresholds = replace(thresholds, additive=replace(thresholds.additive, max_terms=0))
    sums = fit_additive_forms(
        fit.sample(limits.max_stopped_rows, seed),
        validation.sample(limits.max_stopped_validation_rows, seed),
        limits=constraints,
        thresholds=thresholds,
    )
    return [  # as the other formulas are measured
        Formula.measure(each.tree, fit, validation, constraints, thresholds=limits.symbolic)
        for each in sums.formulas
    ]


def compute_bounded_logits(network: KAN, inputs: Standardizer, part: LabelledRows, most: float) -> np.ndarray:
    """Logits of a classifier for these rows, clamped to ``±most`` [n, outputs]."""
    with torch.no_grad():
        logits = network(torch.from_numpy(inputs.forward(part.x)))
    bounded: np.ndarray = logits.clamp(-most, most).numpy()
    return bounded


def make_log_odds_problem(network: KAN, inputs: Standardizer, run: SearchContext) -> Problem:
    """The log-odds of two classes as a target of formulas, without the weights of the classes."""
    most = run.thresholds.max_log_odds
    fit, validation = (
        replace(
            part,
            y=compute_bounded_logits(network, inputs, part, most)[:, 0],
            weights=run.data.row_weights(part),
        )
        for part in sample_search_rows(run)
    )
    return replace(make_problem(run, (fit, validation)), is_measured=False)


def compute_base_log_odds(data: TrainingData, most: float) -> float:
    """Log-odds of the second class among the training rows, clamped to ``±most``."""
    share = float(np.average(data.training.y, weights=data.row_weights(data.training)))
    return float(np.clip(np.log(share) - np.log1p(-share), -most, most))
