"""What the estimators of tables share: parameters, rows, the search."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self
from warnings import warn

import narwhals as nw
import numpy as np
import torch
from jaxtyping import Float, Num, Shaped
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight, validate_data

from kan_engine.assessment.outliers import exclude_outliers
from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.labels import Label
from kan_engine.errors import InvalidConfig, InvalidData, UnseenCategory
from kan_engine.estimators import model_files
from kan_engine.estimators.fitted_model import FittedModel
from kan_engine.estimators.parameters import check_columns
from kan_engine.estimators.tables import (
    Columns,
    Types,
    describe_unseen,
    is_frame,
    make_training_data,
    read_array,
    read_frame,
)
from kan_engine.export.probe_rows import probe_columns
from kan_engine.expressions.constraints import FormulaConstraints
from kan_engine.expressions.unit_system import UnitMode
from kan_engine.formulas.callbacks import Callbacks
from kan_engine.formulas.forms.template import FormTemplate
from kan_engine.inference.predictor import Predictor
from kan_engine.search.assembly import Model, assemble_model, assemble_predictor
from kan_engine.search.config import PerGroup, SearchConfig, Serve
from kan_engine.search.model_search import find_model
from kan_engine.search.time_warnings import merge_time_warnings
from kan_engine.training.config import DeviceChoice

Direction = Literal["increasing", "decreasing"]
Report = Callable[[str, float, str, float | None], object]
MemberChoice = Serve | Literal["rivals"]


class KANEstimator(FittedModel, BaseEstimator):  # type: ignore[misc]  # scikit-learn is not typed
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
    device : {"auto", "cpu", "cuda"}, default="auto"
        Device of trainings by Adam; ``"auto"`` uses CUDA if torch sees it and the training is large.
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
    functions : sequence of str, default=None
        The functions that formulas may contain, or sets of them: ``"polynomial"``, ``"rational"``,
        ``"exponential"``, ``"trigonometric"``; see ``expressions.function_sets``. Arithmetic is always
        allowed.
    must_use : sequence of str, default=()
        Columns that every formula and network must contain; ``x0``, ``x1`` … of an array.
    max_constants : int, default=None
        Largest number of measured constants of a formula.
    monotone : mapping of str to {"increasing", "decreasing"}, default=None
        Columns with which the target rises or falls; the networks are then sums of curves. Only of a
        regression.
    bounds : pair of float or None, default=None
        Lowest and highest value of the target. Only of a regression.
    units : mapping of str to str, default=None
        Units of columns and of the target, by name: ``{"length": "m", "period": "s"}``. The name of the
        target is that of ``y``, or ``"y"``.
    unit_mode : {"check", "enforce", "ignore"}, default="check"
        Formulas whose units do not add up come behind those whose units do, or are left out.
    compact : bool, default=None
        Whether the compact network, of few curves, is searched for. By default it is, unless ``hidden`` is
        given and ``symbolic=False``: then that network is trained and nothing else.
    max_curves : int, default=20
        Largest number of curves of the compact network.
    serve : {"auto", "accurate", "compact", "formula", "linear"}, default="auto"
        The member that answers unless an exact formula does. ``auto`` selects the one with the lowest
        cross-validated error, of equally good ones the simplest; a given network answers itself. Without a
        useful formula the most accurate network answers for ``formula``.
    is_ordered : bool, default=False
        Whether the rows are in time order: then the last ones validate.
    max_seconds : float, default=300
        Time limit; the best model so far is kept.
    random_state : int, RandomState or None, default=0
        Seed. The service uses 0, too.
    report : callable, default=None
        Takes progress, ``report(stage, fraction, message, error)``: a word, the fraction of the fit from 0 to
        1, a text, and the best error so far, which is None where it is not known.
    """

    n_features_in_: int
    unused_rows_: int | None

    def __init__(
        self,
        *,
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
        monotone: Mapping[str, Direction] | None = None,
        bounds: tuple[float | None, float | None] | None = None,
        form: str | None = None,
        constants: Mapping[str, Mapping[str, float]] | None = None,
        per_group: str | Mapping[str, Any] | None = None,
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
        self.hidden = hidden
        self.grid = grid
        self.order = order
        self.optimizer = optimizer
        self.device = device
        self.grid_schedule = grid_schedule
        self.steps = steps
        self.lamb = lamb
        self.restarts = restarts
        self.prune = prune
        self.symbolic = symbolic
        self.max_complexity = max_complexity
        self.forbid = forbid
        self.functions = functions
        self.must_use = must_use
        self.max_constants = max_constants
        self.monotone = monotone
        self.bounds = bounds
        self.form = form
        self.constants = constants
        self.per_group = per_group
        self.units = units
        self.unit_mode = unit_mode
        self.compact = compact
        self.max_curves = max_curves
        self.serve = serve
        self.is_ordered = is_ordered
        self.max_seconds = max_seconds
        self.random_state = random_state
        self.report = report

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model that ``save``, or the service, has written.

        Raises:
            ArtifactError: The file is not a saved model.
            InvalidData: The model is of another kind.
        """
        model, warnings = model_files.read_model(Path(path).read_bytes())
        estimator, encoding = cls(), model.predictor.encoding
        estimator._adopt(model, warnings)
        estimator.unused_rows_ = None
        # Pictures need encoded rows, and a file has none
        x = encoding.transform(probe_columns(encoding))  # rows over the ranges of the features
        names = tuple(column.name for column in encoding.names)
        estimator._rows = LabelledRows(x, np.full(len(x), np.nan), np.ones(len(x)), names)
        return estimator

    def _fit(
        self,
        x: Any,
        y: Num[np.ndarray, " rows"],
        weights: Float[np.ndarray, " rows"],
        unit_error: float | None = None,
        classes: tuple[Label, ...] | None = None,
        class_weights: Float[np.ndarray, " classes"] | None = None,
        *,
        max_kept_rows: int = 2_000,
    ) -> Self:
        """Search for a model of numbers, or of indices of classes; keep encoded rows for pictures."""
        columns, types = self._read_columns(x, reset=True)
        # Anything but an integer is a source of random numbers, from which a seed is drawn
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(2**31)
        config = self._make_config(int(seed))
        # The target must not have the name of a column, as formulas contain both
        target = self._target_name
        while target in columns:
            target += "_"
        check_columns("must_use", list(self.must_use), columns)
        check_columns("monotone", list(self.monotone or {}), columns)
        check_columns("units", list(self.units or {}), [*columns, target])
        groups = self._read_groups()
        if groups is not None:
            check_columns("per_group", [groups.column], columns)
            types = {**types, groups.column: "category"}
        config = replace(config, form=self._read_form(columns, target), per_group=groups)
        # The screening of a wide table has a share of the time limit
        late = time.monotonic() + config.thresholds.data.screening.time_share * config.max_seconds
        data = make_training_data(
            columns,
            types,
            y,
            weights,
            config,
            target,
            classes,
            class_weights,
            self.units or {},
            unit_error,
            is_late=lambda: time.monotonic() > late,
        )
        # Open ends are infinite, so that the search needs no special case
        low, high = self.bounds or (None, None)
        data = replace(
            data,
            bounds=(-np.inf if low is None else low, np.inf if high is None else high),
        )
        data = exclude_outliers(
            data,
            seed=config.seed,
            is_ordered=config.is_ordered,
            thresholds=config.thresholds.assessment,
        )
        # The time limit is that of the search, without reading and encoding of the table
        until = time.monotonic() + config.max_seconds
        callbacks = Callbacks(should_stop=lambda: time.monotonic() > until, clock=time.monotonic)
        if self.report is not None:
            callbacks = replace(callbacks, report=self._report_progress)
        with _one_torch_thread():
            result = find_model(data, config, callbacks)
            model = assemble_model(
                result,
                *assemble_predictor(result, data, max_curves=config.max_curves),
                data,
                seed=config.seed,
                thresholds=config.thresholds,
            )
        self._rows, self.unused_rows_ = data.training.sample(max_kept_rows, 0), result.count_unused_rows(data)
        of_formula = () if model.report is None else model.report.warnings
        self._adopt(model, merge_time_warnings([*data.warnings, *result.warnings, *of_formula]))
        return self

    def _report_progress(self, stage: str, fraction: float, message: str, error: float | None = None) -> None:
        """Call ``report`` with all its arguments, whether or not an error is known."""
        if self.report is not None:
            self.report(stage, fraction, message, error)

    def _adopt(self, model: Model, warnings: Sequence[str]) -> None:
        """Take over a model."""
        if model.predictor.task != self._task:
            raise InvalidData(f"the model is a {model.predictor.task}, not a {self._task}")
        self.model_, self.warnings_ = model, tuple(warnings)
        features = model.predictor.encoding.features
        # A model from a file has not been fitted by scikit-learn's rules, which set these
        if not hasattr(self, "n_features_in_"):
            self.n_features_in_ = len(features)
            self.feature_names_in_ = np.array([feature.name for feature in features], dtype=object)

    def _read_groups(self) -> PerGroup | None:
        """The groups whose constants are their own; by default none."""
        return None

    def _read_form(self, columns: Columns, target: str) -> FormTemplate | None:  # noqa: ARG002
        """The form to fit beside the search; by default none."""
        return None

    def _read_target(self, y: Any) -> Shaped[np.ndarray, " rows"]:
        """The target as an array [rows]; its name is kept if it has one."""
        if y is None:
            raise InvalidData(
                f"{type(self).__name__} requires y to be passed, but the target y is None; pass it"
            )
        name = getattr(y, "name", None)
        self._target_name = name if isinstance(name, str) and name else "y"
        target: np.ndarray = column_or_1d(y, warn=True)
        return target

    def _check_weights(self, sample_weight: Any, rows: int) -> Float[np.ndarray, " rows"]:
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
            device=self.device,
            grid_schedule=None if self.grid_schedule is None else tuple(self.grid_schedule),
            steps=self.steps,
            lamb=self.lamb,
            restarts=self.restarts,
            prune=self.prune,
            symbolic=self.symbolic,
            constraints=FormulaConstraints.create(
                forbid=self.forbid,
                max_complexity=self.max_complexity,
                functions=self.functions,
                must_use=self.must_use,
                max_constants=self.max_constants,
                monotone=self.monotone,
            ),
            units=self.unit_mode,
            compact=self._makes_compact,
            max_curves=self.max_curves,
            serve=self.serve,
            is_ordered=self.is_ordered,
            seed=seed,
            max_seconds=self.max_seconds,
        )

    @property
    def _makes_compact(self) -> bool:
        if self.compact is not None:
            return self.compact
        return self.symbolic or self.hidden is None or self.serve == "compact"

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
            "linear": model.linear,
            "rivals": model.rivals,
        }
        choice = members.get(by)
        if choice is None:
            listing = ", ".join(repr(name) for name, member in members.items() if member is not None)
            raise InvalidConfig(f"the model has no member {by!r}; by is one of {listing}")
        return choice

    def _encode(self, x: Any, predictor: Predictor) -> Float[np.ndarray, "rows inputs"]:
        """The encoded rows of a table, for a member."""
        columns, _ = self._read_columns(x, reset=False)
        # Unseen categories are no error, but usually a mistake of spelling
        unseen = [
            description
            for feature in predictor.encoding.features
            if feature.name in columns and feature.name not in predictor.unused
            if (description := describe_unseen(feature, columns[feature.name]))
        ]
        if unseen:
            detail = f"{'; '.join(unseen)}. They count as none of the known categories; check their spelling"
            warn(detail, UnseenCategory, stacklevel=3)
        return predictor.encoding.transform(columns, optional=predictor.unused)

    def __sklearn_tags__(self) -> Any:
        """Missing values are accepted."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """Use one thread of torch: networks are small, and results do not depend on the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
