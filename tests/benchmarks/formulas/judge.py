"""What a job found, held against the formula behind the rows."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from types import FrameType
from typing import Any

import numpy as np
import sympy

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import complexity, evaluate, from_json, parametrize_floats, walk
from kan_engine.expressions.nodes import Expression, Number
from kan_engine.expressions.sympy_bridge import from_sympy, to_sympy
from kan_engine.formulas.core.constant_fitting import ParametricForm, refit_constants
from kan_engine.formulas.core.constant_fitting import compute_rmse as rmse_of
from tests.benchmarks.formulas.lines import Drawn, Line
from tests.benchmarks.rows import Values

RECOVERED = 1e-7  # RMSE on fresh rows over the spread of the target, without noise
RELATIVE = 1e-5  # median of the relative errors: over many decades the spread sees the largest targets alone
RIGHT_FORM = 1e-6  # the same, once the measured constants are fitted to the truth
ROUNDED = 3  # digits after the point of a constant, as SRBench compares
SIMPLIFYING_S = 20
SHOWN = 300  # characters of a formula in the report


def judge(line: Line, sample: Drawn, symbolic: Mapping[str, Any] | None) -> Values:
    """The figures of one job; ``symbolic`` is the resource as a client gets it."""
    true_complexity = _complexity(line)
    if symbolic is None:
        return {"recovered": 0.0, "exact": 0.0, "equivalent": 0.0, "true complexity": true_complexity}
    output = symbolic["outputs"][0]
    tree = from_json(output["tree"])
    spread = float(sample.truth.std()) or 1.0
    error = evaluate(tree, sample.fresh) - sample.truth
    rmse = float(np.sqrt(np.mean(error**2))) / spread
    if not np.isfinite(rmse):
        rmse = float("inf")
    with np.errstate(all="ignore"):
        relative = float(np.median(np.abs(error / sample.truth)))
    inputs = {name for name in sample.fresh if name in output["domain"]}
    values, residual = _on_truth(tree, sample)
    return {
        "recovered": float(rmse < RECOVERED and not relative > RELATIVE),
        "exact": float(symbolic["exact"]),
        "equivalent": float(is_equivalent(line.tree, tree)),
        "R2": 1 - rmse**2 if np.isfinite(rmse) else None,
        "error": rmse if np.isfinite(rmse) else None,
        "relative error": relative if np.isfinite(relative) else None,
        "form": float(residual < RIGHT_FORM),
        "covered": _share_covered(values, output.get("constants", [])) if residual < RIGHT_FORM else None,
        "snapped": float(not any(_is_measured(node) for node in walk(tree))),
        "complexity": float(complexity(tree)),
        "true complexity": true_complexity,
        "irrelevant inputs": float(len(inputs - set(line.names))),
        "formula": output["expression"][:SHOWN],
    }


def is_equivalent(truth: sympy.Expr, tree: Expression) -> bool:
    """SRBench's rule: the difference, or the ratio, simplifies to a constant.

    Constants are rounded first, as there. La Cava et al., "Contemporary symbolic regression methods and their
    relative performance", NeurIPS Datasets and Benchmarks 2021, section 4.1 and its code.
    """
    model = _rounded(to_sympy(tree))
    truth = _rounded(truth)
    with suppress(TimeoutError, ValueError, TypeError, ZeroDivisionError, RecursionError), _limited():
        difference = sympy.simplify(truth - model)
        if difference.is_constant():
            return True
        ratio = sympy.simplify(truth / model)
        return bool(ratio.is_constant()) and bool(model.free_symbols)
    return False


def _rounded(expression: sympy.Expr) -> sympy.Expr:
    numbers = expression.atoms(sympy.Float)
    return expression.xreplace({n: sympy.Float(round(float(n), ROUNDED)) for n in numbers})


def _on_truth(tree: Expression, sample: Drawn) -> tuple[np.ndarray, float]:
    """Measured constants refitted to the truth, and the error over its spread that is left."""
    free, values = parametrize_floats(tree)
    truth = LabelledRows.from_columns(sample.fresh, sample.truth)
    form = refit_constants(ParametricForm(free, np.array(values)), truth, iterations=100)
    return form.values, rmse_of(form, truth) / (float(sample.truth.std()) or 1.0)


def _share_covered(values: np.ndarray, constants: list[Mapping[str, Any]]) -> float | None:
    """Of the measured constants that have standard errors, those within three of these of the true values."""
    if len(constants) != len(values):
        return None
    pairs = [(c, v) for c, v in zip(constants, values, strict=True) if c["standard_error"] is not None]
    near = [abs(c["value"] - v) <= 3 * c["standard_error"] for c, v in pairs]
    return float(np.mean(near)) if near else None


def _is_measured(node: Expression) -> bool:
    return isinstance(node, Number) and not isinstance(node.value, Fraction)


def _complexity(line: Line) -> float | None:
    with suppress(TypeError, ValueError, KeyError):
        return float(complexity(from_sympy(line.tree)))
    return None


@contextmanager
def _limited() -> Iterator[None]:
    """SymPy can take forever."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SIMPLIFYING_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
