"""Functions of one variable by their formula in x, such as ``x*exp(-x**2)``, beside those of the library."""

from functools import lru_cache

from kan_engine.errors import InvalidConfig, InvalidExpression
from kan_engine.expressions.differentiation import differentiate
from kan_engine.expressions.evaluation import complexity, evaluate_node
from kan_engine.expressions.library import LIBRARY, Function, Values
from kan_engine.expressions.nodes import ONE, ZERO, Expression, Variable, children, substitute, walk
from kan_engine.expressions.parsing import ExpressionParser, Token
from kan_engine.expressions.thresholds import TextLimits

_X = Variable("x")


@lru_cache(maxsize=1000)
def find_function(name: str) -> Function:
    """The function of the library by its name, or the one that a formula in x is.

    Raises:
        InvalidConfig: It is neither, or does not depend on x.
    """
    if name in LIBRARY:
        return LIBRARY[name]
    try:
        tree = _Parser(name, TextLimits(max_characters=200, max_depth=20)).parse()
    except InvalidExpression as error:
        raise InvalidConfig(
            f"{name!r} is neither a function of the library nor a formula in x, such as x*exp(-x): {error}"
        ) from error
    slope = differentiate(tree, lambda leaf: ONE if leaf == _X else ZERO)
    return Function(
        name,
        lambda u: _apply(tree, u),
        lambda u: _apply(slope, u) + 0.0 * u,
        complexity(tree),
        form=lambda u, _: substitute(tree, {_X: u}),
        searched=False,
    )


def _apply(tree: Expression, u: Values) -> Values:
    """Evaluate a formula at values of x, by ufuncs and operators, which exports replay."""
    if tree == _X:
        return u
    return evaluate_node(tree, [_apply(part, u) for part in children(tree)], {})


class _Parser(ExpressionParser):
    noun = "a function"

    def parse(self) -> Expression:
        tree = self._parse_sum()
        self._expect_end()
        if _X not in walk(tree):
            raise self._error("it does not depend on x")
        return tree

    def _parse_name(self, token: Token) -> Expression:
        is_call = self._accept("(")
        if token.text == _X.name and not is_call:
            return _X
        tree = self._parse_known_name(token, is_call=is_call)
        if tree is None:
            raise self._error(f"{token.text!r} is neither x nor a function", token)
        return tree
