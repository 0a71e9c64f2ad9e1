"""What formulas are read from, for networks whose output is the target itself."""

from dataclasses import replace

from kan_engine.formulas.core.thresholds import DEFAULT_CLOSED_FORMS, DEFAULT_SYMBOLIC
from kan_engine.formulas.reading.edge_candidates import ExtractionContext
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.structure.fitted_structure import StructureRows

SMALL_DICTIONARY = replace(
    DEFAULT_SYMBOLIC,
    closed_forms=replace(
        DEFAULT_CLOSED_FORMS, max_dictionary_factors=8, max_single_terms=2, max_pairs=3, max_triples=1
    ),
)
"""Few products of terms, for tests of more than what is found: most time is theirs."""


def reading_of(fit: StructureRows, validation: StructureRows | None = None) -> ExtractionContext:
    """Of inputs x1, x2, …, with few products of terms; the same rows validate unless others are given."""
    return ExtractionContext(
        fit=fit.rows,
        validation=(validation or fit).rows,
        scaled=fit.x,
        output=0,
        center=0.0,
        scale=1.0,
        transform="identity",
        known=NoiseModel.exact(1e-9, SMALL_DICTIONARY),
    )
