"""What the estimators of tables share: parameters, rows, the search, and the formulas of its result."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from html import escape
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast

import narwhals as nw
import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from kan_engine.assessment.formula_report import FormulaReport
from kan_engine.assessment.outliers import exclude_outliers
from kan_engine.assessment.partial_dependence import compute_partial_dependence
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.labels import Label
from kan_engine.drawing.network_curves import describe_edges
from kan_engine.drawing.network_diagram import draw_network
from kan_engine.drawing.svg import THEMES, ThemeName
from kan_engine.errors import InvalidConfig, InvalidData
from kan_engine.estimators import model_files
from kan_engine.estimators.picture import Picture
from kan_engine.estimators.tables import (
    Columns,
    Types,
    is_frame,
    make_training_data,
    read_array,
    read_frame,
    select_backend,
)
from kan_engine.export.probe_rows import probe_columns
from kan_engine.expressions.constraints import FormulaConstraints
from kan_engine.expressions.evaluation import variables
from kan_engine.expressions.printing.derived_variables import VariableDefinitions
from kan_engine.expressions.printing.identifiers import safe_names
from kan_engine.expressions.printing.infix import to_text
from kan_engine.expressions.printing.languages import LANGUAGES, PrintableFormula
from kan_engine.expressions.printing.latex import to_latex
from kan_engine.expressions.printing.mathml import to_mathml
from kan_engine.inference.predictor import Predictor
from kan_engine.search.assembly import Model, assemble_model, assemble_predictor
from kan_engine.search.callbacks import Callbacks, ReportProgress
from kan_engine.search.config import SearchConfig, Serve
from kan_engine.search.model_search import find_model

if TYPE_CHECKING:
    import sympy

Formulas = str | dict[str, str] | None
Optimizer = Literal["auto", "levenberg_marquardt", "adam", "lbfgs"]
MemberChoice = Literal["auto", "accurate", "compact", "formula"]


class KANEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """Searches for a formula and a Kolmogorov-Arnold network of a table, as the service does.

    Without arguments a law is searched for; where there is none, a network is chosen by a hill climb, and the
    best formulas are found beside it.

    Parameters
    ----------
    hidden : sequence of int, default=None
        Nodes of the inner layers; None leaves the shape to the search.
    grid : int, default=None
        Grid intervals of every activation.
    order : int, default=3
        Order of the splines.
    optimizer : {"auto", "levenberg_marquardt", "adam", "lbfgs"}, default="auto"
        Optimizer of larger networks.
    grid_schedule : sequence of int, default=None
        Grid sizes from coarse to fine.
    steps : int, default=None
        Steps of a second-order optimizer on each grid, or epochs of Adam.
    lamb : float, default=None
        Strength of the sparsity penalty.
    restarts : int, default=None
        Random starts of a network.
    prune : bool, default=True
        Whether edges that hardly matter are removed.
    symbolic : bool, default=True
        Whether formulas are searched for.
    max_complexity : int, default=None
        Largest number of nodes of a formula.
    forbid : sequence of str, default=()
        Functions that no formula may contain, such as ``"sin"``.
    max_curves : int, default=20
        Largest number of curves of the compact network.
    serve : {"accurate", "compact", "formula"}, default="accurate"
        The member that answers unless an exact formula does. Without a useful formula the most accurate
        network answers.
    is_ordered : bool, default=False
        Whether the rows are in time order: then the last ones validate.
    max_seconds : float, default=300
        Time limit; the best model so far is kept.
    random_state : int, RandomState or None, default=0
        Seed. The service uses 0, too.
    report : callable, default=None
        Takes progress: ``report(stage, fraction, message, error)``.
    """

    model_: Model
    n_features_in_: int
    _backend: str | None = None  # of data frames; None for the first one that is installed

    def __init__(
        self,
        *,
        hidden: Sequence[int] | None = None,
        grid: int | None = None,
        order: int = 3,
        optimizer: Optimizer = "auto",
        grid_schedule: Sequence[int] | None = None,
        steps: int | None = None,
        lamb: float | None = None,
        restarts: int | None = None,
        prune: bool = True,
        symbolic: bool = True,
        max_complexity: int | None = None,
        forbid: Iterable[str] = (),
        max_curves: int = 20,
        serve: Serve = "accurate",
        is_ordered: bool = False,
        max_seconds: float = 300.0,
        random_state: Any = 0,
        report: ReportProgress | None = None,
    ) -> None:
        self.hidden = hidden
        self.grid = grid
        self.order = order
        self.optimizer = optimizer
        self.grid_schedule = grid_schedule
        self.steps = steps
        self.lamb = lamb
        self.restarts = restarts
        self.prune = prune
        self.symbolic = symbolic
        self.max_complexity = max_complexity
        self.forbid = forbid
        self.max_curves = max_curves
        self.serve = serve
        self.is_ordered = is_ordered
        self.max_seconds = max_seconds
        self.random_state = random_state
        self.report = report

    # What a search made

    @property
    def predictor_(self) -> Predictor:
        """The member that answers: a formula that is exact or predicts better, else the one that serves."""
        check_is_fitted(self, "model_")
        return self.model_.answering

    @property
    def compact_(self) -> Predictor | None:
        """The network of few curves, which ``predict(X, by="compact")`` uses; None in older files."""
        check_is_fitted(self, "model_")
        return self.model_.compact

    @property
    def verdict_(self) -> str | None:
        """What may be said of the formula: exact, consistent, approximation or weak; None without one."""
        report = self._report
        return None if report is None else report.verdict

    @property
    def formula_(self) -> Formulas:
        """The best formula as text; of more than two classes, one per class; None without one."""
        return cast(Formulas, self._write_formulas(to_text))

    def latex(self) -> Formulas:
        """The best formula in LaTeX."""
        return cast(Formulas, self._write_formulas(to_latex))

    def write(self, language: str) -> str | None:
        """The best formula in a language of the service: ``python``, ``c``, ``sql``, ``excel`` and others.

        Raises:
            InvalidConfig: There is no such language.
            NotExportable: The language cannot express the formula.
        """
        if language not in LANGUAGES:
            raise InvalidConfig(f"there is no language {language!r}; there are {', '.join(LANGUAGES)}")
        report, names = self._report, self._names
        if report is None:
            return None
        definitions = VariableDefinitions.from_encoding(self.model_.predictor.encoding)
        return LANGUAGES[language].write(
            [
                PrintableFormula(
                    name=output.name if output.quantity == "value" else f"{output.quantity} of {output.name}",
                    tree=output.best.tree,
                    text=to_text(output.best.tree, names),
                    latex=to_latex(output.best.tree, names),
                    definitions=definitions,
                )
                for output in report.outputs
            ]
        )

    def sympy(self) -> sympy.Expr | dict[str, sympy.Expr] | None:
        """The best formula as an expression of SymPy, in symbols with the names of the columns."""
        from sympy import Symbol  # noqa: PLC0415  # SymPy takes half a second

        from kan_engine.expressions.sympy_bridge import to_sympy  # noqa: PLC0415  # as above

        return self._write_formulas(
            lambda tree, _: to_sympy(tree, {name: Symbol(name) for name in variables(tree)})
        )

    @property
    def formulas_(self) -> Any:
        """The front of formulas, as a data frame of the library that the rows came in, or of pandas.

        None of them is both simpler and better than another. Under noise the best one, ``formula_``, need not
        be the last: a gain that the rows cannot tell from noise is not worth a longer formula.
        """
        report, names = self._report, self._names
        outputs = report.outputs if report else ()
        entries = [(output.name, entry) for output in outputs for entry in output.front]
        table: dict[str, list[Any]] = {
            "output": [name for name, _ in entries],
            "expression": [to_text(entry.tree, names) for _, entry in entries],
            "complexity": [entry.complexity for _, entry in entries],
            "rmse": [entry.rmse for _, entry in entries],
            "r2": [entry.r2 for _, entry in entries],
        }
        return self._to_frame(table)

    # Pictures

    def plot(self, theme: ThemeName = "light") -> Picture:
        """Draw the network, with the curve of every edge; notebooks show the picture."""
        check_is_fitted(self, "model_")
        predictor = self.model_.predictor
        return Picture(
            draw_network(
                describe_edges(
                    predictor.network,
                    predictor.inputs,
                    predictor.encoding,
                    self._rows.x,
                    predictor.output_names,
                    scaler=predictor.outputs,
                ).to_dict(),
                theme=THEMES[theme],
            )
        )

    def partial_dependence(self, feature: str) -> Any:
        """How predictions change with one feature while the others are kept, as a data frame.

        Columns: ``output``, ``value``, ``mean``, and ``low`` and ``high``, between which 80 % of the rows are
        (of one output). See Friedman 2001, section 8.2; Goldstein et al. 2015.

        Raises:
            InvalidData: There is no such feature, or it is a time.
        """
        predictor = self.predictor_
        wanted = [each for each in predictor.encoding.features if each.name == feature]
        if not wanted:
            names = ", ".join(each.name for each in predictor.encoding.features)
            raise InvalidData(f"the model has no feature {feature!r}; it has {names}")
        if wanted[0].type == "datetime":
            raise InvalidData(f"{feature!r} is a time, whose parts cannot change alone")
        (found,) = compute_partial_dependence(predictor, self._rows, wanted)
        curves, count = found.curves, len(found.values)
        return self._to_frame(
            {
                "output": [curve.output for curve in curves for _ in range(count)],
                "value": found.values * len(curves),
                "mean": [value for curve in curves for value in curve.mean],
                "low": [value for curve in curves for value in curve.low or repeat(None, count)],
                "high": [value for curve in curves for value in curve.high or repeat(None, count)],
            }
        )

    def _repr_html_(self) -> str:
        """The formula, what may be said of it, and the network, for notebooks."""
        if not hasattr(self, "model_"):
            return f"<pre>{escape(repr(self))}</pre>"
        parts = []
        if (report := self._report) is not None:
            parts = [f"<p>{to_mathml(to_latex(tree, self._names))}</p>" for tree in report.trees]
            parts.append(f"<p>{escape(_describe_worth(report))}</p>")
        parts += [f"<p>{escape(warning)}</p>" for warning in self.warnings_]
        return f"<div>{''.join(parts)}{self.plot().svg}</div>"

    # Files

    def save(self, path: str | Path) -> None:
        """Write the model as the artifact that the service exports and imports: network and formulas."""
        check_is_fitted(self, "model_")
        Path(path).write_bytes(model_files.write_model(self.model_, self.warnings_))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model that ``save``, or the service, has written.

        Raises:
            ArtifactError: The file is not a saved model.
            InvalidData: The model is of another kind.
        """
        model, warnings = model_files.read_model(Path(path).read_bytes())
        found, encoding = cls(), model.predictor.encoding
        found._adopt(model, warnings)
        x = encoding.transform(probe_columns(encoding))  # rows over the ranges of the features
        names = tuple(column.name for column in encoding.names)
        found._rows = LabelledRows(x, np.zeros(len(x)), np.ones(len(x)), names)
        return found

    def export(self, path: str | Path, format: Literal["onnx", "python"] = "onnx") -> None:
        """Write the network as an ONNX graph, or the network and its formulas as a Python file."""
        check_is_fitted(self, "model_")
        Path(path).write_bytes(model_files.export_model(self.model_, format))

    # The steps of ``fit`` and ``predict``

    def _fit(
        self,
        x: Any,
        y: np.ndarray,
        weights: np.ndarray,
        classes: tuple[Label, ...] | None = None,
        class_weights: np.ndarray | None = None,
        *,
        max_kept_rows: int = 2_000,
    ) -> Self:
        """Search for a model of numbers, or of indices of classes; keep encoded rows for pictures."""
        columns, types = self._read_columns(x, reset=True)
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(2**31)
        config = self._make_config(int(seed))
        target = self._target_name
        while target in columns:
            target += "_"
        data = make_training_data(columns, types, y, weights, config, target, classes, class_weights)
        data = exclude_outliers(
            data,
            seed=config.seed,
            is_ordered=config.is_ordered,
            thresholds=config.thresholds.assessment,
        )
        until = time.monotonic() + config.max_seconds
        callbacks = Callbacks(should_stop=lambda: time.monotonic() > until, clock=time.monotonic)
        if self.report is not None:
            callbacks = replace(callbacks, report=self.report)
        with _one_torch_thread():
            found = find_model(data, config, callbacks)
            model = assemble_model(
                found,
                *assemble_predictor(
                    found, data, config.thresholds, max_curves=config.max_curves, serve=config.serve
                ),
                data,
                seed=config.seed,
                thresholds=config.thresholds,
                serve=config.serve,
            )
        self._rows = data.training.sample(max_kept_rows, 0)
        self._adopt(model, (*data.warnings, *found.warnings))
        return self

    def _adopt(self, model: Model, warnings: Sequence[str]) -> None:
        """Take over a model."""
        if model.predictor.task != self._task:
            raise InvalidData(f"the model is a {model.predictor.task}, not a {self._task}")
        self.model_, self.warnings_ = model, tuple(warnings)
        features = model.predictor.encoding.features
        if not hasattr(self, "n_features_in_"):
            self.n_features_in_ = len(features)
            self.feature_names_in_ = np.array([feature.name for feature in features], dtype=object)

    def _read_target(self, y: Any) -> np.ndarray:
        """The target as an array [rows]; its name is kept if it has one."""
        if y is None:
            raise InvalidData(
                f"{type(self).__name__} requires y to be passed, but the target y is None; pass it"
            )
        name = getattr(y, "name", None)
        self._target_name = name if isinstance(name, str) and name else "y"
        target: np.ndarray = column_or_1d(y, warn=True)
        return target

    def _check_weights(self, sample_weight: Any, rows: int) -> np.ndarray:
        """Weights [rows], none of them negative and not all 0."""
        weights: np.ndarray = _check_sample_weight(
            sample_weight, np.empty((rows, 1)), ensure_non_negative=True, allow_all_zero_weights=False
        )
        return weights

    def _make_config(self, seed: int) -> SearchConfig:
        return SearchConfig(
            hidden=None if self.hidden is None else tuple(self.hidden),
            grid=self.grid,
            order=self.order,
            optimizer=self.optimizer,
            grid_schedule=None if self.grid_schedule is None else tuple(self.grid_schedule),
            steps=self.steps,
            lamb=self.lamb,
            restarts=self.restarts,
            prune=self.prune,
            symbolic=self.symbolic,
            constraints=FormulaConstraints(
                forbidden=frozenset(self.forbid), max_complexity=self.max_complexity
            ),
            max_curves=self.max_curves,
            serve=self.serve,
            is_ordered=self.is_ordered,
            seed=seed,
            max_seconds=self.max_seconds,
        )

    def _read_columns(self, x: Any, *, reset: bool) -> tuple[Columns, Types]:
        """Read the columns of a table, and check that they are those of ``fit`` unless these are new."""
        if is_frame(x):
            validate_data(self, x, reset=reset, skip_check_array=True)
            if reset:
                self._backend = nw.get_native_namespace(x).__name__
            return read_frame(x)
        if reset:
            self._backend = None
        return read_array(
            validate_data(
                self,
                x,
                reset=reset,
                dtype=np.float64,
                ensure_all_finite="allow-nan",
                ensure_min_samples=2 if reset else 1,
            )
        )

    def _select(self, by: MemberChoice) -> Predictor:
        """The member that answers.

        Raises:
            InvalidConfig: The model does not have the requested member.
        """
        answering, model = self.predictor_, self.model_
        members = {
            "auto": answering,
            "accurate": model.predictor,
            "compact": model.compact,
            "formula": model.formula,
        }
        found = members.get(by)
        if found is None:
            known = ", ".join(repr(name) for name, member in members.items() if member is not None)
            raise InvalidConfig(f"the model has no member {by!r}; by is one of {known}")
        return found

    def _encode(self, x: Any, predictor: Predictor) -> np.ndarray:
        """The encoded rows of a table, for a member."""
        columns, _ = self._read_columns(x, reset=False)
        return predictor.encoding.transform(columns, optional=predictor.unused)

    @property
    def _report(self) -> FormulaReport | None:
        check_is_fitted(self, "model_")
        return self.model_.report

    @property
    def _names(self) -> Mapping[str, str]:
        """Printed name of every encoded column."""
        return safe_names([column.name for column in self.model_.predictor.encoding.names])

    def _to_frame(self, table: dict[str, list[Any]]) -> Any:
        """A data frame of the library that the rows came in, or of pandas."""
        backend: Any = self._backend or select_backend()
        return nw.from_dict(table, backend=backend).to_native()

    def _write_formulas(self, write: Any) -> Any:
        """The best formula of every output, written; alone if there is one output."""
        report = self._report
        if report is None:
            return None
        written = {output.name: write(output.best.tree, self._names) for output in report.outputs}
        return written if len(written) > 1 else next(iter(written.values()))

    def __sklearn_tags__(self) -> Any:
        """Missing values are accepted."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _describe_worth(report: FormulaReport) -> str:
    """The verdict on a formula, and R² on rows left out if that was measured."""
    if report.evidence is not None and report.evidence.explained is not None:
        return f"{report.verdict}; R² {report.evidence.explained:.4g} on rows left out"
    errors = ", ".join(f"R² {each.best.r2:.4g}" for each in report.outputs if each.best.r2 is not None)
    return f"{report.verdict}; {errors or 'constant'} on the {report.measured_on} rows"


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """Use one thread of torch: networks are small, and results do not depend on the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
