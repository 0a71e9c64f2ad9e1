"""Calibration of a classifier: its logits are scaled and shifted, as fitted on the validation rows.

The calibration is applied to the weights of the network, so that formula, plots and log-odds are consistent
with the calibrated probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from kan_engine.errors import InvalidConfig
from kan_engine.inference.thresholds import InferenceThresholds
from kan_engine.network.kan import KAN
from kan_engine.network.layer import KANLayer
from kan_engine.network.row_blocks import row_blocks


@dataclass(frozen=True)
class Calibration:
    """The map ``z = s · f + b`` of logits f, [C], with s > 0, which preserves the order of rows by a logit.

    Two classes have the logits (0, f), and b_1 - b_0 is the shift of the log-odds (Platt,
    "Probabilistic outputs for support vector machines", 1999). More classes share one s, the inverse of
    a temperature (Guo et al., arXiv:1706.04599).
    """

    scale: float
    shift: Float[Tensor, " classes"]

    def __call__(self, logits: Float[Tensor, "rows classes"]) -> Float[Tensor, "rows classes"]:
        """Calibrated logits."""
        return self.scale * logits + self.shift


def calibrate_(
    network: KAN,
    x: Float[Tensor, "rows in_dim"],
    codes: Int[Tensor, " rows"],
    *,
    weights: Float[Tensor, " rows"],
    class_weights: Float[Tensor, " classes"],
    thresholds: InferenceThresholds,
) -> Calibration:
    """Calibrate a classifier on rows that it was not fitted on, in place.

    Args:
        network: Classifier with one output, the log-odds of the second of two classes, or a logit per class.
        x: Rows in the scale of the network.
        codes: Class index of every row.
        weights: Weight of every row, without the weight of its class.
        class_weights: Weights of the classes in training. They shift the logits by their logarithms; the
            calibration reverses this shift, so that probabilities refer to the data.
        thresholds: Decision numbers.

    Returns:
        The calibration that was applied to the network.
    """
    with torch.no_grad():
        outputs = torch.cat([network(x[block]) for block in row_blocks(network, len(x))])
    # Class weights multiplied the odds in training: the prior shift divides them out
    prior = -class_weights.log()
    calibration = fit_calibration(to_logits(outputs), codes, weights, prior=prior, thresholds=thresholds)
    apply_calibration_(network, calibration)
    return calibration


def apply_calibration_(network: KAN, calibration: Calibration) -> None:
    """Apply a calibration to the weights of a classifier, in place."""
    shift = calibration.shift
    if network.config.width[-1] == 1:
        shift = shift[1:] - shift[:1]
    rescale_outputs_(network, calibration.scale, shift)


def to_logits(outputs: Float[Tensor, "rows out_dim"]) -> Float[Tensor, "rows classes"]:
    """One logit per class; a single output becomes the logits (0, output) of two classes."""
    if outputs.shape[1] > 1:
        return outputs
    return torch.cat([torch.zeros_like(outputs), outputs], 1)


def fit_calibration(
    logits: Float[Tensor, "rows classes"],
    codes: Int[Tensor, " rows"],
    weights: Float[Tensor, " rows"],
    *,
    prior: Float[Tensor, " classes"],
    thresholds: InferenceThresholds,
) -> Calibration:
    """Fit the calibration, of three kinds, that has the lowest cross-validated log loss.

    The kinds are compared by cross-validation on these rows:

    - only the prior shift;
    - a scale, if its loss is lower;
    - a scale and shifts, if their loss is lower than that by more than one standard error. One shift per
      class overfits more easily.

    Two measures prevent overconfidence with few rows, or with rows that the network separates perfectly.
    There is a normal prior of log s around 0 and of b around ``prior``. Platt's smoothed targets add the
    weight of one row of unknown class, distributed over all rows.

    Args:
        logits: Logits of the network.
        codes: Class index of every row.
        weights: Weight of every row. Only ratios matter: the weights are scaled to sum to the effective
            number of rows (Σw)² / Σw² (Kish, "Survey sampling", 1965).
        prior: Expected shift.
        thresholds: Decision numbers.
    """
    rows = _CalibrationRows.create(logits, codes, weights, thresholds)
    prior_only = Calibration(1.0, prior)
    prior_losses = _losses(rows, prior_only)
    scale_losses, shift_losses = (_cross_validate(rows, prior, with_shift) for with_shift in (False, True))
    is_scaled = bool(scale_losses.sum() < prior_losses.sum())
    # Paired differences of the losses by row
    gain = (scale_losses if is_scaled else prior_losses) - shift_losses
    if float(gain.sum()) > float(gain.square().sum().sqrt()):  # one standard error of a sum
        return _fit(rows, prior, with_shift=True)
    return _fit(rows, prior, with_shift=False) if is_scaled else prior_only


@dataclass(frozen=True)
class _CalibrationRows:
    logits: Float[Tensor, "rows classes"]
    codes: Int[Tensor, " rows"]
    weights: Float[Tensor, " rows"]
    doubt: float  # label smoothing: share of every row without a known class
    limits: InferenceThresholds

    @staticmethod
    def create(
        logits: Float[Tensor, "rows classes"],
        codes: Int[Tensor, " rows"],
        weights: Float[Tensor, " rows"],
        limits: InferenceThresholds,
    ) -> _CalibrationRows:
        # Kish's effective number of rows as the sum of the weights
        weights = weights * weights.sum() / weights.square().sum()
        return _CalibrationRows(logits, codes, weights, 1 / (float(weights.sum()) + 1), limits)

    def select(self, mask: Bool[Tensor, " rows"]) -> _CalibrationRows:
        return replace(self, logits=self.logits[mask], codes=self.codes[mask], weights=self.weights[mask])


def _cross_validate(
    rows: _CalibrationRows, prior: Float[Tensor, " classes"], with_shift: bool, *, calibration_folds: int = 5
) -> Float[Tensor, " rows"]:
    """Loss of every row with a calibration that was fitted without it.

    The folds are stratified by class.

    Args:
        calibration_folds: On which the kinds of calibration are compared.
    """
    folds = torch.empty_like(rows.codes)
    # Fold numbers in turn along the rows sorted by class
    folds[torch.argsort(rows.codes, stable=True)] = torch.arange(len(folds)) % calibration_folds
    losses = torch.empty_like(rows.weights)
    for fold in range(calibration_folds):
        mask = folds == fold
        losses[mask] = _losses(rows.select(mask), _fit(rows.select(~mask), prior, with_shift))
    return losses


def _losses(rows: _CalibrationRows, calibration: Calibration) -> Float[Tensor, " rows"]:
    """Weighted log loss of every row, with smoothed labels."""
    per_row: Tensor = torch.nn.functional.cross_entropy(
        calibration(rows.logits), rows.codes, reduction="none", label_smoothing=rows.doubt
    )
    return per_row * rows.weights


def _fit(
    rows: _CalibrationRows,
    prior: Float[Tensor, " classes"],
    with_shift: bool,
    *,
    min_decrease_nats: float = 1e-6,
) -> Calibration:
    """Fit by Newton's method with the positive definite Fisher matrix and step halving.

    Args:
        min_decrease_nats: Newton's method ends when a step lowers the objective by less (nats, all rows).
    """
    now = Calibration(1.0, prior)
    lowest = _objective(rows, now, prior)
    for _ in range(rows.limits.max_newton_steps):
        # Newton's step with the Fisher matrix; without shifts it is that of the scale alone
        gradient, fisher = _derivatives(rows, now, prior)
        free = len(gradient) if with_shift else 1
        step = -torch.linalg.solve(fisher[:free, :free], gradient[:free])
        candidate, objective = _line_search(
            rows, now, prior, torch.cat([step, step.new_zeros(len(gradient) - free)])
        )
        if not objective < lowest - min_decrease_nats:
            break
        now, lowest = candidate, objective
    return now


def _line_search(
    rows: _CalibrationRows,
    start: Calibration,
    prior: Float[Tensor, " classes"],
    step: Float[Tensor, " parameters"],
) -> tuple[Calibration, float]:
    """Halve the step until it lowers the objective; return the calibration and its objective."""
    before = _objective(rows, start, prior)
    for halvings in range(20):
        part = step / 2**halvings
        # The scale changes by a factor, so that it stays positive; its exponent is limited
        candidate = Calibration(start.scale * float(part[0].clamp(-3, 3).exp()), start.shift + part[1:])
        objective = _objective(rows, candidate, prior)
        if objective < before:
            return candidate, objective
    return start, before


def _objective(rows: _CalibrationRows, now: Calibration, prior: Float[Tensor, " classes"]) -> float:
    offset, precision = _prior_offset(now, prior, rows.limits)
    return float(_losses(rows, now).sum() + (precision * offset.square()).sum() / 2)


def _prior_offset(
    now: Calibration, prior: Float[Tensor, " classes"], limits: InferenceThresholds
) -> tuple[Float[Tensor, " parameters"], Float[Tensor, " parameters"]]:
    """Offset of (log s, b) from the mean of the prior, and the precision of the prior."""
    log_scale = torch.tensor([now.scale], dtype=prior.dtype).log()
    deviations = [limits.log_scale_deviation, *[limits.shift_deviation] * len(prior)]
    spreads = torch.tensor(deviations, dtype=prior.dtype)
    return torch.cat([log_scale, now.shift - prior]), spreads**-2


def _derivatives(
    rows: _CalibrationRows, now: Calibration, prior: Float[Tensor, " classes"]
) -> tuple[Float[Tensor, " parameters"], Float[Tensor, "parameters parameters"]]:
    """Gradient and Fisher matrix of the objective in (log s, b).

    With p the probabilities and q = s·f = ∂z/∂log s, the Hessian of a row's log loss in z is
    diag(p) - ppᵀ.
    """
    # Rows by classes: probabilities, and the derivative of the logits by log s
    p = torch.softmax(now(rows.logits), 1)
    q = now.scale * rows.logits
    w = rows.weights[:, None]
    q = q - (p * q).sum(1, keepdim=True)  # logits are invariant under a constant shift
    is_class = torch.nn.functional.one_hot(rows.codes, p.shape[1])
    # Derivatives of the smoothed log loss in the logits
    residual = w * (p - (1 - rows.doubt) * is_class - rows.doubt / p.shape[1])
    gradient = torch.cat([(residual * q).sum()[None], residual.sum(0)])
    # Sum over the rows of Jᵀ (diag(p) - ppᵀ) J, with J = [q, 1], plus the precision of the prior
    fisher = torch.diag(torch.cat([(w * p * q * q).sum()[None], (w * p).sum(0)]))
    fisher[1:, 1:] -= p.T @ (w * p)
    fisher[0, 1:] = fisher[1:, 0] = (w * p * q).sum(0)
    offset, precision = _prior_offset(now, prior, rows.limits)
    return gradient + precision * offset, fisher + torch.diag(precision)


@torch.no_grad()
def rescale_outputs_(network: KAN, scale: float, shift: Float[Tensor, " out_dim"]) -> None:
    """Change the outputs f to ``scale · f + shift``, in place, inside and outside the grid.

    The scale multiplies all activations of the outputs. One activation of each output takes its shift: the
    basis sums to 1 everywhere, so a constant is the same number in all coefficients.

    Raises:
        InvalidConfig: An output with a shift has no live edge, or outputs are products.
    """
    if network.stack[-1].products:
        raise InvalidConfig("outputs that are products cannot be rescaled; add a layer of sums")
    layers = [network.stack[-1], *([] if network.direct is None else [network.direct])]
    for layer in layers:
        layer.weight.mul_(scale)
        for place, edge in layer.symbolic.items():
            layer.symbolic[place] = replace(edge, c=scale * edge.c, d=scale * edge.d)
    for output, constant in enumerate(shift.tolist()):
        if constant and not any(_add_constant_(layer, output, constant) for layer in layers):
            raise InvalidConfig(f"output {output} has no live edge that can take a shift")


def _add_constant_(layer: KANLayer, output: int, constant: float) -> bool:
    """Add a constant to the first live activation of an output; return False if there is none."""
    # The last term of the weight is that of the base function, which a constant does not change
    entering = layer.mask[:, output].nonzero()[:, 0].tolist()
    if not entering:
        return False
    place = (entering[0], output)
    if place in layer.symbolic:
        edge = layer.symbolic[place]
        layer.symbolic[place] = replace(edge, d=edge.d + constant)
    else:
        layer.weight[entering[0], :-1, output] += constant
    return True
