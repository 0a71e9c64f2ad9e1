"""Windows in time: how they go on where no grid resolves what begins with a kink."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from kan_engine.differential.adaptive_solver import solve_adaptively
from kan_engine.differential.assembly import SolverState
from kan_engine.differential.collocation import descend
from kan_engine.differential.problem_parser import parse_problem
from kan_engine.differential.residual_weights import build_system
from kan_engine.differential.thresholds import DEFAULT_SOLVER
from kan_engine.differential.time_marching import march
from kan_engine.splines.tensor_product import SplineAxis, TensorSpline

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("shapes_unchecked")]

DIFFUSION = 0.5


def test_windows_grow_again_behind_a_start_that_its_conditions_bend() -> None:
    """x² has a kink where it is continued periodically; diffusion smooths it."""
    kinked = parse_problem(
        independent=["t", "x"],
        unknowns=["u"],
        domain={"t": [0, 0.5], "x": [-1, 1]},
        equations=[f"Derivative(u(t, x), t) - {DIFFUSION}*Derivative(u(t, x), (x, 2)) + u(t, x)**3"],
        conditions=[
            ({"t": 0}, "u(0, x) - x**2"),
            ({"x": [-1, 1]}, "u(t, -1) - u(t, 1)"),
            ({"x": [-1, 1]}, "Subs(Derivative(u(t, x), x), x, -1) - Subs(Derivative(u(t, x), x), x, 1)"),
        ],
    )
    axes = [SplineAxis.uniform(0, 0.5, 6, 5), SplineAxis.uniform(-1, 1, 6, 5)]
    *windows, reached = march(kinked, axes, steps=DEFAULT_SOLVER.max_steps, thresholds=DEFAULT_SOLVER)
    assert isinstance(reached, SolverState)
    assert len(windows) < 40
    x, truth = by_fourier()
    found = reached.spline.evaluate_grid([np.array([0.5]), x])[0, 0]
    np.testing.assert_allclose(found, truth, atol=1e-3 * np.abs(truth).max())


def by_fourier(count: int = 256, steps: int = 2_000) -> tuple[np.ndarray, np.ndarray]:
    """The same by splitting: diffusion and reaction in turns, each exactly."""
    x = -1 + 2 * np.arange(count) / count
    u, step = x**2, 0.5 / steps
    fades = np.exp(-DIFFUSION * (np.pi * np.fft.rfftfreq(count, 1 / count)) ** 2 * step / 2)
    for _ in range(steps):
        u = np.fft.irfft(fades * np.fft.rfft(u), count)
        u = u / np.sqrt(1 + 2 * step * u**2)
        u = np.fft.irfft(fades * np.fft.rfft(u), count)
    return x, u


@pytest.mark.thorough
def test_a_kink_and_the_fronts_that_form_later_are_resolved_together() -> None:
    """The equation of Allen and Cahn as papers on neural solvers have it (Raissi et al. 2019)."""
    problem = parse_problem(
        independent=["x", "t"],
        unknowns=["u"],
        domain={"x": [-1, 1], "t": [0, 1]},
        equations=["Derivative(u(x, t), t) - Derivative(u(x, t), (x, 2))/10000 + 5*u(x, t)**3 - 5*u(x, t)"],
        conditions=[
            ({"t": 0}, "u(x, 0) - x**2*cos(pi*x)"),
            ({"x": [-1, 1]}, "u(-1, t) - u(1, t)"),
            ({"x": [-1, 1]}, "Subs(Derivative(u(x, t), x), x, -1) - Subs(Derivative(u(x, t), x), x, 1)"),
        ],
    )
    *_, reached = solve_adaptively(problem)
    assert reached.solution is not None
    x, truth = sharp_fronts()
    (found,) = reached.solution.values({"x": x, "t": np.ones(len(x))})
    assert np.linalg.norm(found - truth) < 3e-4 * np.linalg.norm(truth)


def sharp_fronts(count: int = 2048, steps: int = 10_000) -> tuple[np.ndarray, np.ndarray]:
    """What it comes to at t = 1, again by splitting."""
    x = -1 + 2 * np.arange(count) / count
    u, step = x**2 * np.cos(np.pi * x), 1 / steps
    fades = np.exp(-1e-4 * (np.pi * np.fft.rfftfreq(count, 1 / count)) ** 2 * step / 2)
    growth = np.exp(5 * step)
    for _ in range(steps):
        u = np.fft.irfft(fades * np.fft.rfft(u), count)
        u = growth * u / np.sqrt(1 + (growth**2 - 1) * u**2)
        u = np.fft.irfft(fades * np.fft.rfft(u), count)
    return x, u


def test_the_phase_of_a_relaxation_oscillation_stays_right() -> None:
    """Van der Pol's oscillation jumps within 18; Radau's method is its reference."""
    mu = 20
    relaxation = parse_problem(
        independent=["t"],
        unknowns=["y"],
        domain={"t": [0, 18]},
        equations=[f"y'' = {mu}*(1 - y**2)*y' - y"],
        conditions=["y(0) = 2", "y'(0) = 0"],
    )
    *_, reached = solve_adaptively(relaxation)
    assert reached.solution is not None
    t = np.linspace(0, 18, 501)
    truth = solve_ivp(
        lambda _, y: [y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]],
        (0, 18),
        [2, 0],
        method="Radau",
        t_eval=t,
        rtol=1e-11,
        atol=1e-12,
    ).y[0]
    found = reached.solution.values({"t": t})[0]
    assert np.linalg.norm(found - truth) < 1e-8 * np.linalg.norm(truth)


def test_a_step_that_is_not_finished_in_time_counts_for_nothing() -> None:
    problem = parse_problem(
        independent=["t", "x"],
        unknowns=["u"],
        domain={"t": [0, 1], "x": [0, 1]},
        equations=["Derivative(u(t, x), t) + Derivative(u(t, x), x)"],
        conditions=[({"t": 0}, "u(0, x) - sin(x)"), ({"x": 0}, "u(t, 0) + sin(t)")],
    )
    axes = [SplineAxis.uniform(0, 1, 8, 5), SplineAxis.uniform(0, 1, 8, 5)]
    checked = replace(DEFAULT_SOLVER, large_bandwidth=0)
    start = SolverState(TensorSpline.zero(axes, 1), np.zeros(0))
    asked = iter([False, False, True])
    system = build_system(problem, axes, start, thresholds=checked)
    reached = descend(system, start, steps=5, should_stop=lambda: next(asked, True))
    assert reached.steps == 0
    assert next(asked, None) is None
    assert descend(build_system(problem, axes, start, thresholds=DEFAULT_SOLVER), start, steps=5).steps > 0


def test_no_window_is_finished_when_time_is_up() -> None:
    problem = parse_problem(
        independent=["t", "x"],
        unknowns=["u"],
        domain={"t": [0, 1], "x": [-1, 1]},
        equations=["Derivative(u(t, x), t) - Derivative(u(t, x), (x, 2)) + u(t, x)**3"],
        conditions=[({"t": 0}, "u(0, x) - cos(x)"), ({"x": -1}, "u(t, -1) - 1"), ({"x": 1}, "u(t, 1) - 1")],
    )
    axes = [SplineAxis.uniform(0, 1, 8, 7), SplineAxis.uniform(-1, 1, 8, 7)]
    most = DEFAULT_SOLVER.max_steps
    found = march(problem, axes, steps=most, thresholds=DEFAULT_SOLVER, should_stop=lambda: True)
    assert list(found) == []
