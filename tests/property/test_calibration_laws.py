"""Laws of calibration: what goes into the weights is the stated map, on the grid and off it."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kan_engine.inference.calibration import calibrate_, rescale_outputs_, to_logits
from kan_engine.inference.thresholds import DEFAULT_INFERENCE
from kan_engine.network.kan import KAN, KANConfig, copy_network, initialise_
from kan_engine.network.layer import SymbolicEdge

networks = st.fixed_dictionaries(
    {
        "width": st.sampled_from([(1, 1), (3, 1), (2, 3, 2), (2, 2, 2, 4)]),
        "grid_size": st.integers(1, 6),
        "order": st.integers(0, 4),
        "direct": st.booleans(),
        "seed": st.integers(0, 2**31),
        "symbolic": st.booleans(),
        "pruned": st.booleans(),
    }
)


def network_of(*, seed: int, symbolic: bool, pruned: bool, **shape: object) -> KAN:
    """A random network; of the edges into the first output one may be gone, one a function."""
    network = KAN(KANConfig(**shape))  # type: ignore[arg-type]
    initialise_(network, torch.Generator().manual_seed(seed), noise=1.0)
    last = network.stack[-1]
    pruned = pruned and last.in_dim > 1
    if pruned:
        last.mask[0, 0] = False
    if symbolic:
        last.symbolic[int(pruned), 0] = SymbolicEdge("sin", 1.5, 0.3, -0.7, 0.2)
    return network


def points(network: KAN, seed: int) -> torch.Tensor:
    """On the grid, which ends at ±1, and far off it."""
    return (
        6 * torch.rand(50, network.config.width[0], generator=torch.Generator().manual_seed(seed)).double()
        - 3
    )


@given(networks, st.floats(0.05, 20), st.floats(-5, 5))
def test_rescaling_gives_scale_times_output_plus_shift(
    options: dict[str, object], scale: float, shift: float
) -> None:
    network = network_of(**options)  # type: ignore[arg-type]
    outputs = network.config.width[-1]
    shifts = shift * torch.arange(1, outputs + 1).double()
    x = points(network, 0)
    expected = scale * network(x) + shifts
    rescale_outputs_(network, scale, shifts)
    torch.testing.assert_close(network(x), expected, rtol=1e-11, atol=1e-11)


@settings(max_examples=15)
@given(networks, st.integers(0, 2**31), st.floats(0.01, 100))
def test_a_calibrated_network_gives_the_probabilities_of_the_map_that_was_found(
    options: dict[str, object], seed: int, weight: float
) -> None:
    network = network_of(**options)  # type: ignore[arg-type]
    x, before = points(network, seed), copy_network(network)
    classes = max(2, network.config.width[-1])
    codes = torch.randint(classes, (len(x),), generator=torch.Generator().manual_seed(seed))
    ones = torch.ones(classes, dtype=torch.float64)
    found = calibrate_(
        network,
        x,
        codes,
        weights=torch.full((len(x),), weight).double(),
        class_weights=ones,
        thresholds=DEFAULT_INFERENCE,
    )
    assert found.scale > 0
    with torch.no_grad():
        expected = torch.softmax(found(to_logits(before(x))), 1)
        probabilities = torch.softmax(to_logits(network(x)), 1)
        torch.testing.assert_close(probabilities, expected, rtol=1e-9, atol=1e-12)
