"""What an estimator tells of the model that it has found: formulas, pictures, files."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import narwhals as nw
from sklearn.utils import estimator_html_repr
from sklearn.utils.validation import check_is_fitted

from kan_engine.assessment.formula_report import FormulaReport
from kan_engine.assessment.partial_dependence import compute_partial_dependence
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.drawing.picture import Picture
from kan_engine.drawing.svg import ThemeName
from kan_engine.errors import InvalidConfig, InvalidData
from kan_engine.estimators import model_files
from kan_engine.estimators.picture import NotebookDisplay, draw_predictor
from kan_engine.estimators.tables import select_backend
from kan_engine.expressions.printing.derived_variables import VariableDefinitions
from kan_engine.expressions.printing.identifiers import safe_names
from kan_engine.expressions.printing.infix import to_text
from kan_engine.expressions.printing.languages import LANGUAGES, PrintableFormula
from kan_engine.expressions.printing.latex import to_latex
from kan_engine.expressions.printing.mathml import to_mathml
from kan_engine.inference.predictor import Predictor
from kan_engine.search.assembly import Model

if TYPE_CHECKING:
    import sympy

Formulas = str | dict[str, str] | None


class FittedModel(NotebookDisplay):
    """Formulas, pictures and files of the model that an estimator has found."""

    model_: Model
    warnings_: tuple[str, ...]
    _rows: LabelledRows  # encoded, for pictures and next rows; those of a file have no targets, but NaN
    _backend: str | None = None  # of data frames; None for the first one that is installed

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
                    symbols=names,
                )
                for output in report.outputs
            ]
        )

    def sympy(self) -> sympy.Expr | dict[str, sympy.Expr] | None:
        """The best formula as an expression of SymPy, in the symbols of ``formula_``.

        A column ``pressure (bar)`` is the symbol ``pressure_bar`` in both.
        """
        from sympy import Symbol  # noqa: PLC0415  # SymPy takes half a second

        from kan_engine.expressions.sympy_bridge import to_sympy  # noqa: PLC0415  # as above

        symbols = {column: Symbol(name) for column, name in self._names.items()}
        return self._write_formulas(lambda tree, _: to_sympy(tree, symbols))

    @property
    def formulas_(self) -> Any:
        """The front of formulas, as a data frame of the library that the rows came in, or of pandas.

        None of them is both simpler and better than another. Under noise the best one, ``formula_``, need not
        be the last: a gain that the rows cannot tell from noise is not worth a longer formula. Where
        units are known, ``unit_status`` tells whether they add up.
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
        if any(entry.unit_status for _, entry in entries):
            table["unit_status"] = [entry.unit_status for _, entry in entries]
        return self._to_frame(table)

    @property
    def constants_(self) -> Any:
        """The measured constants of the best formulas, as a data frame of the same library.

        Columns: ``output``, ``value``, ``standard_error``, ``unit``, which makes the formula add up, and
        ``name`` of the constant of nature that it is. Unit and name are None where they are not known.
        ``symbol`` is the name of the constant in the client's form, such as ``a`` or ``a[A]``; None without
        one. A constant that the rows do not determine beside the others has no standard error.
        """
        outputs = self._report.outputs if self._report else ()
        entries = [(output.name, constant) for output in outputs for constant in output.constants or ()]
        return self._to_frame(
            {
                "output": [name for name, _ in entries],
                "value": [constant.value for _, constant in entries],
                "standard_error": [constant.standard_error for _, constant in entries],
                "unit": [constant.unit for _, constant in entries],
                "name": [constant.name for _, constant in entries],
                "symbol": [constant.symbol for _, constant in entries],
            }
        )

    def plot(self, theme: ThemeName = "light") -> Picture:
        """Draw the network, with the curve of every edge; notebooks show the picture."""
        check_is_fitted(self, "model_")
        return draw_predictor(self.model_.predictor, self._rows.x, theme)

    def partial_dependence(self, feature: str) -> Any:
        """How predictions change with one feature while the others are kept, as a data frame.

        Columns: ``output``, ``value``, ``mean``, and ``low`` and ``high``, between which 80 % of the rows are
        (of one output). See Friedman 2001, section 8.2; Goldstein et al. 2015.

        Raises:
            InvalidData: There is no such feature, or it is a time.
        """
        predictor = self.predictor_
        features = [entry for entry in predictor.encoding.features if entry.name == feature]
        if not features:
            names = ", ".join(entry.name for entry in predictor.encoding.features)
            raise InvalidData(f"the model has no feature {feature!r}; it has {names}")
        if features[0].type == "datetime":
            raise InvalidData(f"{feature!r} is a time, whose parts cannot change alone")
        (dependence,) = compute_partial_dependence(predictor, self._rows, features)
        curves, count = dependence.curves, len(dependence.values)
        return self._to_frame(
            {
                "output": [curve.output for curve in curves for _ in range(count)],
                "value": dependence.values * len(curves),
                "mean": [value for curve in curves for value in curve.mean],
                "low": [value for curve in curves for value in curve.low or repeat(None, count)],
                "high": [value for curve in curves for value in curve.high or repeat(None, count)],
            }
        )

    def _repr_html_(self) -> str:
        """The formula, what may be said of it, and the network; the parameters before ``fit``."""
        if not hasattr(self, "model_"):
            return str(estimator_html_repr(self))
        parts = []
        if (report := self._report) is not None:
            parts = [f"<p>{to_mathml(to_latex(tree, self._names))}</p>" for tree in report.trees]
            parts.append(f"<p>{escape(_describe_worth(report))}</p>")
        parts += [f"<p>{escape(warning)}</p>" for warning in self.warnings_]
        return f"<div>{''.join(parts)}{self.plot().svg}</div>"

    def save(self, path: str | Path) -> None:
        """Write the model as the artifact that the service exports and imports: network and formulas."""
        check_is_fitted(self, "model_")
        Path(path).write_bytes(model_files.write_model(self.model_, self.warnings_))

    def export(self, path: str | Path, format: Literal["onnx", "python"] = "onnx") -> None:
        """Write the network as an ONNX graph, or the network and its formulas as a Python file."""
        check_is_fitted(self, "model_")
        Path(path).write_bytes(model_files.export_model(self.model_, format))

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
        texts = {output.name: write(output.best.tree, self._names) for output in report.outputs}
        return texts if len(texts) > 1 else next(iter(texts.values()))


def _describe_worth(report: FormulaReport) -> str:
    """The verdict on a formula, and R² on rows left out if that was measured."""
    if report.evidence is not None and report.evidence.explained is not None:
        return f"{report.verdict}; {_describe_share(report.evidence.explained)} on rows left out"
    errors = ", ".join(
        _describe_share(output.best.r2) for output in report.outputs if output.best.r2 is not None
    )
    return f"{report.verdict}; {errors or 'constant'} on the {report.measured_on} rows"


def _describe_share(r2: float) -> str:
    return f"R² {round(r2, 4) + 0.0:.4f}"  # no -0.0000
