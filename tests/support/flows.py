"""Equations of a flow whose solution is known: the vortex of Taylor and Green, which friction slows down.

u = -cos(x) sin(y) e^(-2νt), v = sin(x) cos(y) e^(-2νt), p = -(cos(2x) + cos(2y)) e^(-4νt) / 4 satisfy the
equations of Navier and Stokes (Taylor and Green, Proc. R. Soc. A 158, 1937).
"""

from __future__ import annotations

from math import pi
from typing import Any

SOLUTION = {
    "u": "-cos({x})*sin({y})*exp(-{t}/5)",
    "v": "sin({x})*cos({y})*exp(-{t}/5)",
    "p": "-(cos(2*{x}) + cos(2*{y}))*exp(-2*{t}/5)/4",
}
FACES: tuple[tuple[str, float], ...] = (("t", 0), ("x", 0), ("x", pi), ("y", 0), ("y", pi))


def taylor_green(**changes: Any) -> dict[str, Any]:
    """A request to solve them for ν = 0.1 on x, y in [0, π] and t in [0, 1], with conditions on all faces."""
    return {
        "kind": "solve",
        "independent": ["x", "y", "t"],
        "unknowns": ["u", "v", "p"],
        "domain": {"x": [0, pi], "y": [0, pi], "t": [0, 1]},
        "equations": [_momentum("u", "x"), _momentum("v", "y"), f"{_slope('u', 'x')} + {_slope('v', 'y')}"],
        "conditions": [
            {"on": {axis: place}, "residual": _condition(unknown, axis, place)}
            for unknown in SOLUTION
            for axis, place in FACES
        ],
        **changes,
    }


def _momentum(unknown: str, axis: str) -> str:
    along = f"u(x, y, t)*{_slope(unknown, 'x')} + v(x, y, t)*{_slope(unknown, 'y')}"
    friction = f"({_slope(unknown, '(x, 2)')} + {_slope(unknown, '(y, 2)')})/10"
    return f"{_slope(unknown, 't')} + {along} + {_slope('p', axis)} - {friction}"


def _slope(unknown: str, by: str) -> str:
    return f"Derivative({unknown}(x, y, t), {by})"


def _condition(unknown: str, axis: str, place: float) -> str:
    at = {"x": "x", "y": "y", "t": "t"} | {axis: repr(place)}
    return f"{unknown}({at['x']}, {at['y']}, {at['t']}) - ({SOLUTION[unknown].format(**at)})"
