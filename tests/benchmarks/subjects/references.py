"""Reference solutions of equations without a solution in closed form, on grids of the whole domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy
from scipy.integrate import solve_ivp

Reference = tuple[dict[str, np.ndarray], np.ndarray]
"""Points by variable, and the values of all unknowns there [unknowns, points]."""


def compute(problem: Mapping[str, Any]) -> Reference:
    """The solution of a problem by the method that its line names."""
    return METHODS[problem["reference"]["method"]](problem)


def by_radau(problem: Mapping[str, Any], count: int = 1_001) -> Reference:
    """A stiff system of first order by Radau's method, at equal steps and at those of the method.

    ``system`` has the derivatives of the variables y0, y1, …; the first ones are the unknowns.
    """
    reference = problem["reference"]
    (name,) = problem["independent"]
    low, high = problem["domain"][name]
    letters = sympy.symbols([f"y{place}" for place in range(len(reference["system"]))])
    slopes = [sympy.sympify(text) for text in reference["system"]]
    slope = sympy.lambdify([letters], slopes)
    jacobian = sympy.lambdify([letters], sympy.Matrix(slopes).jacobian(letters))
    solution = solve_ivp(
        lambda _, y: slope(y),
        (low, high),
        reference["start"],
        method="Radau",
        jac=lambda _, y: jacobian(y),
        dense_output=True,
        rtol=1e-12,
        atol=1e-13,
    )
    points = np.union1d(np.linspace(low, high, count), solution.t[::10])
    return {name: points}, solution.sol(points)[: len(problem["unknowns"])]


def by_cole_hopf(problem: Mapping[str, Any], count: int = 2_001, times: int = 26) -> Reference:
    """u_t + u·u_x = ν·u_xx with u(x, 0) = -sin(πx), the shock at x = 0 included (Cole 1951, Hopf 1950).

    The substitution u = -2ν·φ_x/φ turns it into the heat equation, whose solution is an integral with the
    Gaussian kernel; the trapezoidal rule computes it to rounding error.
    """
    viscosity = float(sympy.sympify(problem["reference"]["viscosity"]))
    z = np.linspace(-9, 9, 3_001)
    x, t = np.linspace(-1, 1, count), np.linspace(*problem["domain"]["t"], times)
    values = np.empty((times, count))
    for row, time in enumerate(t):
        y = x[:, None] - z * np.sqrt(4 * viscosity * time)
        kernel = np.exp(-(np.cos(np.pi * y) + 1) / (2 * np.pi * viscosity) - z**2)
        kernel /= kernel.max(1, keepdims=True)
        values[row] = -(np.sin(np.pi * y) * kernel).sum(1) / kernel.sum(1)
    return _columns(x, t), values.reshape(1, -1)


def by_splitting(problem: Mapping[str, Any], count: int = 2_048, steps: int = 20_000) -> Reference:
    """u_t = D·u_xx + 5·(u - u³), periodic, by Fourier's series and the exact solution of the reaction.

    Strang's splitting is of second order in the step.
    """
    diffusion = problem["reference"]["diffusion"]
    x, step = -1 + 2 * np.arange(count) / count, 1 / steps
    u = x**2 * np.cos(np.pi * x)
    fades = np.exp(-diffusion * (np.pi * np.fft.rfftfreq(count, 1 / count)) ** 2 * step / 2)
    growth, states = np.exp(5 * step), [u]
    for number in range(1, steps + 1):
        u = np.fft.irfft(fades * np.fft.rfft(u), count)
        u = growth * u / np.sqrt(1 + (growth**2 - 1) * u**2)
        u = np.fft.irfft(fades * np.fft.rfft(u), count)
        if number % (steps // 20) == 0:
            states.append(u)
    return _columns(x, np.linspace(0, 1, 21)), np.array(states).reshape(1, -1)


def _columns(x: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
    """The points of a grid, with x first within every t."""
    return {"x": np.tile(x, len(t)), "t": np.repeat(t, len(x))}


METHODS: Mapping[str, Callable[[Mapping[str, Any]], Reference]] = {
    "radau": by_radau,
    "cole_hopf": by_cole_hopf,
    "splitting": by_splitting,
}
