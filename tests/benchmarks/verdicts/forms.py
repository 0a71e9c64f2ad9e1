"""The forty laws behind the generated tables: twenty in reach of the search, twenty harder ones.

They are fixed: nothing of the product is to be tuned to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import erf, gammaln, j0

Array = np.ndarray
Draw = Callable[[np.random.Generator, int], Array]
TARGET = "y"
SEED = 20261127
FRESH_ROWS = 2000
NOISES = (0.0, 0.01, 0.1, 0.3, 1.0)  # standard deviation, over that of the law's values


@dataclass(frozen=True, kw_only=True)
class Form:
    """A law, and the rows that it is sampled in.

    Attributes:
        columns: How every column is drawn, by name; the law takes them in this order.
        irrelevant: Further columns, which the law does not take.
        mixed: Share of a common normal factor in every column, which makes them correlated.
        is_in_reach: Whether the search for formulas can be expected to find it.
    """

    name: str
    law: Callable[..., Array]
    columns: Mapping[str, Draw]
    rows: int
    irrelevant: int = 0
    mixed: float = 0.0
    is_in_reach: bool = True


@dataclass(frozen=True, kw_only=True)
class Case:
    """A table, and fresh rows of the same distribution.

    Attributes:
        columns: With the target, noise included.
        fresh: Columns without the target.
        truth: The law's values of the fresh rows.
        spread: Standard deviation of the law's values in the table.
        noise: Standard deviation of the noise in the table.
    """

    columns: dict[str, Array]
    fresh: dict[str, Array]
    truth: Array
    spread: float
    noise: float


def draw(form: Form, noise: float) -> Case:
    """The rows of a form are the same at every noise; the noise is drawn anew."""
    place = FORMS.index(form)
    columns, values = _sample(form, form.rows, np.random.default_rng([SEED, place]))
    fresh, truth = _sample(form, FRESH_ROWS, np.random.default_rng([SEED, place, 1]))
    spread = float(values.std())
    errors = np.random.default_rng([SEED, place, 2, NOISES.index(noise)]).normal(0, 1, form.rows)
    target = values + noise * spread * errors
    return Case(
        columns=columns | {TARGET: target}, fresh=fresh, truth=truth, spread=spread, noise=noise * spread
    )


def _sample(form: Form, rows: int, generator: np.random.Generator) -> tuple[dict[str, Array], Array]:
    columns = {name: column(generator, rows) for name, column in form.columns.items()}
    noise_columns = {f"other{place}": generator.normal(size=rows) for place in range(form.irrelevant)}
    if form.mixed:
        factor = generator.normal(size=rows)
        columns, noise_columns = (
            {name: np.sqrt(1 - form.mixed) * c + np.sqrt(form.mixed) * factor for name, c in group.items()}
            for group in (columns, noise_columns)
        )
    return columns | noise_columns, np.asarray(form.law(*columns.values()), dtype=float)


def _uniform(low: float, high: float) -> Draw:
    return lambda generator, rows: generator.uniform(low, high, rows)


def _log_uniform(low: float, high: float) -> Draw:
    return lambda generator, rows: np.exp(generator.uniform(np.log(low), np.log(high), rows))


def _normal(generator: np.random.Generator, rows: int) -> Array:
    return generator.normal(size=rows)


def _heavy(generator: np.random.Generator, rows: int) -> Array:
    return generator.standard_t(3, rows)


def _eccentric_anomaly(eccentricity: Array, mean: Array) -> Array:
    """E of Kepler's equation E − e sin E = M, by Newton's method."""
    angle = mean + eccentricity * np.sin(mean)
    for _ in range(50):
        slope = 1 - eccentricity * np.cos(angle)
        angle = angle - (angle - eccentricity * np.sin(angle) - mean) / slope
    return angle


U = _uniform
hard = partial(Form, is_in_reach=False)

FORMS = (
    Form(
        name="01 line",
        law=lambda a, b: 2 * a - 3 * b + 1,
        columns={"a": U(-2, 2), "b": U(-2, 2)},
        rows=60,
        irrelevant=1,
    ),
    Form(name="02 throw", law=lambda t: 1.5 + 4 * t - 4.905 * t**2, columns={"t": U(0, 1)}, rows=60),
    Form(name="03 cubic", law=lambda x: x**3 - 2 * x, columns={"x": _normal}, rows=80, irrelevant=2),
    Form(
        name="04 product and term",
        law=lambda a, b, c: a * b + 0.5 * c,
        columns={"a": _normal, "b": _normal, "c": _normal},
        rows=120,
    ),
    Form(
        name="05 quotient",
        law=lambda u, r: u / r,
        columns={"voltage": U(1, 12), "resistance": U(1, 5)},
        rows=100,
        irrelevant=1,
    ),
    Form(
        name="06 kinetic energy",
        law=lambda m, v: m * v**2 / 2,
        columns={"m": U(1, 4), "v": U(0, 5)},
        rows=100,
        irrelevant=2,
    ),
    Form(
        name="07 gravitation",
        law=lambda m1, m2, r: 6.674 * m1 * m2 / r**2,
        columns={"m1": U(1, 3), "m2": U(1, 3), "r": U(1, 3)},
        rows=200,
    ),
    Form(name="08 decay", law=lambda t: 5 * np.exp(-0.7 * t), columns={"t": U(0, 4)}, rows=80),
    Form(
        name="09 oscillation",
        law=lambda t: 2 * np.sin(3 * t + 0.5) + 1,
        columns={"t": U(0, 4)},
        rows=150,
        irrelevant=1,
    ),
    Form(
        name="10 damped oscillation",
        law=lambda t: np.exp(-0.4 * t) * np.cos(4 * t),
        columns={"t": U(0, 5)},
        rows=200,
    ),
    Form(
        name="11 pendulum",
        law=lambda length, g: 2 * np.pi * np.sqrt(length / g),
        columns={"length": U(0.2, 3), "g": U(1.6, 25)},
        rows=120,
    ),
    Form(
        name="12 ideal gas",
        law=lambda n, t, v: 8.314 * n * t / v,
        columns={"n": U(0.5, 3), "t": U(250, 400), "v": U(5, 30)},
        rows=200,
        irrelevant=1,
    ),
    Form(
        name="13 wind profile",
        law=lambda u, z: 2.5 * u * np.log(z / 0.1),
        columns={"friction": U(0.1, 0.6), "height": U(1, 50)},
        rows=100,
    ),
    Form(
        name="14 bell",
        law=lambda x: np.exp(-(x**2) / 2),
        columns={"x": U(-3, 3)},
        rows=100,
        irrelevant=1,
    ),
    Form(
        name="15 parallel resistors",
        law=lambda a, b: a * b / (a + b),
        columns={"r1": U(1, 10), "r2": U(1, 10)},
        rows=120,
    ),
    Form(name="16 saturation", law=lambda s: 3 * s / (0.8 + s), columns={"substrate": U(0.05, 6)}, rows=80),
    Form(
        name="17 sine and square",
        law=lambda x, z: np.sin(2 * x) + z**2 / 2,
        columns={"x": U(-2, 2), "z": U(-1.5, 1.5)},
        rows=150,
        irrelevant=1,
    ),
    Form(
        name="18 distance",
        law=lambda a, b: np.sqrt(a**2 + b**2),
        columns={"a": U(0, 3), "b": U(0, 4)},
        rows=150,
    ),
    Form(
        name="19 reaction rate",
        law=lambda a, e, t: a * np.exp(-e / t),
        columns={"factor": U(0.5, 2), "barrier": U(1, 3), "t": U(0.6, 2)},
        rows=300,
    ),
    Form(
        name="20 energy",
        law=lambda m, h, v: m * (9.81 * h + v**2 / 2),
        columns={"m": U(1, 4), "h": U(0, 3), "v": U(0, 6)},
        rows=300,
        irrelevant=1,
    ),
    hard(
        name="21 six columns",
        law=lambda a, b, c, d, e, f: a * b + np.sin(3 * c) + np.exp(d / 2) - e**2 + f,
        columns={name: U(-1.5, 1.5) for name in "abcdef"},
        rows=600,
    ),
    hard(
        name="22 nested sine",
        law=lambda x, z: np.sin(np.exp(x) + z**2),
        columns={"x": U(-1, 1.5), "z": U(-1.5, 1.5)},
        rows=300,
    ),
    hard(
        name="23 nested logarithm",
        law=lambda a, b, c: np.log(1 + np.exp(2 * a) * np.cos(b) ** 2 + c**2),
        columns={"a": _normal, "b": U(-3, 3), "c": _normal},
        rows=400,
    ),
    hard(
        name="24 two regimes",
        law=lambda x, z: np.where(x < 0.3, 1 + 2 * x, 3 - x**2 + z),
        columns={"x": U(-1, 1.5), "z": U(-1, 1)},
        rows=200,
        irrelevant=1,
    ),
    hard(
        name="25 step",
        law=lambda x, z: 5.0 * (x > 0.5) + z,
        columns={"x": U(0, 1), "z": U(-1, 1)},
        rows=200,
        irrelevant=2,
    ),
    hard(
        name="26 quadrant",
        law=lambda a, b: 3.0 * ((a > 0) & (b > 0.3)) + a,
        columns={"a": U(-1, 1), "b": U(-1, 1)},
        rows=300,
    ),
    hard(
        name="27 absolute values",
        law=lambda a, b, c: np.abs(a - b) + np.abs(c) / 2,
        columns={"a": _normal, "b": _normal, "c": _normal},
        rows=200,
    ),
    hard(
        name="28 maximum",
        law=lambda a, b: np.maximum(a, b**2),
        columns={"a": U(-1, 2), "b": _normal},
        rows=150,
    ),
    hard(
        name="29 ring of products",
        law=lambda a, b, c, d, e: a * b + b * c + c * d + d * e - a * e,
        columns=dict.fromkeys("abcde", _normal),
        rows=300,
    ),
    hard(
        name="30 three together",
        law=lambda a, b, c, d, e: a * b * c + np.sin(2 * d * e),
        columns={name: U(-1.5, 1.5) for name in "abcde"},
        rows=500,
    ),
    hard(name="31 fast sine", law=lambda x: np.sin(40 * x), columns={"x": U(-1, 1)}, rows=150),
    hard(
        name="32 chirp",
        law=lambda x, z: np.sin(12 * x**2) + 0.3 * z,
        columns={"x": U(0, 2), "z": _normal},
        rows=250,
        irrelevant=1,
    ),
    hard(
        name="33 error function",
        law=lambda a, b: erf(2 * a) * b,
        columns={"a": U(-1.5, 1.5), "b": U(-2, 2)},
        rows=200,
    ),
    hard(
        name="34 Bessel",
        law=lambda r, t: j0(3 * r) * np.cos(t),
        columns={"r": U(0, 3), "t": U(-3, 3)},
        rows=300,
    ),
    hard(
        name="35 Kepler",
        law=_eccentric_anomaly,
        columns={"eccentricity": U(0.1, 0.95), "mean": U(0, 2 * np.pi)},
        rows=300,
    ),
    hard(
        name="36 heavy tails",
        law=lambda a, b, c: a / (1 + b**2) + np.sin(c),
        columns={"a": _heavy, "b": _heavy, "c": _heavy},
        rows=300,
    ),
    hard(
        name="37 correlated",
        law=lambda a, b, c: 2 * a - b * c + np.sin(2 * b),
        columns={"a": _normal, "b": _normal, "c": _normal},
        rows=200,
        irrelevant=2,
        mixed=0.8,
    ),
    hard(
        name="38 seven decades",
        law=lambda a, b: np.sqrt(a) / (1 + b),
        columns={"a": _log_uniform(1e-3, 1e4), "b": _log_uniform(1e-2, 1e2)},
        rows=200,
    ),
    hard(
        name="39 gamma function",
        law=lambda a, b: gammaln(a) + b * np.abs(b),
        columns={"a": _log_uniform(0.05, 8), "b": _normal},
        rows=150,
    ),
    hard(
        name="40 sawtooth",
        law=lambda x, z: 2 * x - np.floor(2 * x) + z * x,
        columns={"x": U(-1, 1.5), "z": U(-1, 1)},
        rows=60,
        irrelevant=1,
    ),
)
