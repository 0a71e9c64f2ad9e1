"""Equations in print: derivatives as primes and subscripts, sides as they are typed."""

import pytest

from kan_engine.differential.jets import SymbolTable
from kan_engine.differential.notation.typesetting import typeset_equation
from kan_engine.errors import InvalidEquation

pytestmark = pytest.mark.usefixtures("shapes_unchecked")  # nothing here has a shape


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("d2y/dt2 + 0.4*y' + 4*y = 0", "{y''} + 0.4 {y'} + 4 y = 0"),
        ("y'^2", "{y'}^{2}"),
        ("y'(pi) = -omega", r"y'\left(\pi\right) = - \omega"),
        ("y_tttt(2*pi)", r"y^{(4)}\left(2\pi\right)"),
        ("z_1'' = 1/3", r"{z_{1}^{\prime\prime}} = \frac{1}{3}"),
        ("Derivative(y(t), t) - z_1(t)", "{y'} - z_{1}"),
        ("y(1e-9) = 0.25", r"y\left(1\cdot10^{-9}\right) = 0.25"),
    ],
)
def test_an_ordinary_equation_is_typeset_with_primes(text: str, latex: str) -> None:
    assert typeset_equation(text, SymbolTable(("t",), ("y", "z_1"), ("omega",))) == latex


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("du/dt = 0.1*d2u/dx2", "{u_{t}} = 0.1 {u_{xx}}"),
        ("u(x, 0) = sin(pi*x)", r"u\left(x,0\right) = \sin\left(\pi x\right)"),
        ("u_x(0, t)", r"u_{x}\left(0,t\right)"),
        ("v_1_xt", "{v_{1,xt}}"),
    ],
)
def test_a_partial_equation_is_typeset_with_subscripts(text: str, latex: str) -> None:
    assert typeset_equation(text, SymbolTable(("x", "t"), ("u", "v_1"))) == latex


def test_what_is_no_equation_is_not_typeset() -> None:
    with pytest.raises(InvalidEquation, match="between factors") as refused:
        typeset_equation("y' = 4y", SymbolTable(("t",), ("y",)))
    assert refused.value.place == 6
