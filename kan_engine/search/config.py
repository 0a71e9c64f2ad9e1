"""What can be asked of a search for a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from kan_engine.expressions.constraints import FormulaConstraints
from kan_engine.expressions.unit_system import UnitMode
from kan_engine.formulas.forms.template import FormTemplate
from kan_engine.search.thresholds import DEFAULT_THRESHOLDS, SearchThresholds
from kan_engine.training.config import DeviceChoice

Member = Literal["accurate", "compact", "formula", "linear"]
Serve = Literal["auto", "accurate", "compact", "formula", "linear"]


@dataclass(frozen=True, kw_only=True)
class PerGroup:
    """Constants of each group of rows.

    Attributes:
        column: The column that names the groups.
        own: Constants of the form that are a group's own; None lets the rows choose.
    """

    column: str
    own: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Settings of a search. None leaves a choice to the search.

    Attributes:
        hidden: Nodes of the inner layers.
        grid: Grid intervals of every activation.
        order: Order of the splines.
        optimizer: Optimizer of larger networks.
        grid_schedule: Grid sizes from coarse to fine.
        device: Device of trainings by Adam; ``auto`` uses CUDA where it may pay, see ``choose_device``.
        steps: Steps of a second-order optimizer on each grid, or epochs of Adam.
        lamb: Strength of the sparsity penalty.
        restarts: Random starts of a network.
        prune: Whether edges that hardly matter are removed.
        symbolic: Whether formulas are extracted.
        constraints: What formulas may contain.
        units: What the units of the columns mean for formulas.
        form: Form of the client, which is fitted beside the free search.
        per_group: Fits constants of each group: of the form, or of the best formula.
        compact: Whether networks of few curves are searched.
        max_curves: Largest number of curves of the compact network.
        serve: The member that answers by default unless an exact formula does; see ``choose_member``.
        is_ordered: Whether the rows are in time order, so that folds are blocks of consecutive rows.
        without: Names of strategies that are left out, to measure what they buy.
        seed: Seed of all random numbers.
        max_seconds: Time of the job; the search divides it among its stages.
        thresholds: Decision numbers of the search.
    """

    hidden: tuple[int, ...] | None = None
    grid: int | None = None
    order: int = 3
    optimizer: str = "auto"
    device: DeviceChoice = "auto"
    grid_schedule: tuple[int, ...] | None = None
    steps: int | None = None
    lamb: float | None = None
    restarts: int | None = None
    prune: bool = True
    symbolic: bool = True
    constraints: FormulaConstraints = field(default_factory=FormulaConstraints)
    units: UnitMode = "check"
    form: FormTemplate | None = None
    per_group: PerGroup | None = None
    compact: bool = True
    max_curves: int = 20
    serve: Serve = "auto"
    is_ordered: bool = False
    without: frozenset[str] = frozenset()
    seed: int = 0
    max_seconds: float = 300.0
    thresholds: SearchThresholds = DEFAULT_THRESHOLDS

    @property
    def is_automatic(self) -> bool:
        """Whether no shape, grid or training option was requested, so that the search chooses all of them."""
        options = self.hidden, self.grid, self.grid_schedule, self.steps, self.lamb
        return self.optimizer == "auto" and all(option is None for option in options)

    @property
    def is_alone(self) -> bool:
        """Whether one network is trained and nothing else."""
        return self.hidden is not None and not self.symbolic and not self.compact

    @property
    def required_columns(self) -> frozenset[str]:
        """Columns of the client that the wishes name, before their variables replace them."""
        columns = {name for group in self.constraints.must_use for name in group}
        columns |= {name for name, _ in self.constraints.monotone}
        if self.form is not None:
            columns |= set(self.form.columns)
        return frozenset(columns if self.per_group is None else {*columns, self.per_group.column})

    @property
    def has_stages(self) -> bool:
        """Whether one network is refined through several requested grids, each of which is reported."""
        return self.hidden is not None and self.grid_schedule is not None and len(self.grid_schedule) > 1
