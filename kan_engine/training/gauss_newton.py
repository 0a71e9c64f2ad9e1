"""Gauss-Newton matrix and gradient of a KAN's loss: structured Jacobian, accumulated over blocks of rows.

The outputs are f(x; W) = Σ F_{L-1}(… F_0(x)·W_0 …)·W_{L-1}. Let δ_l be the derivative of an output with
respect to the nodes of layer l. The Jacobian of a layer is the outer product J_l = F_l ⊗ δ_{l+1}, and
δ_l = δ_{l+1} · φ'_l. This is one explicit backward pass for each row of the loss's Gauss-Newton root. In a
multiplication node both are scaled by the product of the other activations. The derivatives in the constants
of functions on edges take the place of F_l.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from kan_engine.cost import JACOBIAN_BYTES, KEPT_FEATURE_BYTES
from kan_engine.network.kan import KAN
from kan_engine.network.layer import LayerDerivatives
from kan_engine.network.row_blocks import row_blocks
from kan_engine.training.losses import Loss, gradient_and_root
from kan_engine.training.rows import TrainingRows

EdgeMasks = Sequence[Bool[Tensor, "_ _"]]  # mask of the trained edges of every layer


def trainable_edges(network: KAN) -> list[Bool[Tensor, "_ _"]]:
    """Mask of the live splines of every layer."""
    return [layer.trainable_mask() for layer in network.all_layers]


@dataclass(frozen=True)
class ForwardPass:
    """A network at a block of rows.

    Attributes:
        rows: The block.
        share: Weights of its rows, as shares of the weights of all rows.
        passages: Features and derivatives of each of ``all_layers``.
        outputs: Outputs of the network.
    """

    rows: TrainingRows
    share: Float[Tensor, " block"]
    passages: Sequence[LayerDerivatives]
    outputs: Float[Tensor, "block out_dim"]


def forward_passes(network: KAN, rows: TrainingRows) -> Iterator[ForwardPass]:
    """The network at all rows, in blocks of limited memory."""
    share, roots = rows.weights / rows.weights.sum(), network.config.width[-1]
    # Rows whose Jacobian, of all weights and roots, fits into memory
    size = max(1, JACOBIAN_BYTES // (8 * max(network.parameter_count, 1) * roots))
    for outer in row_blocks(network, len(rows)):
        for start in range(outer.start, min(outer.stop, len(rows)), size):
            block = slice(start, min(start + size, outer.stop))
            yield ForwardPass(rows[block], share[block], *forward_pass(network, rows[block]))


def keep_forward_passes(network: KAN, rows: TrainingRows) -> list[ForwardPass] | None:
    """The forward passes for several uses, or None if they take too much memory."""
    numbers = sum(layer.weight[..., 0].numel() + layer.mask.numel() for layer in network.all_layers)
    is_large = 8 * len(rows) * numbers > KEPT_FEATURE_BYTES
    return None if is_large else list(forward_passes(network, rows))


@torch.no_grad()
def gauss_newton_system(
    network: KAN,
    rows: TrainingRows,
    loss: str | Loss,
    edges: EdgeMasks,
    passes: Iterable[ForwardPass] | None = None,
) -> tuple[Float[Tensor, "P P"], Float[Tensor, " P"]]:
    """Gauss-Newton matrix and gradient of the weighted mean loss, in the order of ``flatten_weights``.

    Args:
        network: Its weights are the point.
        rows: The rows.
        loss: Loss of a row, or its name.
        edges: Trained edges.
        passes: The network at the rows, if known.
    """
    total = len(flatten_weights(network, edges))
    matrix, gradient = rows.x.new_zeros(total, total), rows.x.new_zeros(total)
    jacobian = rows.x.new_empty(0, network.config.width[-1], total)
    # One buffer holds the Jacobian of each block in turn
    for at in passes or forward_passes(network, rows):
        if len(jacobian) < len(at.rows):  # the first block is the largest
            jacobian = rows.x.new_empty(len(at.rows), *jacobian.shape[1:])
        part = jacobian[: len(at.rows)]
        gradient += _fill_jacobian_(part, network, at, loss, edges)
        add_square_(matrix, part.flatten(0, 1))
    return matrix, gradient


def add_square_(matrix: Float[Tensor, "P P"], jacobian: Float[Tensor, "_ P"]) -> None:
    """Add JᵀJ in place. On the CPU NumPy computes only half of this symmetric product; torch does not."""
    if matrix.device.type == "cpu":
        values = jacobian.numpy()
        matrix += torch.from_numpy(values.T @ values)
    else:
        matrix.addmm_(jacobian.T, jacobian)


def _fill_jacobian_(
    jacobian: Float[Tensor, "block roots P"],
    network: KAN,
    at: ForwardPass,
    loss: str | Loss,
    edges: EdgeMasks,
) -> Float[Tensor, " P"]:
    """Write the rows √share · R·J of a block; return its gradient Σ share · Jᵀ∂ℓ/∂f."""
    output_gradient, root = gradient_and_root(loss, at.outputs, at.rows.targets)
    passages, share = at.passages, at.share
    # The gradient is appended as one more root, so that a single backward pass computes both.
    delta = torch.cat(
        [root * share.sqrt()[:, None, None], (output_gradient * share[:, None]).unsqueeze(1)], 1
    )
    gradient, start, deltas = [], 0, backward_pass(network, passages, delta)
    for passage, d, alive in zip(passages, deltas, edges, strict=True):
        stop = start + int(alive.sum()) * passage.features.shape[2]
        _write_outer_(jacobian[:, :, start:stop], passage, d[:, :-1], alive)
        gradient.append(_edge_gradient(passage, d[:, -1], alive))
        start = stop
    # The constants of functions follow the weights of all layers
    constants = _constant_derivatives(network, passages, deltas)
    jacobian[:, :, start:] = constants[:, :-1]
    return torch.cat([*gradient, constants[:, -1].sum(0)])


@torch.no_grad()
def acceleration_gradient(
    network: KAN,
    rows: TrainingRows,
    loss: str | Loss,
    edges: EdgeMasks,
    shift: Float[Tensor, " P"],
    passes: Iterable[ForwardPass] | None = None,
    *,
    difference_step: float = 0.1,
) -> Float[Tensor, " P"]:
    """Jᵀ H f″, the contribution of the second derivative f″ of the outputs along ``shift`` to the gradient.

    f″ is computed by central differences (Transtrum and Sethna, "Improvements to the Levenberg-Marquardt
    algorithm for nonlinear least-squares minimization", arXiv:1201.5885, section 4). The weights of the
    network are restored. ``difference_step`` is a share of ``shift``; for ``passes`` see
    ``gauss_newton_system``.
    """
    start = flatten_weights(network, edges)
    total = torch.zeros_like(start)
    for at in passes or forward_passes(network, rows):
        part, outputs = at.rows, at.outputs
        # Second derivative of the outputs along the shift, by a central difference
        set_weights_(network, edges, start + difference_step * shift)
        ahead = network(part.x, part.features)
        set_weights_(network, edges, start - difference_step * shift)
        second = (ahead - 2 * outputs + network(part.x, part.features)) / difference_step**2
        set_weights_(network, edges, start)
        # The Hessian RᵀR of the loss times f″, then the backward pass to the weights
        _, root = gradient_and_root(loss, outputs, part.targets)
        bent = torch.einsum("nro,nrq,nq->no", root, root, second) * at.share[:, None]
        deltas = backward_pass(network, at.passages, bent.unsqueeze(1))
        parts = [_edge_gradient(p, d[:, 0], e) for p, d, e in zip(at.passages, deltas, edges, strict=True)]
        total += torch.cat([*parts, _constant_derivatives(network, at.passages, deltas)[:, 0].sum(0)])
    return total


def forward_pass(
    network: KAN, rows: TrainingRows
) -> tuple[list[LayerDerivatives], Float[Tensor, "batch out_dim"]]:
    """Features and derivatives of each of ``all_layers``, and the outputs."""
    first_layer, *later_layers = network.stack
    passages = [first_layer.compute_weight_derivatives(rows.x, rows.features)]
    h = first_layer(rows.x, passages[0].features)
    for layer in later_layers:
        passages.append(layer.compute_derivatives(h))
        h = layer(h, passages[-1].features)
    if network.direct is not None:
        passages.append(network.direct.compute_weight_derivatives(rows.x))
        h = h + network.direct(rows.x, passages[-1].features)
    return passages, h


def backward_pass(
    network: KAN, passages: Sequence[LayerDerivatives], delta: Float[Tensor, "block roots out_dim"]
) -> list[Float[Tensor, "block roots _"]]:
    """δ at the outputs of each of ``all_layers``, from δ at the network's outputs."""
    deltas = [delta]
    # Chain rule: δ of a layer from that of the next, through the slopes of its edges
    for passage in reversed(passages[1 : len(network.layers)]):
        deltas.insert(0, torch.einsum("nro,nio->nri", deltas[0], passage.slopes))
    return deltas if network.direct is None else [*deltas, delta]


def _edge_gradient(
    passage: LayerDerivatives, delta: Float[Tensor, "block out_dim"], alive: Bool[Tensor, "in_dim out_dim"]
) -> Float[Tensor, " _"]:
    """Σ_n F ⊗ δ of the live edges, in the order edge, term."""
    if passage.others is None:
        return torch.einsum("no,nit->iot", delta, passage.features)[alive].flatten()
    return torch.einsum("no,nio,nit->iot", delta, passage.others, passage.features)[alive].flatten()


def _constant_derivatives(
    network: KAN, passages: Sequence[LayerDerivatives], deltas: Sequence[Float[Tensor, "block roots _"]]
) -> Float[Tensor, "block roots _"]:
    """Derivatives in a, b, c and d of every edge of ``list_trained_functions``, layer by layer."""
    blocks = []
    for layer, passage, delta in zip(network.all_layers, passages, deltas, strict=True):
        into = delta[:, :, [j for _, j in layer.list_trained_functions()]]
        blocks.append((into[..., None] * passage.constants[:, None]).flatten(2))
    return torch.cat(blocks, 2)


def _write_outer_(
    jacobian: Float[Tensor, "block roots _"],
    passage: LayerDerivatives,
    delta: Float[Tensor, "block roots out_dim"],
    alive: Bool[Tensor, "in_dim out_dim"],
) -> None:
    """Write F ⊗ δ of the live edges, in the order edge, term."""
    features, terms = passage.features, passage.features.shape[2]
    # Where all edges are live, the product is written into the Jacobian without a copy
    if bool(alive.all()) and passage.others is None:
        place = jacobian.view(*jacobian.shape[:2], *alive.shape, terms)
        torch.mul(features[:, None, :, None], delta[:, :, None, :, None], out=place)
        return
    i, o = alive.nonzero(as_tuple=True)
    place = jacobian.view(*jacobian.shape[:2], len(i), terms)
    into = delta[:, :, o] if passage.others is None else delta[:, :, o] * passage.others[:, None, i, o]
    torch.mul(features[:, None, i], into[..., None], out=place)


def flatten_weights(network: KAN, edges: EdgeMasks) -> Float[Tensor, " P"]:
    """Trained weights as one vector, in the order layer, in, out, term; then the trained constants."""
    weights = flatten_edges([layer.weight.detach() for layer in network.all_layers], edges)
    constants = [
        value
        for layer in network.all_layers
        for place in layer.list_trained_functions()
        for value in layer.symbolic[place].constants
    ]
    return torch.cat([weights, weights.new_tensor(constants)])


def flatten_edges(
    values: Sequence[Shaped[Tensor, "_ _ _"]], edges: EdgeMasks, length: int = 0
) -> Shaped[Tensor, " P"]:
    """One value per trained weight of every layer, as a vector in the order of ``flatten_weights``.

    Args:
        values: By layer.
        edges: Trained edges.
        length: Of the vector, with zeros for what follows the weights.
    """
    parts = [value.permute(0, 2, 1)[alive].flatten() for value, alive in zip(values, edges, strict=True)]
    rest = max(length - sum(map(len, parts)), 0)
    return torch.cat([*parts, values[0].new_zeros(rest)])


@torch.no_grad()
def set_weights_(network: KAN, edges: EdgeMasks, values: Float[Tensor, " P"]) -> None:
    """Set the trained weights from a vector in the order of ``flatten_weights``."""
    for layer, alive in zip(network.all_layers, edges, strict=True):
        count = int(alive.sum())
        terms = layer.weight.shape[1]
        layer.weight.permute(0, 2, 1)[alive] = values[: count * terms].view(count, terms)
        values = values[count * terms :]
    constants = iter(values.view(-1, 4).tolist())
    for layer in network.all_layers:
        for place in layer.list_trained_functions():
            a, b, c, d = next(constants)
            layer.symbolic[place] = replace(layer.symbolic[place], a=a, b=b, c=c, d=d)


def add_edge_blocks_(
    matrix: Float[Tensor, "P P"], edges: EdgeMasks, blocks: Sequence[Float[Tensor, "_ _ _"]]
) -> None:
    """Add a block [edges of the layer or 1, terms, terms] to the diagonal blocks of the matrix."""
    start = 0
    for alive, block in zip(edges, blocks, strict=True):
        count, terms = int(alive.sum()), block.shape[1]
        stop = start + count * terms
        # View of the diagonal blocks of all edges of the layer, each of terms by terms
        view = matrix[start:stop, start:stop].view(count, terms, count, terms)
        view.diagonal(dim1=0, dim2=2).add_(block.permute(1, 2, 0))
        start = stop
