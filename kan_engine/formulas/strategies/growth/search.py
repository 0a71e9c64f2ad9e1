"""Search for the front of formulas, from one constant up.

The search changes the formulas that it has found: it inserts terms, factors and constants, exchanges terms,
and leaves parts out. ``moves`` ranks the insertions and exchanges without fitting them, so that a trial is
the best of thousands of changes. All constants are fitted in every trial, as in Operon (Burlacu, Kronberger
and Kommenda, GECCO 2020) and PySR (Cranmer, arXiv:2305.01582); a few formulas are kept per size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import numpy as np

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.expressions.constraints import NO_CONSTRAINTS, FormulaConstraints
from kan_engine.expressions.evaluation import (
    Expression,
    Mul,
    Number,
    Program,
    count_nodes,
    mul,
    parametrize_floats,
    variables,
    walk,
)
from kan_engine.expressions.measured_constants import make_measured
from kan_engine.formulas.core.check_rows import CheckRows
from kan_engine.formulas.core.constant_fitting import Columns, ParametricForm, Residuals, refit_coarsely
from kan_engine.formulas.core.factors import merge_factors
from kan_engine.formulas.core.wishes import satisfy_wishes
from kan_engine.formulas.soundness.resolution import resolve_arguments
from kan_engine.formulas.strategies.growth.archive import Archive
from kan_engine.formulas.strategies.growth.dictionary import Dictionary, generate_terms
from kan_engine.formulas.strategies.growth.entry import Entry, make_entry
from kan_engine.formulas.strategies.growth.moves import Expansion, Move, list_reductions
from kan_engine.formulas.strategies.growth.thresholds import FrontThresholds
from kan_engine.numerics.ties import round_rank


class FrontSearch:
    """A search for the most accurate formula of every size.

    Args:
        rows: Rows to fit.
        ends: Further rows, at which formulas must be finite.
        limits: What formulas may contain.
        seed: Of the rows that are drawn.
        max_work: After which a whole search ends; see ``work``.
        share: Of that work, which is done here.
        should_stop: Once it returns true, the search ends.
        report: Takes the share of the work that is done, and the archive, after every formula.
        thresholds: Decision numbers.
        trials_per_row: Largest number of trials per row: few rows cannot tell many formulas apart.
        max_overshoot: Beyond the range of the target there, over that range: poles between rows are larger.

    Attributes:
        archive: The formulas found so far.
        work: Trials so far, times their rows and the overhead.
    """

    def __init__(
        self,
        rows: LabelledRows,
        *,
        ends: Columns | None = None,
        limits: FormulaConstraints = NO_CONSTRAINTS,
        seed: int = 0,
        max_work: float | None = None,
        share: float = 1.0,
        should_stop: Callable[[], bool] = lambda: False,
        report: Callable[[float, Archive], None] = lambda _share, _archive: None,
        thresholds: FrontThresholds,
        trials_per_row: int = 25,
        max_overshoot: float = 1.0,
    ) -> None:
        generator = np.random.default_rng(seed)
        self._rows, self._limits, self._thresholds = rows, limits, thresholds
        self._should_stop, self._report = should_stop, report
        work = thresholds.max_work if max_work is None else max_work
        trial = len(rows) + thresholds.overhead_rows
        self._max_work = share * min(work, trial * trials_per_row * len(rows))
        # Changes are ranked on a sample of the rows; their constants are fitted on all
        scan_count = min(len(rows), thresholds.scan_rows)
        self._scan = np.sort(generator.choice(len(rows), scan_count, replace=False))
        self._scanned = {name: values[self._scan] for name, values in rows.columns.items()}
        count = thresholds.check_rows
        self._check = CheckRows(rows, count, max_overshoot, generator, ends)
        terms = filter(self._check.is_defined_at_ends, generate_terms(rows.columns, limits, thresholds))
        self._terms = self._dictionary = Dictionary.build(terms, self._scanned, thresholds)
        self._tried: set[tuple[Expression, tuple[float, ...]]] = set()
        self.archive = Archive(thresholds)
        self.work = 0.0

    @property
    def is_over(self) -> bool:
        """Whether the work is done, or the caller asked to stop."""
        return self.work >= self._max_work or self._should_stop()

    def run(self, seeds: Iterable[Expression] = ()) -> list[Entry]:
        """Search from a constant and from given formulas; return the front.

        The constant and the seeds are always fitted, each completed by the columns that it must use. A search
        that is stopped at once returns their front. The front is empty if the limits allow no formula.
        """
        mean = make_measured(float(np.average(self._rows.y, weights=self._rows.relative_weights)))
        for tree in (mean, *seeds):
            self.fit(tree)
            for variant in satisfy_wishes(tree, self._rows, self._limits):
                self.fit(variant)
        # Parts of the formulas found become terms; formulas already changed get another turn with them
        while not self.is_over and (self._expand_all(is_initial=True) or self._expand_all(is_initial=False)):
            parts = Dictionary.build(self._list_parts(), self._scanned, self._thresholds)
            self._dictionary = self._terms.join(parts)
        return self.archive.front

    def fit(self, tree: Expression, *, hopeless_ratio: float = 1.15) -> Entry | None:
        """Fit the constants of a formula and keep it if it is among the best of its size.

        Args:
            hopeless_ratio: Of the error of a form to the limit after a few steps, above which it is given up.
        """
        tree = merge_factors(tree)
        size, limits = count_nodes(tree), self._thresholds
        free, values = parametrize_floats(tree)
        key = free, tuple(float(f"{value:.2g}") for value in values)
        if size > limits.max_size or key in self._tried or not self._limits.allow_form(tree):
            return None
        self._tried.add(key)
        self._add_work(1)
        # A few steps decide whether a formula competes at its size; only the best one is fitted to the end
        worst = self.archive.limit(size)
        residuals = Residuals(ParametricForm(free, np.array(values)), self._rows)
        hopeless = hopeless_ratio * worst
        constants = refit_coarsely(residuals, residuals.form.values, limits.trial_steps, hopeless)
        error = residuals.measure(constants)
        if not np.isfinite(error) or error > worst:
            return None
        entry = make_entry(residuals, constants)
        if entry.error < self.archive.best_error(size):
            longer = make_entry(residuals, refit_coarsely(residuals, constants, limits.final_steps))
            entry = min(entry, longer, key=lambda candidate: round_rank(candidate.error))
        is_sound = self._check.accept(entry.tree) and self._limits.allow_values(entry.tree)
        if (
            entry.size > limits.max_size
            or not is_sound
            or resolve_arguments(entry.tree, self._rows) != entry.tree
        ):
            return None
        return entry if self.archive.insert(entry) else None

    def _add_work(self, trials: int) -> None:
        self.work += trials * (len(self._rows) + self._thresholds.overhead_rows)

    def _expand_all(self, *, is_initial: bool, expansion_slack: float = 1.03, max_visits: int = 3) -> bool:
        """Try changes of all good formulas, by size: of those not changed yet, or again with more terms.

        Args:
            expansion_slack: Error over that of the best formula of the size; a formula with a larger one is
                not changed.
            max_visits: How often changes of a formula are tried, each time with the terms found since.
        """
        has_changed = False
        for size in sorted(self.archive.by_size):
            entries = self.archive.by_size[size] if is_initial else self.archive.by_size[size][:1]
            for entry in tuple(entries):
                best = self.archive.best_error(size)
                is_due = not entry.visits if is_initial else entry.visits < max_visits
                if not is_due or entry.error > expansion_slack * best:
                    continue
                if self.is_over:
                    return False
                self._expand(entry)
                has_changed = True
                self._report(min(1.0, self.work / self._max_work), self.archive)
        return has_changed

    def _expand(self, entry: Entry, *, expansion_trials: int = 30) -> None:
        """Fit the most promising changes of a formula.

        Args:
            expansion_trials: Trials that the ranking of changes takes as long as.
        """
        entry.visits += 1
        self._add_work(expansion_trials)
        for tree in chain(self._select_changes(entry), list_reductions(entry.tree)):
            self.fit(tree)
            if self.is_over:
                return

    def _select_changes(
        self,
        entry: Entry,
        *,
        fits_per_size: int = 3,
        prediction_slack: float = 1.02,
        max_refused_moves: int = 100,
    ) -> Iterator[Expression]:
        """Yield the changes with the lowest predicted errors, a few per size.

        Args:
            fits_per_size: Changes of a formula that are fitted, per size that they lead to.
            prediction_slack: Of predicted errors over the limit, since predictions are first-order.
            max_refused_moves: Changes of a formula that the limits refuse, before others are no longer tried.
        """
        limits, counts, fingerprints, refusals = self._thresholds, dict[int, int](), set[tuple[int, str]](), 0
        moves, ratio = self._rank_moves(entry)
        for move in sorted(moves, key=lambda move: round_rank(move.predicted)):
            alike = move.size, f"{move.predicted:.5g}"  # the same change at another node
            is_full = counts.get(move.size, 0) >= fits_per_size
            if is_full or alike in fingerprints or move.size > limits.max_size:
                continue
            if move.predicted * ratio <= prediction_slack * self.archive.limit(move.size):
                fingerprints.add(alike)
                tree = move.build()
                if not self._limits.allow_form(tree):
                    refusals += 1
                    yield from satisfy_wishes(tree, self._rows[self._scan], self._limits, max_trials=1)
                    if refusals >= max_refused_moves:
                        return
                    continue
                counts[move.size] = counts.get(move.size, 0) + 1
                yield tree

    def _rank_moves(self, entry: Entry) -> tuple[list[Move], float]:
        """Insertions and exchanges, and by how much the error on all rows exceeds that of the scan."""
        # Derivatives that are not finite become 0: their constants count as fitted
        free, values = parametrize_floats(entry.tree)
        program = Program(free, self._scanned, len(values))
        prediction = program.run(np.array(values))
        root = np.sqrt(self._rows.relative_weights[self._scan])
        expansion = Expansion(
            tree=entry.tree,
            columns=self._scanned,
            root=root,
            target=self._rows.y[self._scan],
            predicted=prediction,
            jacobian=np.nan_to_num(program.compute_jacobian()),
        )
        moves = [
            *expansion.rank_insertions(self._dictionary, self._thresholds),
            *expansion.rank_exchanges(self._dictionary, self._thresholds),
        ]
        here = float(np.mean((root * (expansion.target - prediction)) ** 2))
        return moves, entry.error / here if here > 0 else 1.0

    def _list_parts(self, *, min_part_size: int = 3, max_part_size: int = 20) -> Iterator[Expression]:
        """Yield the parts of the formulas of the front: other formulas may contain them, too.

        Args:
            min_part_size, max_part_size: Parts of found formulas that become terms.
        """
        for entry in self.archive.front:
            for node in walk(entry.tree):
                if isinstance(node, Mul):
                    node = mul(*[factor for factor in node.factors if not isinstance(factor, Number)])  # noqa: PLW2901
                if variables(node) and min_part_size <= count_nodes(node) <= max_part_size:
                    yield node
