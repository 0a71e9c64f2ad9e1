"""The hunt for a small law as a part of the job: what was found, as bytes and back."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kan_engine import Limits, load, read_attached, read_metadata, save, with_inputs
from worker.found import Found, from_metadata, to_metadata
from worker.laws import expected_error, find_law
from worker.parts import Part
from worker.readings import EXACT, Law, Run


@dataclass(frozen=True, kw_only=True)
class SmallLaw:
    """A small law as a network that can serve.

    Attributes:
        found: The network with its formulas.
        is_clear: Whether it explains the data, so that no larger network is needed.
        expected_error: RMSE that it would have on rows not seen, in the target's units; if it is not clear.
    """

    found: Found
    is_clear: bool
    expected_error: float


def law_part(limits: Limits, seconds: float | None) -> Part:
    """The hunt as a part of the job.

    Args:
        limits: What formulas may contain.
        seconds: See ``find_law``; None for no bound.
    """
    return Part("law", {"limits": limits.to_dict(), "seconds": seconds})


def small_law(run: Run, seconds: float | None = None) -> SmallLaw | None:
    """The small law behind the rows, unless it is known already."""
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
    law = find_law(inner, float("inf") if seconds is None else seconds)
    if law is None:
        return None
    is_clear = law.error < EXACT or law.is_consistent or law.fit.is_adequate
    error = float("nan") if is_clear else expected_error(law, inner)
    found = _found(law, inner)
    if inner is not run:
        network = with_inputs(found.network, places, len(run.names))
        found = replace(found, network=network, judged=network, inputs=run.inputs)
    return SmallLaw(found=found, is_clear=is_clear, expected_error=error)


def _found(law: Law, run: Run) -> Found:
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


def _to_bytes(law: SmallLaw, run: Run, entries: np.ndarray) -> bytes:
    found = law.found
    predictor = run.data.predictor(found.network, found.inputs, found.scaler)
    numbers = {"expected_error": np.array([law.expected_error]), "entries": entries}
    return save(predictor, to_metadata(found) | {"is_clear": law.is_clear}, numbers)


def _from_bytes(data: bytes, run: Run) -> SmallLaw:
    metadata, numbers = read_metadata(data), read_attached(data)
    run.contest.extend(numbers["entries"])
    return SmallLaw(
        found=from_metadata(metadata, load(data)),
        is_clear=metadata["is_clear"],
        expected_error=float(numbers["expected_error"][0]),
    )
