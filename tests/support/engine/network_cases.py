"""Networks of every kind, for laws that hold for all of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from kan_engine.network.grid_updates import refine_, update_grid_
from kan_engine.network.kan import KAN, KANConfig, initialise_
from kan_engine.network.layer import SymbolicEdge
from kan_engine.splines.base_functions import BASE_FUNCTIONS, SILU
from kan_engine.splines.thresholds import DEFAULT_GRIDS

EVERYWHERE = ["x", "sin", "tanh", "gaussian", "x^2", "silu", "abs"]


@dataclass(frozen=True)
class Case:
    shape: tuple[
        tuple[int, ...], int, int | tuple[int, ...]
    ]  # width, networks side by side, nodes that multiply
    grid_size: int
    order: int
    direct: bool
    uniform_share: float
    refined: int
    dead: float
    fixed: float
    reach: float
    seed: int
    base: str = SILU
    corrected: bool = False


CASES = st.builds(
    Case,
    shape=st.sampled_from(
        [
            ((1, 1), 1, 0),
            ((3, 1), 1, 0),
            ((2, 3, 1), 1, 0),
            ((3, 3, 2), 1, 2),
            ((4, 2, 1), 1, 2),
            ((3, 2, 2, 2), 1, 0),
            ((3, 3, 2, 2), 1, (1, 2, 0)),
            ((2, 2, 2), 1, (1, 1)),
            ((3, 1), 1, (1,)),
            ((3, 4, 2, 2), 2, 0),
            ((4, 12, 9, 2), 1, 0),
            ((4, 12, 9, 2), 3, 0),
        ]
    ),
    grid_size=st.integers(1, 7),
    order=st.integers(0, 5),
    direct=st.booleans(),
    uniform_share=st.sampled_from([0.0, 0.5, 1.0]),
    refined=st.integers(1, 3),
    dead=st.sampled_from([0.0, 0.4, 0.9]),
    fixed=st.sampled_from([0.0, 0.3, 1.0]),
    reach=st.sampled_from([1.0, 3.0, 1e6]),
    seed=st.integers(0, 2**31),
    base=st.sampled_from(sorted(BASE_FUNCTIONS)),
    corrected=st.booleans(),
)


LINE = Case(  # the least network
    shape=((1, 1), 1, 0),
    grid_size=1,
    order=0,
    direct=False,
    uniform_share=1.0,
    refined=1,
    dead=0.0,
    fixed=0.0,
    reach=1.0,
    seed=0,
)


def network_of(case: Case) -> KAN:
    """A network far from any special case but those that ``case`` asks for."""
    rng = np.random.default_rng(case.seed)
    width, groups, products = case.shape
    shape: dict[str, Any] = {
        "grid_size": case.grid_size,
        "order": case.order,
        "groups": groups,
        "products": products,
    }
    config = KANConfig(width=width, direct=case.direct, base=case.base, **shape)
    network = KAN(config)
    initialise_(network, torch.Generator().manual_seed(case.seed), noise=1.0)
    for layer in network.all_layers:
        with torch.no_grad():
            layer.weight[:, -1] = torch.from_numpy(rng.normal(size=layer.mask.shape))
    rows = torch.from_numpy(rng.uniform(-1, 1, (50, case.shape[0][0])))
    update_grid_(network, rows, uniform_share=case.uniform_share, thresholds=DEFAULT_GRIDS)
    refine_(network, case.grid_size * case.refined)
    for layer in network.all_layers:
        layer.mask &= torch.from_numpy(rng.uniform(size=layer.mask.shape) >= case.dead)
        for edge in np.argwhere(rng.uniform(size=layer.mask.shape) < case.fixed).tolist():
            function, constants = str(rng.choice(EVERYWHERE)), rng.uniform(-1, 1, 4).tolist()
            layer.symbolic[edge[0], edge[1]] = SymbolicEdge(
                function, *constants, with_spline=case.corrected and bool(rng.integers(2))
            )
    return network
