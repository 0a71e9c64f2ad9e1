"""What kind of law a model has found, or a table follows: separability, symmetries, and the tree of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from kan_engine.errors import InvalidConfig
from kan_engine.estimators.fitted_model import FittedModel
from kan_engine.estimators.supervised import KANRegressor
from kan_engine.hypotheses import separability, symmetries
from kan_engine.hypotheses.separability import Mode, Separability
from kan_engine.hypotheses.structure import Structure, find_structure
from kan_engine.hypotheses.subjects import DEFAULT, choose_tolerance, examine_network, examine_predictor
from kan_engine.hypotheses.symmetries import Symmetry
from kan_engine.hypotheses.target_function import TargetFunction
from kan_engine.network.kan import KAN


def explain_structure(
    model: Any, x: Any = None, y: Any = None, *, output: int = 0, tolerance: float | None = None
) -> Structure:
    """What kind of law a model, a network or a table follows.

        >>> x = np.random.default_rng(0).uniform(1, 2, (60, 2))
        >>> print(explain_structure(x, y=x[:, 0] * x[:, 1]).skeleton)
        g1(x0)*g2(x1)

    Args:
        model: A fitted ``KANRegressor`` or ``KANClassifier``, whose log-odds are examined; a ``KAN``; or a
            table, to which a ``KANRegressor`` is fitted.
        x: Rows of a ``KAN``, [rows, inputs].
        y: Target of a table, [rows].
        output: Output of a network, or class, for several.
        tolerance: Largest error of a statement, as a share of the spread; by default about the error of the
            model, from a thousandth to 3 %.

    Raises:
        InvalidConfig: The rows of a network or the target of a table are missing.
    """
    function, usual = _examine(model, x, y, output)
    return find_structure(function, tolerance=usual if tolerance is None else tolerance)


def find_separability(
    model: Any, mode: Mode, x: Any = None, y: Any = None, *, output: int = 0, tolerance: float | None = None
) -> Separability:
    """The finest groups of columns whose functions add up to a model, or multiply to it.

    Args:
        model: As in ``explain_structure``, whose other arguments these are.
        mode: ``sum`` or ``product``.
    """
    function, usual = _examine(model, x, y, output)
    return separability.find_separability(function, mode, tolerance=usual if tolerance is None else tolerance)


def find_symmetries(
    model: Any, x: Any = None, y: Any = None, *, output: int = 0, tolerance: float | None = None
) -> list[Symmetry]:
    """Shifts, scalings, rotations, exchanges and mirrors of columns under which a model stays as it is.

    The arguments are those of ``explain_structure``.
    """
    function, usual = _examine(model, x, y, output)
    return symmetries.find_symmetries(function, tolerance=usual if tolerance is None else tolerance)


def _examine(model: Any, x: Any, y: Any, output: int) -> tuple[TargetFunction, float]:
    """The function of a model, and the largest error of statements on it."""
    if isinstance(model, KAN):
        if x is None:
            raise InvalidConfig("give rows x around which the network is examined")
        return examine_network(model, x, output), DEFAULT
    if not isinstance(model, FittedModel):
        if y is None:
            raise InvalidConfig("give the target y of the table")
        model = KANRegressor().fit(model, y)
    function = examine_predictor(model.predictor_, np.asarray(model._rows.x), output=output)
    return function, choose_tolerance(model.predictor_, function)
