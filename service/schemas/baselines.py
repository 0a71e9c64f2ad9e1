"""Schemas of baselines: well-known models to compare with the network."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from service.schemas.common import RequestModel

BaselineName = Literal["linear", "mlp", "boosting", "kernel"]
DEFAULT_HIDDEN = (64, 64)
MAX_PARAMETERS = 1_000_000


class MlpBaseline(RequestModel):
    """An MLP given by its shape or its number of parameters; by default two layers of 64 nodes."""

    kind: Literal["mlp"]
    hidden: Annotated[list[Annotated[int, Field(ge=1, le=512)]], Field(min_length=1, max_length=5)] | None = (
        Field(default=None, description="Nodes of its inner layers.")
    )
    parameters: Literal["matched"] | Annotated[int, Field(ge=1, le=MAX_PARAMETERS)] | None = Field(
        default=None,
        description="Two equal inner layers with about as many parameters; `matched`: as the KAN has.",
    )

    @model_validator(mode="after")
    def _check_one_size(self) -> Self:
        if self.hidden is not None and self.parameters is not None:
            raise ValueError("hidden and parameters both set the size of the MLP; give one of them")
        return self


def _read_tag(value: Any) -> str:
    return "name" if isinstance(value, str) else "mlp"


Baseline = Annotated[
    Annotated[BaselineName, Tag("name")] | Annotated[MlpBaseline, Tag("mlp")], Discriminator(_read_tag)
]
Baselines = Annotated[list[Baseline], Field(max_length=20)]


def make_baseline_name(baseline: BaselineName | MlpBaseline) -> str:
    """Name of a baseline in results: ``mlp_29x29``, ``mlp_matched``, ``mlp_about_987``."""
    if isinstance(baseline, str):
        return baseline
    if baseline.hidden is not None:
        return f"mlp_{'x'.join(map(str, baseline.hidden))}"
    if baseline.parameters is None:
        return "mlp"
    return "mlp_matched" if baseline.parameters == "matched" else f"mlp_about_{baseline.parameters}"


def is_matched(baseline: BaselineName | MlpBaseline) -> bool:
    """Whether the MLP has about as many parameters as the KAN."""
    return not isinstance(baseline, str) and baseline.parameters == "matched"


def compute_hidden_layers(
    baseline: BaselineName | MlpBaseline, inputs: int, outputs: int, kan_parameters: int
) -> tuple[int, ...]:
    """Widths of the inner layers of an MLP.

    Args:
        baseline: The MLP.
        inputs: Number of inputs.
        outputs: Number of outputs.
        kan_parameters: Number of parameters of the KAN, for a matched MLP.
    """
    if isinstance(baseline, str) or (baseline.hidden is None and baseline.parameters is None):
        return DEFAULT_HIDDEN
    if baseline.hidden is not None:
        return tuple(baseline.hidden)
    parameters = kan_parameters if baseline.parameters == "matched" else baseline.parameters
    return _match_parameters(min(int(parameters or 1), MAX_PARAMETERS), inputs, outputs)


def count_parameters(hidden_layers: Sequence[int], inputs: int, outputs: int) -> int:
    """Number of weights and biases of an MLP."""
    return sum((before + 1) * after for before, after in pairwise((inputs, *hidden_layers, outputs)))


def _match_parameters(parameters: int, inputs: int, outputs: int) -> tuple[int, int]:
    """Two equal layers of h nodes whose parameters, h² + (d + o + 2) h + o, are nearest to ``parameters``."""
    linear = inputs + outputs + 2
    size = max(1, int(((linear**2 + 4 * max(parameters - outputs, 0)) ** 0.5 - linear) / 2))
    nearest = min((size, size + 1), key=lambda h: abs(count_parameters((h, h), inputs, outputs) - parameters))
    return nearest, nearest
