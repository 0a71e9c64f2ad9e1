"""The law search as a subtask of the job, and the serialization of its result."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from kan_engine import Formula, Limits, load, read_attached, read_metadata, save, with_inputs
from worker.execution.subtasks import Part
from worker.search.context import EXACT, SEARCH_ROWS, Law, Run, columns_of, read_law, sample_of
from worker.search.cross_validation import is_better, simple_errors
from worker.search.formula_evidence import NETWORK, assess, formula_errors, measure_stability
from worker.search.law_search import find_law, law_errors
from worker.search.result import Found, errors_of, from_metadata, to_metadata

RESAMPLED_STEPS = 12  # when a structure is refitted to some of its rows


@dataclass(frozen=True, kw_only=True)
class SmallLaw:
    """A small law as a network that can serve.

    Attributes:
        found: The network with its formulas, and the out-of-sample errors of both.
        is_clear: Whether it explains the data, so that no larger network is needed.
    """

    found: Found
    is_clear: bool


def law_part(limits: Limits, seconds: float | None) -> Part:
    """Describe the law search as a subtask.

    Args:
        limits: What formulas may contain.
        seconds: See ``find_law``; None for no limit.
    """
    return Part("law", {"limits": limits.to_dict(), "seconds": seconds})


def small_law(run: Run, seconds: float | None = None) -> SmallLaw | None:
    """Find the small law of the rows, or load it if the subtask has finished."""
    before = run.contest.count

    def write(law: SmallLaw | None) -> bytes:
        return b"" if law is None else _to_bytes(law, run, run.contest.entries(before))

    return run.parts.result(
        law_part(run.limits, seconds),
        lambda: _hunted(run, seconds),
        write=write,
        read=lambda data: _from_bytes(data, run) if data else None,
    )


def _hunted(run: Run, seconds: float | None) -> SmallLaw | None:
    inner, places = run.narrowed()
    law = find_law(inner.leaving_time(), float("inf") if seconds is None else seconds)
    if law is None:
        return None
    found = _found(law, inner)
    if inner is not run:
        network = with_inputs(found.network, places, len(run.names))
        found = replace(found, network=network, judged=network, inputs=run.inputs)
    simple, weights = simple_errors(run), run.data.training.weights
    if law.formulas and law.error >= EXACT:
        errors = formula_errors(law.formulas[0], run)
        others = simple | {NETWORK: found.errors}
        evidence = assess(law.formulas[0], errors, others, run, lambda: _measure_stability(law, inner))
        found = replace(found, evidence=evidence, formula_errors=errors)
    is_consistent = found.evidence is not None and found.evidence.verdict == "consistent"
    is_adequate = law.fit.is_adequate and not any(
        is_better(other, found.errors, weights) for other in simple.values()
    )
    return SmallLaw(found=found, is_clear=law.error < EXACT or is_consistent or is_adequate)


def _measure_stability(law: Law, run: Run) -> float | None:
    """Share of resamplings whose extracted formula makes similar predictions.

    Each resampling fits the structure to two thirds of the rows and extracts its formulas again.
    """
    rows = sample_of(run.data.training.sample(SEARCH_ROWS, run.request.seed), run.inputs)

    def read(learnt: np.ndarray, judged: np.ndarray) -> Formula | None:
        first, second = (rows[torch.from_numpy(places)] for places in (learnt, judged))
        fit = replace(law.fit, bundle=law.fit.trained(first, steps=RESAMPLED_STEPS))
        formulas = read_law(replace(fit, errors=(fit.error_on(second),)), first, second, run).formulas
        return formulas[0] if formulas else None

    return measure_stability(law.formulas[0], columns_of(run.names, rows), read, run)


def _found(law: Law, run: Run) -> Found:
    return Found(
        network=law.fit.network,
        judged=law.fit.network,
        inputs=run.inputs,
        scaler=law.fit.scaler,
        history=law.fit.history,
        formulas=[law.formulas],
        is_cut=law.is_cut,
        formula_of="network" if law.is_read else "law",
        dropped={run.names[i]: errors for i, errors in law.fit.dropped.items()},
        errors=law_errors(law, run),
    )


def _to_bytes(law: SmallLaw, run: Run, entries: np.ndarray) -> bytes:
    found = law.found
    predictor = run.data.predictor(found.network, found.inputs, found.scaler)
    return save(
        predictor, to_metadata(found) | {"is_clear": law.is_clear}, {**errors_of(found), "entries": entries}
    )


def _from_bytes(data: bytes, run: Run) -> SmallLaw:
    metadata, numbers = read_metadata(data), read_attached(data)
    run.contest.extend(numbers["entries"])
    return SmallLaw(found=from_metadata(metadata, load(data), numbers), is_clear=metadata["is_clear"])
