"""``python -m tests.benchmarks.densities``: densities of known laws, on fresh rows, beside a kernel estimate.

Numbers are mean log-likelihoods of fresh rows beyond that of the true density: of the network's density, of
the law that was recognised, and of the kernel estimate, which is the product's own baseline; 0 is perfect.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import integrate, stats

from kan_engine import DensityConfig, Encoding, fit_bivariate_density, fit_univariate_density
from kan_engine.density.kernel import KernelDensity
from kan_engine.density.law_recognition import recognise_bivariate_laws, recognise_univariate_laws
from kan_engine.density.thresholds import DEFAULT_DENSITY

FRESH, FRESH_OF_KERNEL = 20_000, 5_000


@dataclass(frozen=True)
class Truth:
    """A law to draw from, and its name as the service would tell it; None where it has none."""

    name: str | None
    draw: Callable[[np.random.Generator, int], np.ndarray]
    log_density: Callable[[np.ndarray], np.ndarray]


def _of(name: str, law: object) -> Truth:
    return Truth(name, lambda rng, n: law.rvs(n, random_state=rng), law.logpdf)  # type: ignore[attr-defined]


def _ring(rng: np.random.Generator, n: int) -> np.ndarray:
    sample = np.zeros((0, 2))
    while len(sample) < n:
        points = rng.uniform(-4.5, 4.5, (4 * n, 2))
        sample = np.vstack([sample, points[rng.random(4 * n) < np.exp(_log_ring(points))]])
    return sample[:n]


def _log_ring(x: np.ndarray) -> np.ndarray:
    return -0.5 * ((np.hypot(*x.T) - 2) / 0.4) ** 2


RING = 2 * np.pi * integrate.quad(lambda r: r * np.exp(-0.5 * ((r - 2) / 0.4) ** 2), 0, 9)[0]


def _mixture(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.where(rng.random(n) < 0.4, rng.normal(-2, 0.6, n), rng.normal(1.5, 1, n))


TRUTHS = {
    "normal(3, 2)": _of("normal", stats.norm(3, 2)),
    "exponential(0.5)": _of("exponential", stats.expon(0, 2)),
    "gamma(2)": _of("gamma", stats.gamma(2, scale=1.5)),
    "uniform(2, 5)": _of("uniform", stats.uniform(2, 3)),
    "log-normal(0.7, 0.6)": _of("log-normal", stats.lognorm(0.6, scale=2)),
    "beta(2, 5)": _of("beta", stats.beta(2, 5)),
    "two normals": Truth(
        "mixture of two normal laws",
        _mixture,
        lambda x: np.log(0.4 * stats.norm.pdf(x, -2, 0.6) + 0.6 * stats.norm.pdf(x, 1.5, 1)),
    ),
    "normal pair, correlation 0.8": _of(
        "bivariate normal", stats.multivariate_normal([1, 2], [[1, 0.8], [0.8, 1]])
    ),
    "ring": Truth(None, _ring, lambda x: _log_ring(x) - np.log(RING)),
}


def main() -> None:
    """Measure what the command line names, and print a row of a Markdown table for each law and count."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.densities")
    parser.add_argument("--rows", nargs="+", type=int, default=[200, 1_000, 10_000])
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--law", nargs="+", choices=TRUTHS, default=list(TRUTHS))
    arguments = parser.parse_args()
    for name in arguments.law:
        for rows in arguments.rows:
            sys.stdout.write(_row(name, rows, arguments.samples) + "\n")
            sys.stdout.flush()


def _row(name: str, rows: int, samples: int) -> str:
    truth = TRUTHS[name]
    results = [_sample(truth, rows, seed) for seed in range(samples)]
    network, zero, kernel, law = (np.array([entry[place] for entry in results]) for place in range(4))
    law_counts = Counter(entry[4] for entry in results)
    law_text = f"{np.nanmean(law):.4f}" if np.isfinite(law).any() else "–"
    seconds = float(np.mean([entry[5] for entry in results]))
    right = f"{law_counts[truth.name]} of {samples}"
    alternatives = ", ".join(
        f"{label or 'none'} {n}" for label, n in law_counts.items() if label != truth.name
    )
    return (
        f"| {name} | {rows:,} | {network.mean():.4f} | {law_text} | {kernel.mean():.4f} | {right}"
        f"{f' ({alternatives})' if alternatives else ''} | {zero.mean():.5f} | {seconds:.1f} |"
    )


def _sample(truth: Truth, rows: int, seed: int) -> tuple[float, float, float, float, str | None, float]:
    rng = np.random.default_rng(1_000 + seed)
    x, fresh = (truth.draw(rng, n).reshape(n, -1) for n in (rows, FRESH))
    true = truth.log_density(fresh if fresh.shape[1] > 1 else fresh[:, 0])
    w, names = np.ones(rows), tuple("xy"[: x.shape[1]])
    start = time.perf_counter()
    sides = [fit_univariate_density(values, w, DensityConfig()) for values in x.T]
    density = (
        sides[0] if len(sides) == 1 else fit_bivariate_density(x, w, (sides[0], sides[1]), DensityConfig())
    )
    laws = [
        recognise_univariate_laws(name, values, w, side.held, side.support[0], 0, thresholds=DEFAULT_DENSITY)
        for name, values, side in zip(names, x.T, sides, strict=True)
    ]
    verdict = (
        laws[0]
        if len(laws) == 1
        else recognise_bivariate_laws(
            (names[0], names[1]), x, w, density.held, (laws[0], laws[1]), 0, thresholds=DEFAULT_DENSITY
        )
    )
    seconds = time.perf_counter() - start
    encoding = Encoding.fit(dict(zip(names, x.T, strict=True)), dict.fromkeys(names, "number"))
    p = density.to_predictor(encoding, "p").predict(fresh)
    inside = p > 0
    network = float((np.log(p[inside]) - true[inside]).mean())
    kernel = KernelDensity.fit(x, w).log_density(fresh[:FRESH_OF_KERNEL])
    law = verdict.accepted[0] if verdict.accepted else None
    of_law = np.nan if law is None else float((law.log_density(fresh[inside]) - true[inside]).mean())
    return (
        network,
        1 - float(inside.mean()),
        float((kernel - true[:FRESH_OF_KERNEL]).mean()),
        of_law,
        law.name if law else None,
        seconds,
    )


if __name__ == "__main__":
    main()
