"""Laws that no small network represents and that hold to rounding error, each found by algebra."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import Expression, Variable
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.strategies.exact.algebraic_laws import find_quadratic_law, find_rational_law
from kan_engine.formulas.strategies.exact.power_product_law import find_power_product_law
from kan_engine.formulas.strategies.exact.univariate_law import find_univariate_law

FindLaw = Callable[[LabelledRows, LabelledRows, Callable[[], bool]], Expression | None]
"""Finds a law of rows to fit that holds on other rows; see ``algebraic_laws.find_rational_law``."""


@dataclass(frozen=True)
class ExactLaw:
    """At most one law.

    Attributes:
        name: See ``Strategy``.
        find: Finds it.
    """

    name: str
    find: FindLaw
    message: str = "searching for a law exact to rounding error"

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:  # noqa: ARG002
        """Yield the law, if there is one."""
        problem = pool.problem
        tree = self.find(problem.fit, problem.validation, problem.should_stop)
        if tree is not None:
            yield problem.measure(tree, strategy=self.name)


def _find_law_of_one_variable(
    fit: LabelledRows, validation: LabelledRows, should_stop: Callable[[], bool]
) -> Expression | None:
    if len(fit.names) != 1:
        return None
    return find_univariate_law(Variable(fit.names[0]), fit, validation, should_stop)


ONE_VARIABLE = ExactLaw("law of one variable", _find_law_of_one_variable)
POWER_PRODUCT = ExactLaw("function of a product of powers", find_power_product_law)
RATIONAL = ExactLaw("quotient of polynomials", find_rational_law)
QUADRATIC = ExactLaw("root of a quadratic equation", find_quadratic_law)
RATIONAL_OF_ANGLES = ExactLaw("quotient with cosines and sines", partial(find_rational_law, angles=True))
QUADRATIC_OF_ANGLES = ExactLaw("root with cosines and sines", partial(find_quadratic_law, angles=True))
