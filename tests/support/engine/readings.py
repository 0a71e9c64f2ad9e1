"""What formulas are read from, for networks whose output is the target itself."""

import numpy as np
import pytest

from kan_engine.expressions.evaluation import evaluate, parametrize_floats
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.reading import dictionary_regression
from kan_engine.formulas.reading.edge_candidates import ExtractionContext
from kan_engine.formulas.reading.linear_sum import LinearSum
from kan_engine.formulas.reading.noise_model import NoiseModel
from kan_engine.structure.fitted_structure import StructureRows


def use_small_dictionary(patch: pytest.MonkeyPatch) -> None:
    """Few products of terms, for tests of more than what is found: most time is theirs."""
    patch.setattr(dictionary_regression, "MAX_FACTORS", 8)


def reading_of(fit: StructureRows, validation: StructureRows | None = None) -> ExtractionContext:
    """Of inputs x1, x2, …; the same rows validate unless others are given."""
    return ExtractionContext(
        fit=fit.rows,
        validation=(validation or fit).rows,
        scaled=fit.x,
        output=0,
        center=0.0,
        scale=1.0,
        transform="identity",
        known=NoiseModel.exact(1e-9),
    )


def write_shape(total: LinearSum) -> str:
    """The sum without its constant, with parameters in place of its other constants."""
    return to_text(parametrize_floats(LinearSum(total.terms).tree)[0])


def compute(total: LinearSum, **columns: np.ndarray) -> np.ndarray:
    """Values of a sum."""
    return evaluate(total.tree, columns)
