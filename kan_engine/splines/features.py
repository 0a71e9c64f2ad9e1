"""Features of an input, shared by its activations: basis functions, base function and derivatives.

The terms of an input are the G + k basis functions followed by a base function b(x). Outside the grid every
term continues along its tangent.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from kan_engine.splines.base_functions import BASE_FUNCTIONS
from kan_engine.splines.basis import LocalBasis, Spacing, dot_local, local_basis, scatter_local
from kan_engine.splines.knots import grid_range


class Features(torch.autograd.Function):
    """Terms of every input, or their derivatives: ``apply(x, knots, order, spacing, base, derivative=0)``.

    Backward uses only the nonzero terms. With ``create_graph`` it consists of ``Features`` of the next
    derivative, which are differentiable themselves, so derivatives of every order are correct.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "batch in_dim"],
        knots: Float[Tensor, "in_dim knots"],
        order: int,
        spacing: Spacing | None,
        base: str,
        derivative: int = 0,
    ) -> Float[Tensor, "batch in_dim terms"]:
        """Terms [batch, in, G+k+1] at ``x`` [batch, in]."""
        terms = _FeatureTerms(x, knots, order, spacing, base)
        if ctx.needs_input_grad[0]:
            slopes = terms.local_terms(derivative + 1)
            ctx.save_for_backward(x, knots, terms.first, slopes.basis, slopes.base)
            ctx.how = order, spacing, base, derivative
        return terms.to_dense(terms.local_terms(derivative))

    @staticmethod
    def backward(
        ctx: Any, gradient: Float[Tensor, "batch in_dim terms"]
    ) -> tuple[Float[Tensor, "batch in_dim"], None, None, None, None, None]:
        """Gradient with respect to ``x``: the sum of gradient · slope over the terms."""
        x, knots, first_index, basis, base_slope = ctx.saved_tensors
        if torch.is_grad_enabled():
            *how, derivative = ctx.how
            slopes = Features.apply(x, knots, *how, derivative + 1)  # type: ignore[no-untyped-call]
            return (gradient * slopes).sum(-1), None, None, None, None, None
        # Only k + 1 basis functions of an input have a slope, so the dense sum is not needed
        inner = dot_local(gradient, basis, first_index)
        return inner.addcmul_(gradient[..., -1], base_slope), None, None, None, None, None


def features_and_slopes(
    x: Float[Tensor, "batch in_dim"],
    knots: Float[Tensor, "in_dim knots"],
    order: int,
    spacing: Spacing | None,
    base: str,
) -> tuple[Float[Tensor, "batch in_dim terms"], Float[Tensor, "batch in_dim terms"]]:
    """Terms and their first derivatives."""
    terms = _FeatureTerms(x, knots, order, spacing, base)
    return terms.to_dense(terms.local_terms(0)), terms.to_dense(terms.local_terms(1))


def evaluate_activations(
    x: Float[Tensor, "batch in_dim"],
    weight: Float[Tensor, "in_dim terms"],
    knots: Float[Tensor, "in_dim knots"],
    order: int,
    spacing: Spacing | None,
    base: str,
    derivative: int = 0,
) -> Float[Tensor, "batch in_dim"]:
    """Activations of a layer with one activation per input, or their derivatives, from the nonzero terms."""
    terms = _FeatureTerms(x, knots, order, spacing, base)
    local = terms.local_terms(derivative)
    # Only the k + 1 weights that meet a nonzero basis function are read
    places = (terms.first + torch.arange(0, weight.numel(), weight.shape[1], device=x.device)).view(-1)
    flat, total = weight.reshape(-1), local.base * weight[:, -1]
    for offset, values in enumerate(local.basis):
        total.addcmul_(flat[offset:].index_select(0, places).view(x.shape), values)
    return total


@dataclass(frozen=True)
class _LocalTerms:
    """Nonzero basis functions and base function, or derivatives of both."""

    basis: Float[Tensor, "local batch in_dim"]
    base: Float[Tensor, "batch in_dim"]


class _FeatureTerms:
    """Nonzero terms at given inputs."""

    def __init__(
        self,
        x: Float[Tensor, "batch in_dim"],
        knots: Float[Tensor, "in_dim knots"],
        order: int,
        spacing: Spacing | None,
        base: str,
    ) -> None:
        self.base = BASE_FUNCTIONS[base]
        self.inside = torch.clamp(x, *grid_range(knots, order))
        self.beyond = x - self.inside
        self.all_inside = x.device.type == "cpu" and not self.beyond.any()  # on a GPU the check costs more
        self.splines: LocalBasis = local_basis(self.inside, knots, order, spacing)
        self.size = knots.shape[1] - order  # G + k + 1, including the base function

    @property
    def first(self) -> Int[Tensor, "batch in_dim"]:
        """Index of the first nonzero term."""
        return self.splines.first

    def local_terms(self, derivative: int) -> _LocalTerms:
        """Terms or derivatives, continued along the tangent outside the grid."""
        basis, base = self.splines.values(derivative), self.base.derivative(self.inside, derivative)
        if self.all_inside or derivative == 1:
            return _LocalTerms(basis, base)
        # A tangent is straight: derivatives from the second on are 0 outside the grid
        if derivative > 1:
            inside = self.beyond == 0
            return _LocalTerms(basis * inside, base * inside)
        # Value at the end of the grid, plus slope times distance from it
        slopes = self.local_terms(1)
        return _LocalTerms(basis.addcmul_(slopes.basis, self.beyond), base.addcmul_(slopes.base, self.beyond))

    def to_dense(self, local: _LocalTerms) -> Float[Tensor, "batch in_dim terms"]:
        """All terms, including those that are 0."""
        terms = scatter_local(local.basis, self.first, self.size)
        terms[..., -1] = local.base
        return terms
