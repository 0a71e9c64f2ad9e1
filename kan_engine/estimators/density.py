"""Estimator of the density of one or two columns."""

from __future__ import annotations

import time
from html import escape
from typing import Any, Self

import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import estimator_html_repr
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from kan_engine.data.encoding import Encoding
from kan_engine.density.estimation import DensityConfig
from kan_engine.density.law_recognition import RecognitionResult
from kan_engine.density.maximum_likelihood import Parameter
from kan_engine.density.search import check_density_rows, fit_densities, recognise_laws
from kan_engine.drawing.picture import Picture
from kan_engine.drawing.svg import ThemeName
from kan_engine.errors import InvalidData
from kan_engine.estimators.parameters import DENSITY_RULES, check_parameters
from kan_engine.estimators.picture import NotebookDisplay, draw_predictor
from kan_engine.expressions.printing.identifiers import safe_names
from kan_engine.expressions.printing.infix import to_text
from kan_engine.expressions.printing.latex import to_latex
from kan_engine.expressions.printing.mathml import to_mathml
from kan_engine.inference.predictor import Predictor


class KANDensity(NotebookDisplay, DensityMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """The density of one or two columns, p(x) = exp(f(x)) / Z with a network f, and the law that it follows.

    Parameters
    ----------
    grid : int, default=None
        Grid intervals; None leaves them to cross-validation.
    order : int, default=3
        Order of the splines.
    nodes : int, default=None
        Inner nodes of the density of two columns.
    symbolic : bool, default=True
        Whether the law is looked for.
    max_seconds : float, default=300
        Time limit; the best density so far is kept.
    random_state : int, default=0
        Seed.

    Attributes
    ----------
    predictor_ : Predictor
        The density.
    law_ : str or None
        Name of the law that the rows follow, such as ``"normal"``.
    law_parameters_ : list of dict
        Its parameters, with standard errors and 95 % confidence intervals.
    formula_ : str or None
        The law as a formula.

    Examples
    --------
    >>> heights = np.random.default_rng(0).normal(172, 7, (300, 1))
    >>> KANDensity().fit(heights).law_
    'normal'
    """

    def __init__(
        self,
        *,
        grid: int | None = None,
        order: int = 3,
        nodes: int | None = None,
        symbolic: bool = True,
        max_seconds: float = 300.0,
        random_state: int = 0,
    ) -> None:
        self.grid = grid
        self.order = order
        self.nodes = nodes
        self.symbolic = symbolic
        self.max_seconds = max_seconds
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:  # noqa: ARG002
        """Estimate the density of the rows.

        Parameters
        ----------
        X : data frame or array [rows, 1 or 2]
            Numbers.
        y : None
            Ignored.
        sample_weight : array [rows], default=None
            Weight of every row.

        Raises
        ------
        InvalidConfig
            A parameter has a value that it cannot have; a ``ValueError``.
        InvalidData
            There are too few rows, a column is constant, or two are collinear; a ``ValueError``.
        """
        check_parameters(self.get_params(deep=False), DENSITY_RULES)
        x = validate_data(self, X, dtype=np.float64, ensure_min_samples=2)
        weights = _check_sample_weight(
            sample_weight, x, ensure_non_negative=True, allow_all_zero_weights=False
        )
        # Rows of weight 0 must not widen the range of a column
        x, weights = x[weights > 0], weights[weights > 0]
        names = list(getattr(self, "feature_names_in_", [f"x{place}" for place in range(x.shape[1])]))
        if len(names) > 2:
            raise InvalidData(f"a density has one or two columns, got {len(names)}")
        check_density_rows(x, names)
        until = time.monotonic() + self.max_seconds

        def should_stop() -> bool:
            return time.monotonic() > until

        config = DensityConfig(
            grid_size=self.grid, order=self.order, seed=self.random_state, nodes=self.nodes
        )
        # One time limit holds for the densities and for the search for a law
        densities = fit_densities(x, weights, config, should_stop)
        columns = dict(zip(names, x.T, strict=True))
        # A density is a predictor whose features are its columns, so that it is drawn and saved like others
        encoding = Encoding.fit(columns, dict.fromkeys(names, "number"))
        self._rows = _sample_rows(x)
        self.predictor_: Predictor = densities[1].to_predictor(encoding, "density")
        recognition = RecognitionResult()
        if self.symbolic:
            recognition = recognise_laws(
                names,
                x,
                weights,
                densities,
                seed=self.random_state,
                thresholds=config.thresholds,
                should_stop=should_stop,
            )
        # Accepted laws come in order of preference; without any, the reason is a warning
        best = recognition.accepted[0] if recognition.accepted else None
        self.law_ = None if best is None else best.name
        self.law_parameters_ = [] if best is None else best.parameters
        self._tree = None if best is None else best.tree
        self.warnings_ = (recognition.refused,) if recognition.refused else ()
        return self

    @property
    def formula_(self) -> str | None:
        """The law as a formula; None without one."""
        check_is_fitted(self, "predictor_")
        if self._tree is None:
            return None
        return to_text(self._tree, self._names)

    @property
    def _names(self) -> dict[str, str]:
        """Printed name of every column."""
        return safe_names([column.name for column in self.predictor_.encoding.names])

    def plot(self, theme: ThemeName = "light") -> Picture:
        """Draw the network f, whose exponential is the density; notebooks show the picture."""
        check_is_fitted(self, "predictor_")
        return draw_predictor(self.predictor_, self._rows, theme)

    def _repr_html_(self) -> str:
        """The law with its parameters, and the network; the parameters of the estimator before ``fit``."""
        if not hasattr(self, "predictor_"):
            return str(estimator_html_repr(self))
        parts = []
        if self._tree is not None:
            parts = [
                f"<p>{escape(str(self.law_))}</p>",
                f"<p>{to_mathml(to_latex(self._tree, self._names))}</p>",
            ]
        parts += [f"<p>{escape(_describe_parameter(parameter))}</p>" for parameter in self.law_parameters_]
        parts += [f"<p>{escape(warning)}</p>" for warning in self.warnings_]
        return f"<div>{''.join(parts)}{self.plot().svg}</div>"

    def score_samples(self, X: Any) -> Float[np.ndarray, " rows"]:
        """Log-density of every row [rows], in the units of the columns; -inf outside the support."""
        check_is_fitted(self, "predictor_")
        x = validate_data(self, X, dtype=np.float64, reset=False)
        with np.errstate(divide="ignore"):
            log_density: np.ndarray = np.log(self.predictor_.predict(x))
        return log_density

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002
        """Mean log-density of the rows. (Unlike ``KernelDensity``, which returns the sum.)"""
        return float(self.score_samples(X).mean())


def _sample_rows(
    x: Float[np.ndarray, "rows columns"], max_kept_rows: int = 2_000
) -> Float[np.ndarray, "sample columns"]:
    """Rows for pictures, spread evenly."""
    places = np.linspace(0, len(x) - 1, min(len(x), max_kept_rows))
    return np.asarray(x[places.astype(int)])


def _describe_parameter(parameter: Parameter) -> str:
    """A parameter of a law with its standard error and its interval."""
    value, error, low, high = (
        _format_number(parameter[key]) for key in ("value", "standard_error", "low", "high")
    )
    text = f"{parameter['name']} = {value}"
    if error:
        text += f" ± {error}"
    return f"{text} (95 %: {low} to {high})" if low and high else text


def _format_number(value: float | str | None) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) else value or ""
