"""Fit all curves of a network together, and choose how smooth each is.

Gauss-Newton with damping for the penalised loss Σ_n w_n ℓ_n + ½ Σ_j λ_j θ_jᵀ S_j θ_j. The penalties λ_j
follow the generalised Fellner-Schall update of the evidence (Wood and Fasiolo, "A generalized Fellner-Schall
method for smoothing parameter optimization", Biometrics 73, 2017):

    λ_j ← λ_j · φ · (rank S_j / λ_j - tr(V S_j)) / (θ_jᵀ S_j θ_j),   V = (H + Σ λ_j S_j)⁻¹

with the noise variance φ of the rows, 1 for a log loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve, lapack

from kan_engine.compact.curves import Curve, Curves, Edge
from kan_engine.compact.losses import gradient_and_root, loss_per_row
from kan_engine.compact.problem import Evaluation, Problem
from kan_engine.compact.thresholds import CompactThresholds

Array = np.ndarray
TINY = 1e-12  # extent of the values of a node that is 0; its inverse, of one that diverges


@dataclass(frozen=True, eq=False)
class Fit:
    """Fitted curves.

    Attributes:
        curves: The network.
        objective: Penalised loss over the rows.
        covariance: V, of all coefficients in the order of ``places``.
        places: Coefficients of every edge; the constants come last.
    """

    curves: Curves
    objective: float
    covariance: Float[Array, "P P"]
    places: dict[Edge, slice]


@np.errstate(over="ignore", invalid="ignore")  # a step to values that overflow is rejected
def fit_curves(
    problem: Problem,
    curves: Curves,
    steps: int,
    thresholds: CompactThresholds,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    least_steps: int = 0,
) -> Fit:
    """Take at most ``steps`` steps; the result has the covariance at its last linearisation.

    The first ``least_steps`` are taken even if it should stop.
    """
    damping = thresholds.damping.initial
    curves, state = scale_nodes(problem, curves, problem.evaluate(curves), thresholds)
    while True:
        places = place_coefficients(curves)
        penalty = _penalty(problem, curves, places, thresholds)
        matrix, gradient = _linearize(problem, curves, state, places)
        # Derivatives that overflow end the fit; its covariance is then that of the penalties alone
        if not np.isfinite(matrix).all():
            matrix, steps = np.zeros_like(matrix), 0
        values = _flatten(curves, places)
        before = _objective(problem, state.outputs, values, penalty)
        gradient += penalty * values
        covariance = _invert(matrix + np.diag(penalty))
        if steps <= 0 or (least_steps <= 0 and should_stop()):
            return Fit(curves, before, covariance, places)
        steps, least_steps = steps - 1, least_steps - 1
        new_curves, new_state, after, damping = _step(
            problem, curves, state, places, matrix, penalty, gradient, before, damping, thresholds
        )
        # Covariance, penalty and outputs are those before the step, coefficients those after it
        curves = _update_smoothing(
            problem, new_curves, places, covariance, penalty, state.outputs, thresholds
        )
        curves, state = scale_nodes(problem, curves, new_state, thresholds)
        # A fit that hardly improves ends, after one more linearisation for its covariance
        if before - after < thresholds.min_relative_gain * abs(before):
            steps = 0


def place_coefficients(curves: Curves) -> dict[Edge, slice]:
    """Return where the coefficients of every edge lie in one vector."""
    places, start = {}, 0
    for edge in curves.edges:
        stop = start + len(curves.by_edge[edge].coefficients)
        places[edge], start = slice(start, stop), stop
    return places


def curvature_of(problem: Problem, edge: Edge) -> Float[Array, " terms"]:
    """Return the penalties of the functions of an edge."""
    return problem.node_basis.curvature if edge.layer == "outer" else problem.bases[edge.start].curvature


def scale_nodes(
    problem: Problem,
    curves: Curves,
    state: Evaluation,
    thresholds: CompactThresholds,
    *,
    inside_share: float = 0.995,
    min_extent: float = 0.8,
    max_extent: float = 1.25,
) -> tuple[Curves, Evaluation]:
    """Scale and refit the curves of hidden nodes whose values do not fill [-1, 1]; with the new values.

    Args:
        inside_share: Of the rows, for which the value of a hidden node lies on its grid.
        min_extent, max_extent: Of the values of a node, beyond which they are scaled to 1.
    """
    changes: dict[Edge, Curve] = {}
    constants = curves.constants.copy()
    share = problem.weights / problem.weights.sum()
    for node, (inner, outer) in curves.nodes.items():
        u, old = state.nodes[node]
        # A quantile, since isolated rows may lie beyond the grid, where curves go on along their tangents
        extent = float(np.quantile(np.abs(u), inside_share))
        if min_extent <= extent <= max_extent or not TINY < extent < 1 / TINY:
            continue
        new = problem.node_basis.evaluate(u / extent)
        curvature = problem.node_basis.curvature
        means = share @ new
        deviations = new - means
        # Weighted least squares of the old curve in the functions of the scaled node, with a free constant
        gram = (deviations.T * share) @ deviations + 1e-6 * np.eye(len(means))
        refits = {}
        for edge in outer:
            aim = old @ curves.by_edge[edge].coefficients
            coefficients = np.linalg.solve(gram, deviations.T @ (share * aim))
            shift = float(share @ aim - means @ coefficients)
            error = share @ np.square(aim - new @ coefficients - shift)
            if error > thresholds.max_scaling_error * max(share @ np.square(aim - share @ aim), 1e-300):
                break  # no such curve on the new grid
            refits[edge] = coefficients, shift
        if len(refits) < len(outer):
            continue
        for edge, (coefficients, shift) in refits.items():
            constants[edge.end] += shift
            changes[edge] = _carry_penalties(curves.by_edge[edge], coefficients, curvature, thresholds)
        for edge in inner:
            curve, bounds = curves.by_edge[edge], (thresholds.min_smoothing, thresholds.max_smoothing)
            # Coefficients are divided by the extent, so their penalties grow with its square
            penalties = np.clip(np.array([curve.shrinkage, curve.smoothing]) * extent**2, *bounds).tolist()
            changes[edge] = Curve(curve.coefficients / extent, *penalties)
    if not changes:
        return curves, state
    new_curves = replace(curves.add(changes), constants=constants)
    new_state = problem.evaluate(new_curves)
    # The errors of several refitted curves may add up: the loss decides
    limit = problem.mean_loss_of(state.outputs) * (1 + thresholds.max_scaling_error)
    return (new_curves, new_state) if problem.mean_loss_of(new_state.outputs) <= limit else (curves, state)


def _carry_penalties(
    curve: Curve,
    coefficients: Float[Array, " terms"],
    curvature: Float[Array, " terms"],
    thresholds: CompactThresholds,
    *,
    max_smoothing_ratio: float = 1e4,
) -> Curve:
    """Return a curve with other coefficients, whose line and curvature are penalised as before.

    Args:
        max_smoothing_ratio: Of the penalties of a curve after and before that.
    """
    bounds = (thresholds.min_smoothing, thresholds.max_smoothing)
    penalties = []
    for penalty, shape in ((curve.shrinkage, curvature == 0), (curve.smoothing, curvature)):
        # The product of a penalty and its quadratic form is to stay the same
        ratio = (shape @ curve.coefficients**2) / max(shape @ coefficients**2, 1e-300)
        penalties.append(
            float(np.clip(penalty * np.clip(ratio, 1 / max_smoothing_ratio, max_smoothing_ratio), *bounds))
        )
    return Curve(coefficients, *penalties)


def _penalty(
    problem: Problem, curves: Curves, places: dict[Edge, slice], thresholds: CompactThresholds
) -> Float[Array, " P"]:
    """The diagonal of all penalties; it does not touch the constants."""
    rows = float(problem.weights.sum())
    total = np.zeros(_size(places) + len(curves.constants))
    for edge, place in places.items():
        curve, curvature = curves.by_edge[edge], curvature_of(problem, edge)
        curve_penalty = curve.shrinkage * (curvature == 0) + curve.smoothing * curvature
        total[place] = rows * (thresholds.ridge + curve_penalty)
    return total


def _size(places: dict[Edge, slice]) -> int:
    return max((place.stop for place in places.values()), default=0)


def _flatten(curves: Curves, places: dict[Edge, slice]) -> Float[Array, " P"]:
    return np.concatenate([*(curves.by_edge[edge].coefficients for edge in places), curves.constants])


def _unflatten(curves: Curves, places: dict[Edge, slice], values: Float[Array, " P"]) -> Curves:
    by_edge = {
        edge: replace(curves.by_edge[edge], coefficients=values[place]) for edge, place in places.items()
    }
    return Curves(by_edge, values[_size(places) :])


def _linearize(
    problem: Problem, curves: Curves, state: Evaluation, places: dict[Edge, slice]
) -> tuple[Float[Array, "P P"], Float[Array, " P"]]:
    """The Gauss-Newton matrix and the gradient of the loss."""
    output_gradient, root = gradient_and_root(problem.loss, state.outputs, problem.targets)
    jacobian = _jacobian(problem, curves, state, places)
    flat = jacobian.reshape(-1, jacobian.shape[2])
    gradient = flat.T @ (output_gradient * problem.weights[:, None]).ravel()
    # Gauss-Newton matrix JᵀRᵀWRJ with RᵀR the second derivative of the loss and W the weights
    root = root * np.sqrt(problem.weights)[:, None, None]
    if root.shape[1:] == (1, 1):
        # R is one number per row: the Jacobian is scaled in place, which saves a copy of it
        rows = flat
        rows *= root[:, 0]
    else:
        rows = (root @ jacobian).reshape(flat.shape)
    return rows.T @ rows, gradient


def _jacobian(
    problem: Problem, curves: Curves, state: Evaluation, places: dict[Edge, slice]
) -> Float[Array, "rows outputs P"]:
    count, size = len(curves.constants), _size(places)
    jacobian = np.zeros((len(problem), count, size + count))
    jacobian[:, np.arange(count), size + np.arange(count)] = 1.0
    for edge, place in places.items():
        if edge.layer == "direct":
            jacobian[:, edge.end, place] = problem.features[edge.start]
    for node, (inner, outer) in curves.nodes.items():
        u, values = state.nodes[node]
        # Chain rule through a node: slope of the outer curve times the functions of the source
        coefficients = np.stack([curves.by_edge[edge].coefficients for edge in outer], axis=1)
        slopes = problem.node_basis.evaluate_slopes(u, coefficients)
        for edge, slope in zip(outer, slopes.T, strict=True):
            jacobian[:, edge.end, places[edge]] = values
            for entering in inner:
                columns = jacobian[:, edge.end, places[entering]]
                np.multiply(slope[:, None], problem.features[entering.start], out=columns)
    return jacobian


def _objective(
    problem: Problem,
    outputs: Float[Array, "rows outputs"],
    values: Float[Array, " P"],
    penalty: Float[Array, " P"],
) -> float:
    losses = loss_per_row(problem.loss, outputs, problem.targets)
    return float(losses @ problem.weights + penalty @ values**2 / 2)


def _invert(matrix: Float[Array, "P P"]) -> Float[Array, "P P"]:
    """The inverse of a positive definite matrix, with a tiny ridge."""
    matrix = matrix + np.diag(1e-12 * (1 + matrix.diagonal()))
    # Inverse from the Cholesky factor, of which LAPACK fills the lower triangle alone
    factor, info = lapack.dpotrf(matrix, lower=1)
    if info:
        pseudo: Array = np.linalg.pinv(matrix, hermitian=True)
        return pseudo
    inverse, _ = lapack.dpotri(factor, lower=1)
    lower = np.tril(inverse)
    full: Array = lower + np.tril(lower, -1).T
    return full


def _step(
    problem: Problem,
    curves: Curves,
    state: Evaluation,
    places: dict[Edge, slice],
    matrix: Float[Array, "P P"],
    penalty: Float[Array, " P"],
    gradient: Float[Array, " P"],
    before: float,
    damping: float,
    thresholds: CompactThresholds,
) -> tuple[Curves, Evaluation, float, float]:
    """Return the curves after a step that lowers the objective, their values, it, and the next damping."""
    config, values = thresholds.damping, _flatten(curves, places)
    total = matrix + np.diag(penalty)
    for _ in range(config.tries):
        # Marquardt damping, relative to the diagonal: steps do not depend on the scale of coefficients
        damped_matrix = total + np.diag(damping * total.diagonal() + 1e-12)
        try:
            step = -cho_solve(cho_factor(damped_matrix, lower=True), gradient)
        except np.linalg.LinAlgError:
            damping *= config.increase
            continue
        new_curves = _unflatten(curves, places, values + step)
        new_state = problem.evaluate(new_curves)
        after = _objective(problem, new_state.outputs, values + step, penalty)
        if after < before:
            return new_curves, new_state, after, max(damping * config.decrease, config.lowest)
        damping = min(damping * config.increase, config.highest)
    return curves, state, before, damping


def _update_smoothing(
    problem: Problem,
    curves: Curves,
    places: dict[Edge, slice],
    covariance: Float[Array, "P P"],
    penalty: Float[Array, " P"],
    outputs: Float[Array, "rows outputs"],
    thresholds: CompactThresholds,
    *,
    caution: float = 1.0,
    smoothing_factor: float = 10.0,
) -> Curves:
    """Choose the penalties of the curves by their evidence.

    Args:
        caution: Factor of the noise in the evidence. With 2 instead of 1 additive networks lose up to 0.035
            of R² (concrete), and larger ones do not gain.
        smoothing_factor: Bound of the change of a penalty in a step.
    """
    rows = float(problem.weights.sum())
    noise = 1.0
    if problem.loss == "squared":
        # Noise variance: residual sum of squares over the rows less the effective number of parameters
        residual_ss = problem.weights @ np.square(outputs - problem.targets).sum(1)
        freedom = len(penalty) - float(covariance.diagonal() @ penalty)
        noise = residual_ss / max(rows - freedom, 0.1 * rows)
    changes = {}
    for edge, place in places.items():
        curve, curvature = curves.by_edge[edge], curvature_of(problem, edge)
        # Diagonal of V times the rows, since penalties count per row
        spread = rows * covariance.diagonal()[place]

        def update(
            old: float,
            shape: Float[Array, " terms"],
            curve: Curve = curve,
            spread: Float[Array, " terms"] = spread,
        ) -> float:
            """One update; the penalty of all coefficients is ``old`` times ``shape`` per row."""
            freedom = max(np.count_nonzero(shape) - old * float(spread @ shape), 1e-300)
            size = rows * float(shape @ curve.coefficients**2)
            # Fellner-Schall update: effective number of parameters over the size of the curve
            estimate = caution * noise * freedom / max(size, 1e-300)
            # The change is bounded, since the covariance holds near the current penalties only
            new_penalty = np.clip(estimate, old / smoothing_factor, old * smoothing_factor)
            return float(np.clip(new_penalty, thresholds.min_smoothing, thresholds.max_smoothing))

        line = (curvature == 0).astype(float)
        changes[edge] = replace(
            curve, shrinkage=update(curve.shrinkage, line), smoothing=update(curve.smoothing, curvature)
        )
    return curves.add(changes)
