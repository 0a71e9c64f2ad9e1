"""Formula extraction as a subtask of the job."""

from __future__ import annotations

import json
from typing import Any

from kan_engine import Fit, Formula, Limits, Sample, fit_from_json, fit_to_json, from_json, to_json
from worker.execution.subtasks import Part
from worker.search.context import Law, Run, read_law, sample_of, searched


def reading_part(structure: Fit, limits: Limits) -> Part:
    """Describe the extraction from a structure in all columns as a subtask."""
    return Part("reading", {"fit": fit_to_json(structure), "limits": limits.to_dict()})


def read_structure(structure: Fit, fit: Sample, validation: Sample, run: Run) -> Law:
    """Extract the law of a structure, or load it if the subtask has finished."""
    return run.parts.result(
        reading_part(structure, run.limits),
        lambda: read_law(structure, fit, validation, run),
        write=_to_bytes,
        read=lambda data: _from_bytes(data, fit),
    )


def do_reading(run: Run, options: dict[str, Any]) -> None:
    """Run the extraction from the subtask's input."""
    run, _ = run.narrowed()
    fit, validation = (sample_of(part, run.inputs) for part in searched(run))
    read_structure(fit_from_json(options["fit"], fit), fit, validation, run)


def _to_bytes(law: Law) -> bytes:
    formulas = [
        {"tree": to_json(formula.tree), "error": formula.error, "bits": formula.bits}
        for formula in law.formulas
    ]
    return json.dumps({"fit": fit_to_json(law.fit), "formulas": formulas}).encode()


def _from_bytes(data: bytes, fit: Sample) -> Law:
    found = json.loads(data)
    formulas = [Formula(from_json(f["tree"]), f["error"], f["bits"]) for f in found["formulas"]]
    return Law(fit=fit_from_json(found["fit"], fit), formulas=formulas)
