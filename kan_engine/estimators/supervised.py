"""Estimators of a number and of a class."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from kan_engine.assessment.form_report import FormReport
from kan_engine.data.labelled_rows import weigh_by_errors
from kan_engine.data.labels import class_name, compute_class_weights
from kan_engine.errors import InvalidData
from kan_engine.estimators.base import KANEstimator, MemberChoice, Report
from kan_engine.estimators.parameters import ESTIMATOR_RULES, check_parameters
from kan_engine.estimators.tables import Columns
from kan_engine.experiments.proposal import propose_rows
from kan_engine.experiments.settings import make_settings
from kan_engine.expressions.unit_system import UnitMode
from kan_engine.formulas.forms.template import ConstantLimits, FormTemplate, parse_form
from kan_engine.inference.label_decision import choose_classes
from kan_engine.search.assembly import Model
from kan_engine.search.config import PerGroup, Serve
from kan_engine.training.config import DeviceChoice


class KANRegressor(RegressorMixin, KANEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """A formula and a network for a number; see ``KANEstimator`` for the other parameters.

    Parameters
    ----------
    form : str, default=None
        A form that you believe in, such as ``"a*exp(-b*t) + c"``. Names that are no columns are constants,
        which are fitted. A column whose name is no identifier is written in backticks, or as formulas print
        it: ``Q [mL/min]`` is ``Q_mL_min`` or ``Q``. The form becomes the first formula, beside the best one
        of the free search.
    constants : mapping, default=None
        Bounds of constants of the form, or their values: ``{"b": {"min": 0}, "g": {"value": 9.81}}``.
    per_group : str or mapping, default=None
        Column of a data frame that names groups of rows, which have constants of their own: of the form, or
        of the best formula. ``{"column": "patient", "own": ["a"]}`` names these constants.

    Attributes
    ----------
    form_ : FormReport or None
        The constants of the form with errors, intervals and correlation, and the best free formula.
    model_ : Model
        Predictor of the network, formulas, and the formulas as a predictor.
    formula_, verdict_, formulas_, constants_
        The best formula, what may be said of it, the front of formulas, and the constants of the best one.
    warnings_ : tuple of str
        What was left out, and what to look at.
    unused_rows_ : int or None
        Training rows that the network is not fitted to and that do not validate. Of more than 100,000 rows,
        choices are made on a sample, and more are fitted as long as they lower the error. None after
        ``load``.
    n_features_in_, feature_names_in_
        As in every estimator.

    Examples
    --------
    >>> x = np.random.default_rng(0).uniform(1, 2, (60, 2))
    >>> model = KANRegressor(max_complexity=9).fit(x, x[:, 0] * x[:, 1])
    >>> model.formula_, model.verdict_
    ('x0*x1', 'exact')
    """

    _task = "regression"

    @property
    def form_(self) -> FormReport | None:
        """The form with its constants, and the best formula of the free search; None without a form."""
        report = self._report
        return None if report is None else report.form

    def _read_groups(self) -> PerGroup | None:
        groups = self.per_group
        if groups is None or isinstance(groups, str):
            return None if groups is None else PerGroup(column=groups)
        constants = groups.get("own")
        return PerGroup(column=groups["column"], own=None if constants is None else tuple(constants))

    def _read_form(self, columns: Columns, target: str) -> FormTemplate | None:
        if self.form is None:
            return None
        limits = {name: ConstantLimits(**bounds) for name, bounds in (self.constants or {}).items()}
        return parse_form(self.form, list(columns), limits, target=target)

    def fit(self, X: Any, y: Any, sample_weight: Any = None, target_error: Any = None) -> Self:
        """Search for a model.

        Parameters
        ----------
        X : data frame or array [rows, columns]
            Numbers; in a data frame also texts, booleans and times. Values may be missing.
        y : array [rows]
            Numbers.
        sample_weight : array [rows], default=None
            Weight of every row.
        target_error : array [rows], default=None
            Known standard deviation of every target. Rows then weigh 1/σ², so ``sample_weight`` must be None.

        Raises
        ------
        InvalidConfig
            A parameter has a value that it cannot have; a ``ValueError``.
        InvalidData
            No model can be trained on the rows; a ``ValueError``.
        """
        check_parameters(self.get_params(deep=False), ESTIMATOR_RULES)
        target = self._read_target(y)
        # scikit-learn's checks raise the errors that its own estimators do
        numbers = check_array(target, ensure_2d=False, dtype=np.float64, input_name="y")
        check_consistent_length(X, numbers)
        if target_error is None:
            return self._fit(X, numbers, self._check_weights(sample_weight, len(numbers)))
        if sample_weight is not None:
            raise InvalidData("the weights follow from target_error; omit sample_weight")
        # Known errors give weights and a noise level, against which residuals are tested
        errors = check_array(target_error, ensure_2d=False, dtype=np.float64, input_name="target_error")
        check_consistent_length(X, errors)
        if errors.min() <= 0:
            raise InvalidData(f"target_error must be positive in every row, its minimum is {errors.min():g}")
        return self._fit(X, numbers, *weigh_by_errors(errors, np.arange(len(errors))))

    def predict(self, X: Any, by: MemberChoice = "auto") -> Float[np.ndarray, " rows"]:
        """Values [rows], by a member of the model; see ``predictor_`` for ``auto``."""
        member = self._select(by)
        return np.asarray(member.predict(self._encode(X, member)), dtype=np.float64)

    def predict_interval(
        self, X: Any, level: float = 0.9, by: MemberChoice = "auto"
    ) -> Float[np.ndarray, "rows 2"]:
        """Lower and upper bound [rows, 2] of prediction intervals, by split conformal prediction.

        They hold for rows like those of the training; outside their range they promise nothing.
        """
        member = self._select(by)
        return member.intervals(self._encode(X, member), level)

    def suggest_rows(
        self,
        count: int = 3,
        *,
        within: Mapping[str, Sequence[Any]] | None = None,
        fixed: Mapping[str, Any] | None = None,
    ) -> Any:
        """Rows to measure next: those at which the formulas that may be the law foretell different values.

        Parameters
        ----------
        count : int, default=3
            How many rows.
        within : mapping, default=None
            Lowest and highest value of columns, or some of their categories: ``{"T": [280, 400]}``. Other
            columns stay within the ranges of training.
        fixed : mapping, default=None
            Values of columns that every row has.

        Returns
        -------
        data frame
            The rows, the most informative first. Further columns are the expected information ``gain``, in
            bits, and for every formula what it foretells.

        Raises
        ------
        InvalidData
            There is no such column or value, or the estimator was loaded from a file, which has no targets.
        """
        check_is_fitted(self, "model_")
        if np.isnan(self._rows.y).all():
            raise InvalidData("an estimator from a file has no rows; fit one to suggest further rows")
        features = self.model_.predictor.encoding.features
        settings = make_settings(features, within or {}, fixed or {}, self._list_whole_columns())
        proposals = propose_rows(self.model_.predictor, self._report, self._rows, settings, count)
        # Settings, gain and predictions by row, as columns of one table
        table: dict[str, list[Any]] = {
            feature.name: [entry.row[feature.name] for entry in proposals] for feature in features
        }
        table["gain"] = [entry.gain for entry in proposals]
        for name in proposals[0].predictions:
            table[name] = [entry.predictions[name] for entry in proposals]
        return self._to_frame(table)

    def _list_whole_columns(self) -> list[str]:
        """Columns whose values are whole numbers."""
        return [
            name for name, values in self._rows.columns.items() if bool((values == np.round(values)).all())
        ]


class KANClassifier(ClassifierMixin, KANEstimator):  # type: ignore[misc]  # scikit-learn is not typed
    """A formula and a network for a class; see ``KANEstimator`` for the other parameters.

    Probabilities are calibrated to the data. Formulas are those of the log-odds of the second of two classes,
    or of one logit per class.

    Parameters
    ----------
    class_weight : {"balanced"}, mapping or None, default=None
        Weights of classes, which act on the labels and not on the probabilities. By default the likeliest
        class is the label; of two classes of which one is rare, the one with the highest F1.

    Attributes
    ----------
    classes_ : array
        The classes, sorted.
    model_, formula_, verdict_, formulas_, constants_, warnings_, unused_rows_
        As in ``KANRegressor``.
    """

    _task = "classification"

    def __init__(
        self,
        *,
        class_weight: Literal["balanced"] | Mapping[Any, float] | None = None,
        hidden: Sequence[int] | None = None,
        grid: int | None = None,
        order: int = 3,
        optimizer: str = "auto",
        device: DeviceChoice = "auto",
        grid_schedule: Sequence[int] | None = None,
        steps: int | None = None,
        lamb: float | None = None,
        restarts: int | None = None,
        prune: bool = True,
        symbolic: bool = True,
        max_complexity: int | None = None,
        forbid: Iterable[str] = (),
        functions: Collection[str] | None = None,
        must_use: Iterable[str] = (),
        max_constants: int | None = None,
        units: Mapping[str, str] | None = None,
        unit_mode: UnitMode = "check",
        compact: bool | None = None,
        max_curves: int = 20,
        serve: Serve = "auto",
        is_ordered: bool = False,
        max_seconds: float = 300.0,
        random_state: Any = 0,
        report: Report | None = None,
    ) -> None:
        super().__init__(
            hidden=hidden,
            grid=grid,
            order=order,
            optimizer=optimizer,
            device=device,
            grid_schedule=grid_schedule,
            steps=steps,
            lamb=lamb,
            restarts=restarts,
            prune=prune,
            symbolic=symbolic,
            max_complexity=max_complexity,
            forbid=forbid,
            functions=functions,
            must_use=must_use,
            max_constants=max_constants,
            units=units,
            unit_mode=unit_mode,
            compact=compact,
            max_curves=max_curves,
            serve=serve,
            is_ordered=is_ordered,
            max_seconds=max_seconds,
            random_state=random_state,
            report=report,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Search for a model.

        Parameters
        ----------
        X : data frame or array [rows, columns]
            Numbers; in a data frame also texts, booleans and times. Values may be missing.
        y : array [rows]
            Numbers, texts or booleans: at least two classes.
        sample_weight : array [rows], default=None
            Weight of every row.

        Raises
        ------
        InvalidConfig
            A parameter has a value that it cannot have; a ``ValueError``.
        InvalidData
            No model can be trained on the rows; a ``ValueError``.
        """
        check_parameters(self.get_params(deep=False), ESTIMATOR_RULES)
        target = self._read_target(y)
        check_classification_targets(target)
        check_consistent_length(X, target)
        weights = self._check_weights(sample_weight, len(target))
        # Codes are the places of the sorted classes; classes of weight 0 do not count
        self.classes_, codes = np.unique(target, return_inverse=True)
        if len(np.unique(codes[weights > 0])) < 2:
            raise InvalidData("a classifier needs at least two classes; y has one class")
        class_weights = None
        if self.class_weight is not None:
            class_weights = compute_class_weights(
                self._name_class_weights(), self.classes_.tolist(), codes, len(self.classes_)
            )
        labels = tuple(self.classes_.tolist())
        # Class weights act on the fit; the calibration takes them out of the probabilities
        return self._fit(X, codes, weights, classes=labels, class_weights=class_weights)

    def predict(self, X: Any, by: MemberChoice = "auto") -> Shaped[np.ndarray, " rows"]:
        """The class of every row [rows], by a member of the model; see ``predictor_`` for ``auto``."""
        indices = choose_classes(self.predict_proba(X, by), self._select(by).decision_weights)
        labels: np.ndarray = self.classes_[indices]
        return labels

    def predict_proba(self, X: Any, by: MemberChoice = "auto") -> Float[np.ndarray, "rows classes"]:
        """The probability of every class [rows, classes], in the order of ``classes_``."""
        member = self._select(by)
        return member.probabilities(self._encode(X, member))

    def _name_class_weights(self) -> Any:
        """The weights by the names of classes, as the service takes them."""
        if isinstance(self.class_weight, Mapping):
            return {class_name(label): weight for label, weight in self.class_weight.items()}
        return self.class_weight

    def _adopt(self, model: Model, warnings: Sequence[str]) -> None:
        super()._adopt(model, warnings)
        self.classes_ = np.array(model.predictor.classes)
