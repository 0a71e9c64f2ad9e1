"""From samples of a law to the law: structure, edges, constants."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from kan_engine.expression import variables
from kan_engine.network import KAN, KANConfig
from kan_engine.printers import to_text
from kan_engine.structure import Fit, Sample, eliminate, search
from kan_engine.symbolic import Formula, Reading, read_formulas, undo_transform

Law = Callable[..., np.ndarray]


def sampled(
    law: Law, inputs: int, rows: int = 500, seed: int = 0, low: float = 0.5, high: float = 2.0
) -> Sample:
    raw = np.random.default_rng(seed).uniform(low, high, (rows, inputs))
    middle, half = (low + high) / 2, (high - low) / 2
    x, y = torch.from_numpy((raw - middle) / half), torch.from_numpy(law(*raw.T))[:, None]
    return Sample(x=x, raw=torch.from_numpy(raw), y=y, weights=torch.ones(rows, dtype=torch.float64))


def adequate_fit(law: Law, inputs: int) -> tuple[Fit, Sample, Sample]:
    fit, validation = sampled(law, inputs), sampled(law, inputs, 200, seed=1)
    generator = torch.Generator().manual_seed(0)
    found = next(s for s in search(fit, validation, generator=generator) if s.is_adequate)
    return found, fit, validation


def read(structure: Fit, fit: Sample, validation: Sample) -> list[Formula]:
    names = tuple(f"x{i + 1}" for i in range(fit.raw.shape[1]))

    def data(sample: Sample) -> tuple[dict[str, np.ndarray], np.ndarray]:
        columns = {name: sample.raw[:, i].numpy() for i, name in enumerate(names)}
        return columns, sample.y[:, 0].numpy()

    return read_formulas(
        structure.network,
        Reading(
            names=names,
            fit=data(fit),
            validation=data(validation),
            scaled=fit.x,
            output=0,
            center=float(structure.scaler.mean[0]),
            scale=float(structure.scaler.std[0]),
            undo=undo_transform(structure.scaler.transform),
            floor=max(2 * structure.error, 1e-6),
        ),
    )


@pytest.mark.parametrize(
    ("law", "text"),
    [
        (lambda a, b: np.exp(np.sin(a) - b**2), "exp(sin(x1) - x2**2)"),
        (lambda a, b: a**2 + 3 * np.cos(b), "x1**2 + 3*cos(x2)"),
        (lambda a, b: a / b**2, "x1/x2**2"),
    ],
)
def test_a_sampled_law_comes_back_as_it_was_written(law: Law, text: str) -> None:
    structure, fit, validation = adequate_fit(law, 2)
    formula = read(structure, fit, validation)[0]
    assert to_text(formula.tree) == text
    assert formula.error < 1e-12


@pytest.mark.parametrize(
    "law",
    [lambda a, b: np.sqrt(a**2 + b**2), lambda a, b: np.sin(a + b**2), lambda a, b: 1 / (2 * a + 3 * b)],
)
def test_a_law_with_a_function_of_a_sum_is_exact(law: Law) -> None:
    structure, fit, validation = adequate_fit(law, 2)
    assert read(structure, fit, validation)[0].error < 1e-10


def test_an_input_that_does_not_matter_is_eliminated() -> None:
    structure, fit, validation = adequate_fit(lambda a, _, c: np.exp(a) + c**2, 3)
    smaller = eliminate(structure, fit, validation)
    assert smaller.network.layers[0].mask[:, 0].tolist() == [True, False, True]
    assert variables(read(smaller, fit, validation)[0].tree) == ("x1", "x3")


def test_shapes_that_cannot_represent_the_data_are_not_adequate() -> None:
    noise = np.random.default_rng(5).normal(size=700)

    def law(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(a * b + noise[: len(a)])

    fit, validation = sampled(law, 2), sampled(law, 2, 200, seed=1)
    generator = torch.Generator().manual_seed(0)
    assert not any(structure.is_adequate for structure in search(fit, validation, generator=generator))


def test_the_search_ends_when_it_is_told_to() -> None:
    fit = sampled(lambda a, b: a + b, 2)
    assert list(search(fit, fit, generator=torch.Generator(), should_stop=lambda: True)) == []


def test_a_network_with_too_many_edges_has_no_formula() -> None:
    structure, fit, validation = adequate_fit(lambda a, b: a + b, 2)
    large = Fit(
        shape=structure.shape,
        network=KAN(KANConfig(width=(2, 10, 1))),
        scaler=structure.scaler,
        errors=(1.0,),
    )
    assert read(large, fit, validation) == []
