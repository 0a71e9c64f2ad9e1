"""Twenty forms of textbooks with 3 to 6 constants, and rows with noise that follow them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.evaluation import evaluate
from kan_engine.formulas.forms.fitted_form import FittedForm, fit_form
from kan_engine.formulas.forms.least_squares import FormProblem
from kan_engine.formulas.forms.template import ConstantLimits, FormTemplate, parse_form


@dataclass(frozen=True)
class TextbookForm:
    """A form with its true constants, and the ranges of its columns."""

    name: str
    text: str
    constants: dict[str, float]
    ranges: dict[str, tuple[float, float]]
    limits: dict[str, ConstantLimits] = field(default_factory=dict)

    @cached_property
    def template(self) -> FormTemplate:
        return parse_form(self.text, self.ranges, self.limits)

    @property
    def truth(self) -> np.ndarray:
        return np.array([self.constants[name] for name in self.template.constants])

    def draw(self, rows: int, noise: float, seed: int) -> LabelledRows:
        """Rows at random places, with noise relative to the spread of the target."""
        generator = np.random.default_rng(seed)
        columns = {name: generator.uniform(low, high, rows) for name, (low, high) in self.ranges.items()}
        exact = evaluate(self.template.tree, columns, self.truth)
        target = exact + generator.normal(0, noise * exact.std(), rows)
        return LabelledRows.from_columns(columns, target)


FORMS = (
    TextbookForm("Michaelis-Menten", "V*S/(K + S) + b", {"V": 12.0, "K": 3.5, "b": 0.8}, {"S": (0.1, 30.0)}),
    TextbookForm(
        "Hill",
        "b + (m - b)*x**n/(K**n + x**n)",
        {"b": 0.3, "m": 8.0, "n": 2.4, "K": 5.0},
        {"x": (0.1, 25.0)},
    ),
    TextbookForm(
        "Arrhenius",
        "A*(T/300)**n*exp(-E/(8.314*T))",
        {"A": 4.1e6, "n": 1.3, "E": 4.6e4},
        {"T": (280.0, 420.0)},
    ),
    TextbookForm(
        "logistic", "L/(1 + exp(-k*(t - m)))", {"L": 100.0, "k": 0.6, "m": 11.0}, {"t": (0.0, 24.0)}
    ),
    TextbookForm("Gompertz", "a*exp(-b*exp(-c*t))", {"a": 40.0, "b": 6.0, "c": 0.25}, {"t": (0.0, 25.0)}),
    TextbookForm(
        "Gaussian",
        "a*exp(-(x - m)**2/(2*s**2)) + c",
        {"a": 7.0, "m": 530.0, "s": 12.0, "c": 1.0},
        {"x": (450.0, 600.0)},
    ),
    TextbookForm(
        "Lorentzian",
        "a*g**2/((x - m)**2 + g**2) + c",
        {"a": 3.0, "m": 1580.0, "g": 14.0, "c": 0.4},
        {"x": (1450.0, 1700.0)},
    ),
    TextbookForm(
        "damped oscillation",
        "A*exp(-g*t)*cos(w*t + p) + c",
        {"A": 2.0, "g": 0.15, "w": 4.7, "p": 0.8, "c": 0.5},
        {"t": (0.0, 15.0)},
    ),
    TextbookForm(
        "two exponentials",
        "a*exp(-b*t) + c*exp(-d*t) + e",
        {"a": 5.0, "b": 1.4, "c": 3.0, "d": 0.12, "e": 0.5},
        {"t": (0.0, 25.0)},
    ),
    TextbookForm(
        "Weibull", "a - b*exp(-(t/s)**k)", {"a": 20.0, "b": 17.0, "s": 6.0, "k": 1.8}, {"t": (0.1, 20.0)}
    ),
    TextbookForm(
        "Langmuir", "q*(K*p)**n/(1 + (K*p)**n)", {"q": 4.2, "K": 0.08, "n": 0.7}, {"p": (0.5, 150.0)}
    ),
    TextbookForm(
        "Antoine", "exp(A - B/(C + T))", {"A": 16.3, "B": 3800.0, "C": -46.0}, {"T": (290.0, 380.0)}
    ),
    TextbookForm(
        "van Genuchten",
        "r + (s - r)/(1 + (a*h)**n)**(1 - 1/n)",
        {"r": 0.06, "s": 0.43, "a": 0.03, "n": 1.9},
        {"h": (0.5, 400.0)},
        {"n": ConstantLimits(min=1.0)},
    ),
    TextbookForm(
        "Monod with inhibition",
        "m*S/(K + S + S**2/I)",
        {"m": 0.9, "K": 1.5, "I": 20.0},
        {"S": (0.05, 60.0)},
    ),
    TextbookForm(
        "Bateman",
        "D*k/(k - e)*(exp(-e*t) - exp(-k*t))",
        {"D": 30.0, "k": 1.2, "e": 0.15},
        {"t": (0.0, 24.0)},
    ),
    TextbookForm("power law with offset", "a*x**n + c", {"a": 0.7, "n": 1.6, "c": 12.0}, {"x": (0.5, 30.0)}),
    TextbookForm(
        "Planck", "a*x**3/(exp(b*x) - 1) + c", {"a": 0.02, "b": 0.09, "c": 1.0}, {"x": (1.0, 120.0)}
    ),
    TextbookForm(
        "Morse",
        "D*(1 - exp(-a*(r - r0)))**2 + E0",
        {"D": 4.6, "a": 1.9, "r0": 0.75, "E0": -4.4},
        {"r": (0.5, 3.0)},
    ),
    TextbookForm(
        "sine with offset",
        "A*sin(w*t + p) + c",
        {"A": 3.0, "w": 2.6, "p": -1.0, "c": 15.0},
        {"t": (0.0, 20.0)},
    ),
    TextbookForm(
        "Nernst",
        "E0 + s*T*log(x + d)",
        {"E0": 0.34, "s": 8.6e-5, "d": 1e-3},
        {"T": (280.0, 340.0), "x": (1e-4, 0.5)},
    ),
)


def fit(form: TextbookForm, rows: LabelledRows, seed: int) -> tuple[FittedForm, bool]:
    """The form fitted with default starts, and whether no better fit is reached from the true constants."""
    fitted_form = fit_form(form.template, rows, seed=seed)
    problem = FormProblem(form.template.tree, rows, form.template.get_bounds())
    from_truth = problem.fit(form.truth, 2_000, 1e-14)
    return fitted_form, problem.measure(fitted_form.values) <= problem.measure(from_truth) * (1 + 1e-6)
