"""Forward and backward of wide layers beside jaxkan, pykan and a multilayer perceptron."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from operator import methodcaller
from typing import Any

import numpy as np

from tests.benchmarks.plan import Goal, Options, Section, Task
from tests.benchmarks.rows import Values
from tests.benchmarks.subjects.timing import milliseconds

WIDTH, GRID, ORDER, BATCH = (64, 64, 64), 5, 3, 1024
WORK = "KAN[64,64,64]"
ROUNDS = 7


def tasks(options: Options) -> Iterator[Task]:
    subjects: dict[str, Callable[[], Values]] = {
        "kan_engine float32": partial(ours, "float32"),
        "jaxkan spline": jaxkan,
        "kan_engine float64": partial(ours, "float64"),
        "pykan": pykan,
        "MLP": mlp,
    }
    for turn in options.seeds(ROUNDS):
        for who, run in subjects.items():
            yield Task(work=WORK, who=who, seed=turn, run=run)


def ours(precision: str) -> Values:
    import torch

    from kan_engine.network.kan import KAN, KANConfig, initialise_

    network = KAN(KANConfig(width=WIDTH, grid_size=GRID, order=ORDER))
    initialise_(network, torch.Generator().manual_seed(0))
    dtype = getattr(torch, precision)
    return timed(network.to(dtype), torch.from_numpy(batch()).to(dtype))


def pykan() -> Values:
    from tests.benchmarks.subjects import pykan

    model = pykan.network(WIDTH, grid=GRID, order=ORDER, auto_save=False).speed()
    return timed(model, pykan.tensor(batch()))


def mlp() -> Values:
    """One hidden layer with as many parameters as the KAN has weights."""
    import torch

    n_in, middle, n_out = WIDTH
    parameters = (n_in * middle + middle * n_out) * (GRID + ORDER + 1)
    nodes = round((parameters - n_out) / (n_in + n_out + 1))
    layers = torch.nn.Linear(n_in, nodes), torch.nn.SiLU(), torch.nn.Linear(nodes, n_out)
    return timed(torch.nn.Sequential(*layers), torch.from_numpy(batch()).float())


def timed(model: Any, x: Any) -> Values:
    """Times of a torch module."""
    import torch

    def forward() -> None:
        with torch.no_grad():
            model(x)

    def backward() -> None:
        model.zero_grad()
        model(x).square().mean().backward()

    return {"forward ms": milliseconds(forward), "forward+backward ms": milliseconds(backward)}


def jaxkan() -> Values:
    import jax
    import jax.numpy as jnp
    from flax import nnx
    from jaxkan.models.KAN import KAN

    sizes = {"k": ORDER, "G": GRID, "grid_range": (-1, 1)}
    parts: Any = nnx.split(KAN(list(WIDTH), "spline", sizes, seed=0), nnx.Param, ...)
    graph, weights, state = parts
    x = jnp.asarray(batch(), jnp.float32)

    def outputs(weights: Any, state: Any, x: Any) -> Any:
        return nnx.merge(graph, weights, state)(x)

    def loss(weights: Any, state: Any, x: Any) -> Any:
        return jnp.square(outputs(weights, state, x)).mean()

    wait: Callable[[Any], Any] = jax.block_until_ready
    forward, backward = jax.jit(outputs), jax.jit(jax.value_and_grad(loss))
    return {
        "forward ms": milliseconds(lambda: wait(forward(weights, state, x))),
        "forward+backward ms": milliseconds(lambda: wait(backward(weights, state, x))),
    }


def batch() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (BATCH, WIDTH[0]))


SECTION = Section(
    name="kernels",
    title="forward and backward",
    about=(
        "Milliseconds for KAN[64,64,64], G = 5, k = 3 and 1,024 rows: forward without gradients, and "
        "forward with the gradient of every weight. jaxkan's layer under jit, pykan's fast path, a "
        "perceptron with one hidden layer and as many parameters; all but `kan_engine float64` in "
        "float32. Rounds take turns."
    ),
    tasks=tasks,
    goals=(
        Goal(
            what="forward, of jaxkan's",
            limit=0.6,
            measured=methodcaller("ratio", "forward ms", "kan_engine float32", "jaxkan spline"),
        ),
        Goal(
            what="forward+backward, of jaxkan's",
            limit=0.6,
            measured=methodcaller("ratio", "forward+backward ms", "kan_engine float32", "jaxkan spline"),
        ),
        Goal(
            what="forward+backward, of a perceptron's of equal parameters",
            measured=methodcaller("ratio", "forward+backward ms", "kan_engine float32", "MLP"),
        ),
    ),
)
