"""Formula extraction as a subtask of the job."""

from __future__ import annotations

from typing import Any

from kan_engine.search.context import FoundLaw, SearchContext, extract_law, sample_search_rows, to_sample
from kan_engine.search.serialization import deserialize_found_law, serialize_found_law
from kan_engine.search.subtasks import Subtask
from kan_engine.structure.fitted_structure import FittedStructure, StructureRows
from kan_engine.structure.serialization import structure_from_json, structure_to_json


def make_extraction_subtask(structure: FittedStructure, run: SearchContext) -> Subtask:
    """Describe the extraction from a structure in all columns as a subtask."""
    return Subtask(
        "reading", {"fit": structure_to_json(structure), "limits": run.config.constraints.to_dict()}
    )


def extract_law_once(
    structure: FittedStructure, fit: StructureRows, validation: StructureRows, run: SearchContext
) -> FoundLaw:
    """Extract the law of a structure, or load it if the subtask has finished."""
    return run.parts.get_or_compute(
        make_extraction_subtask(structure, run),
        lambda: extract_law(structure, fit, validation, run),
        write=serialize_found_law,
        read=lambda data: deserialize_found_law(data, fit, run.thresholds.structure),
    )


def run_extraction_subtask(run: SearchContext, options: dict[str, Any]) -> None:
    """Run the extraction from the subtask's input."""
    run, _ = run.select_columns()
    fit, validation = (to_sample(part, run.inputs) for part in sample_search_rows(run))
    structure = structure_from_json(options["fit"], fit, run.thresholds.structure)
    extract_law_once(structure, fit, validation, run)
