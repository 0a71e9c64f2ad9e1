"""The functions of the library as ONNX nodes in float64.

onnxruntime has few functions in float64, among them exp, log, sqrt, sin, cos, tanh and powers. The others are
composed of these by formulas that avoid the cancellation of the textbook ones.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import numpy as np
from onnx import TensorProto

from kan_engine.errors import NotExportable
from kan_engine.export.onnx.graph import Graph
from kan_engine.export.recording import Recorded
from kan_engine.expressions.error_function import FRACTIONS, POLE_RATE, SATURATION, SERIES, STEP
from kan_engine.expressions.formulas_of_x import find_function
from kan_engine.expressions.library import LIBRARY, NumpyFunction

Writer = Callable[[Graph, str], str]

MAX_ARCTAN_ARGUMENT = 1e18  # beyond it the arc tangent equals ±π/2 in float64


def write_function(graph: Graph, name: str, u: str) -> str:
    """Write f(u).

    Raises:
        NotExportable: ONNX cannot express f in float64.
    """
    if name in WRITERS:
        return WRITERS[name](graph, u)
    return write_numpy(graph, find_function(name).of, u)


def write_numpy(graph: Graph, function: NumpyFunction, u: str) -> str:
    """Write f(u) with the same operations as f, a function of ufuncs.

    Raises:
        NotExportable: One of them has no node, nor is it a function of the library.
    """
    value: str = function(Recorded(u, partial(_write_ufunc, graph))).value
    return value


def _write_ufunc(g: Graph, ufunc: np.ufunc, *operands: Any) -> str:
    names = [part if isinstance(part, str) else g.constant(part) for part in operands]
    if ufunc.__name__ in OPERATORS:
        return g.add(OPERATORS[ufunc.__name__], *names)
    if ufunc is np.expm1:
        return _expm1(g, *names)
    for name, writer in WRITERS.items():
        if LIBRARY[name].of is ufunc:
            return writer(g, *names)
    raise _refuse(ufunc.__name__)


def _refuse(name: str) -> NotExportable:
    return NotExportable(f"ONNX has no {name} in float64; export the model as python or safetensors")


def arctan(g: Graph, u: str) -> str:
    """The arc tangent y in float32 plus its correction atan((u cos y - sin y) / (cos y + u sin y)).

    The argument of the correction is below 1e-6, where an arc tangent equals its argument in float64.
    """
    # The correction of an infinite argument would be NaN
    near = g.clip(u, -MAX_ARCTAN_ARGUMENT, MAX_ARCTAN_ARGUMENT)
    rough = g.add("Atan", g.add("Cast", near, to=TensorProto.FLOAT))
    y = g.cast_to_numbers(rough)
    sine, cosine = g.add("Sin", y), g.add("Cos", y)
    # Tangent of the error of y, by the addition theorem
    above = g.add("Sub", g.add("Mul", near, cosine), sine)
    below = g.add("Add", cosine, g.add("Mul", near, sine))
    value = g.add("Add", y, g.add("Div", above, below))
    return g.add("Where", g.add("IsNaN", u), u, value)


def arccos(g: Graph, u: str) -> str:
    """2 · atan √((1 - u) / (1 + u))."""
    ratio = g.add("Div", _one_minus(g, u), g.shift(u, 1.0))
    return g.scale(arctan(g, g.add("Sqrt", ratio)), 2.0)


def arcsin(g: Graph, u: str) -> str:
    """2 · atan(u / (1 + √((1 - u)(1 + u))))."""
    root = g.add("Sqrt", g.add("Mul", _one_minus(g, u), g.shift(u, 1.0)))
    return g.scale(arctan(g, g.add("Div", u, g.shift(root, 1.0))), 2.0)


def _one_minus(g: Graph, u: str) -> str:
    return g.add("Sub", g.constant(1.0), u)


def _log1p(g: Graph, z: str) -> str:
    """log(1 + z) with full precision for small z: z · log w / (w - 1) with w = 1 + z rounded (Kahan)."""
    w = g.shift(z, 1.0)
    difference = g.shift(w, -1.0)
    # Where 1 + z rounds to 1, the logarithm equals z in float64
    is_lost = g.add("Equal", difference, g.constant(0.0))
    safe = g.add("Where", is_lost, g.constant(1.0), difference)
    quotient = g.add("Mul", g.add("Log", w), g.add("Div", z, safe))
    return g.add("Where", is_lost, z, quotient)


def _expm1(g: Graph, u: str) -> str:
    """exp(u) - 1 = tanh(u/2) · (exp(u) + 1), with full precision for small u."""
    return g.add("Mul", g.add("Tanh", g.scale(u, 0.5)), g.shift(g.add("Exp", u), 1.0))


def _sinh(g: Graph, u: str) -> str:
    """(exp(u) - exp(-u)) / 2; near 0, where this cancels, 2t / (1 - t²) with t = tanh(u/2)."""
    far = g.scale(g.add("Sub", g.add("Exp", u), g.add("Exp", g.add("Neg", u))), 0.5)
    t = g.add("Tanh", g.scale(u, 0.5))
    near = g.add("Div", g.scale(t, 2.0), _one_minus(g, g.add("Mul", t, t)))
    return g.add("Where", g.add("Less", g.add("Abs", u), g.constant(1.0)), near, far)


def _cosh(g: Graph, u: str) -> str:
    return g.scale(g.add("Add", g.add("Exp", u), g.add("Exp", g.add("Neg", u))), 0.5)


def _arsinh(g: Graph, u: str) -> str:
    """± log(1 + a + a² / (1 + √(1 + a²))) with a = |u|."""
    a = g.add("Abs", u)
    square = g.add("Mul", a, a)
    root = g.add("Sqrt", g.shift(square, 1.0))
    small = g.add("Add", a, g.add("Div", square, g.shift(root, 1.0)))
    # Where the square overflows, log 2a is equal in float64.
    large = g.shift(g.add("Log", a), float(np.log(2.0)))
    value = g.add("Where", g.add("Less", a, g.constant(1e9)), _log1p(g, small), large)
    return g.add("Mul", g.add("Sign", u), value)


def _arcosh(g: Graph, u: str) -> str:
    """log(1 + t + √t · √(u + 1)) with t = u - 1."""
    t = g.shift(u, -1.0)
    root = g.add("Mul", g.add("Sqrt", t), g.add("Sqrt", g.shift(u, 1.0)))
    return _log1p(g, g.add("Add", t, root))


def _artanh(g: Graph, u: str) -> str:
    """log(1 + 2u / (1 - u)) / 2."""
    return g.scale(_log1p(g, g.add("Div", g.scale(u, 2.0), _one_minus(g, u))), 0.5)


def _erf(g: Graph, u: str) -> str:
    """The series for |u| < 1, else the sum of fractions; see ``expressions.error_function``."""
    square = g.add("Mul", u, u)
    # Horner scheme in u²
    series = g.constant(SERIES[-1])
    for coefficient in SERIES[-2::-1]:
        series = g.shift(g.add("Mul", square, series), coefficient)
    # A saturated argument keeps the exponentials finite
    z = g.clip(g.add("Abs", u), 0.0, SATURATION)
    above = g.add("Mul", z, z)
    parts = [g.add("Div", g.constant(top), g.shift(above, shift)) for shift, top in FRACTIONS]
    # Trapezoidal rule with the residue of its pole (Chiarella and Reichel 1968)
    bell = g.add("Mul", g.scale(z, STEP / np.pi), g.add("Exp", g.add("Neg", above)))
    pole = g.add("Div", g.constant(2.0), g.shift(g.add("Exp", g.scale(z, POLE_RATE)), -1.0))
    complement = g.add("Sub", g.add("Mul", bell, reduce(partial(g.add, "Add"), parts)), pole)
    far = g.add("Mul", g.add("Sign", u), _one_minus(g, complement))
    value = g.add("Where", g.add("Less", g.add("Abs", u), g.constant(1.0)), g.add("Mul", u, series), far)
    return g.add("Where", g.add("IsNaN", u), u, value)


def _softplus(g: Graph, u: str) -> str:
    """max(u, 0) + log(1 + exp(-|u|))."""
    falling = _log1p(g, g.add("Exp", g.add("Neg", g.add("Abs", u))))
    return g.add("Add", g.add("Max", u, g.constant(0.0)), falling)


SAME_NAMES = "add", "sqrt", "exp", "log", "sign", "sin", "cos", "tanh"
OTHER_NAMES = {"subtract": "Sub", "multiply": "Mul", "divide": "Div", "power": "Pow", "negative": "Neg"}
OPERATORS = {name: name.capitalize() for name in SAME_NAMES} | OTHER_NAMES | {"absolute": "Abs"}
"""Nodes that compute what a ufunc does, by its name."""

WRITERS: dict[str, Writer] = {
    "softplus": _softplus,
    "tan": lambda g, u: g.add("Div", g.add("Sin", u), g.add("Cos", u)),
    "sinh": _sinh,
    "cosh": _cosh,
    "asin": arcsin,
    "acos": arccos,
    "atan": arctan,
    "asinh": _arsinh,
    "acosh": _arcosh,
    "atanh": _artanh,
    "erf": _erf,
}
"""Functions of the library that are composed of nodes otherwise than of ufuncs."""
