"""Law search: structures and their formulas."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from kan_engine.assessment.residual_signal import measure_signal
from kan_engine.data.scaling import Standardizer
from kan_engine.expressions.evaluation import Expression, Variable
from kan_engine.formulas.core.formula import Formula
from kan_engine.formulas.reductions.chebyshev_surrogate import Surrogate
from kan_engine.formulas.reductions.dimensional_choice import find_dimensional_reductions
from kan_engine.formulas.reductions.power_factor import find_power_factors
from kan_engine.formulas.reductions.variable_groups import Reduction, find_reduction
from kan_engine.formulas.strategies.exact import target_precision
from kan_engine.formulas.strategies.exact.power_product_law import find_power_product_law
from kan_engine.formulas.strategies.exact.quadratic_law import find_quadratic_law
from kan_engine.formulas.strategies.exact.rational_law import find_rational_law
from kan_engine.formulas.strategies.exact.univariate_law import find_univariate_law
from kan_engine.inference.optimism import OptimismCorrection
from kan_engine.numerics.ties import rank_error
from kan_engine.search.callbacks import TrialReport
from kan_engine.search.context import (
    FoundLaw,
    SearchContext,
    extract_law,
    leaves_only_noise,
    record_validation_errors,
    sort_formulas,
    to_sample,
)
from kan_engine.search.extraction_subtask import extract_law_once, make_extraction_subtask
from kan_engine.search.formulas.reduced_laws import enumerate_formulas, expand_laws, fit_scale
from kan_engine.structure.fitted_structure import FittedStructure, StructureRows
from kan_engine.structure.search import search_structures


class LawSearch:
    """Search for the law of some rows, including a nested search in fewer variables.

    Attributes:
        seen: All structures examined so far.
        read: The best law extracted from a structure.
        proved: A law found without a network that holds to rounding error.
        inner: The reduction to fewer variables, and the nested search.
        direct: Formulas found without a network, shortest description first.
        tried_in: The variables in which all short formulas were tried, by the formulas that were found.
    """

    def __init__(
        self,
        fit: StructureRows,
        validation: StructureRows,
        run: SearchContext,
        *,
        is_whole: bool,
        may_reduce: bool | None = None,
        may_be_exact: bool | None = None,
    ) -> None:
        self._fit, self._validation, self._run, self._is_whole = fit, validation, run, is_whole
        self._may_reduce = is_whole if may_reduce is None else may_reduce
        self._limits = run.thresholds
        self._rows, self._others = fit.rows, validation.rows
        if may_be_exact is None:
            may_be_exact = target_precision.may_be_exact(self._rows, self._limits.max_exact_error)
        self._may_be_exact = may_be_exact
        self.seen = list[FittedStructure]()
        self.read: FoundLaw | None = None
        self.proved: Formula | None = None
        self.inner: tuple[Reduction, LawSearch] | None = None
        self.direct = list[Formula]()
        self.tried_in = dict[Expression, Reduction]()
        self._is_solved = False  # by a law found without a network
        self._is_enumerated = False
        self._tried = set[bool]()  # without angles, with angles

    @property
    def exact_formula(self) -> Formula | None:
        """The formula that holds to rounding error, if one was found."""
        if self.proved is not None or self.read is None or self.read.error > self._limits.max_exact_error:
            return self.proved
        return self.read.formulas[0]

    @property
    def closest_structure(self) -> FittedStructure:
        """The structure with the lowest error."""
        return min(self.seen, key=lambda structure: rank_error(structure.error))

    @property
    def law(self) -> FoundLaw | None:
        """The best law so far; a law found without a network comes with the closest structure."""
        if self.proved is None and (self.read is None or not self._is_beaten(self.read)):
            return self.read
        beside = self.direct if self.proved is None else [self.proved]
        if self.read is None:
            return FoundLaw(fit=self.closest_structure, formulas=beside, is_read=False)
        return FoundLaw(fit=self.read.fit, formulas=[*beside, *self.read.formulas], is_read=False)

    def _is_beaten(self, law: FoundLaw) -> bool:
        """Whether a formula found without a network has a shorter description."""
        return bool(self.direct) and self.direct[0].bits < law.bits

    def examine_structures(self) -> None:
        """Examine structures in turn until one yields an exact formula or the limit is reached.

        Before structures with hidden nodes, the search tries a law in fewer variables, unless it is itself
        nested. If that succeeds, the first adequate network for all variables ends the search.
        """
        run, limits, read = self._run, self._limits, list[FittedStructure]()
        run.report("structure", 0.05, "searching for a small law")
        structures = search_structures(
            self._fit,
            self._validation,
            generator=run.generator,
            order=run.config.order,
            should_stop=run.should_stop,
            thresholds=limits.structure,
        )
        for number, structure in enumerate(structures, 1):
            record_validation_errors(structure, run)
            run.report("structure", min(0.35, 0.05 + 0.01 * number), *_describe_structure(number, structure))
            self._record_trial(structure)
            self._try_direct_searches(structure)
            self.seen.append(structure)
            if number == 1 and self._is_whole:
                self._search_dimensionless_groups()
            if number == 1 and not structure.is_adequate:
                self._search_cheap_laws()
            law = self._find_noisy_law(structure) if number == 1 else None
            if law is not None and (law.formulas is self.direct or self._is_sufficient(law)):
                self.read = law
                break
            if self.proved is not None:
                has_seen_many = len(self.seen) >= limits.max_structures_with_law
                if structure.is_adequate or has_seen_many or run.should_stop():
                    break
            elif _is_worth_extracting(structure, read, limits.max_repeat_error_ratio):
                read.append(structure)
                is_done = self._update_best_law(structure, law)
                if is_done or len(read) == limits.max_extractions or run.should_stop():
                    break
        if self._is_whole and self.exact_formula is None and len(self._fit) < limits.few_rows:
            if self.inner is None:
                self._search_variable_groups()
            self._enumerate_whole()

    def _record_trial(self, structure: FittedStructure) -> None:
        """Report a structure; errors of nested searches are relative to other targets."""
        if self._is_whole and np.isfinite(structure.error):
            config = structure.network.config
            width, grid = config.width, config.grid_size
            trial = TrialReport(kind="structure", width=width, grid=grid, error=structure.error)
            self._run.record_trial(trial)

    def _find_noisy_law(self, structure: FittedStructure) -> FoundLaw | None:
        """The law of dimensionless groups if it leaves only noise, else that of the additive structure."""
        if self._is_solved and self.proved is None:
            return FoundLaw(fit=structure, formulas=self.direct, is_read=False)
        return self._extract_noisy_law(structure)

    def _extract_noisy_law(self, structure: FittedStructure) -> FoundLaw | None:
        """Extract the law of the closest additive structure, if no smooth surrogate is much closer."""
        run = self._run
        if structure.is_adequate or structure.error > self._limits.max_noise_error or not run.config.symbolic:
            return None
        smooth = Surrogate.fit(self._rows, self._others, thresholds=self._limits.discovery)
        least = self._limits.min_surrogate_error_ratio * structure.error * self._validation.spread
        if smooth is None or smooth.error < least:
            return None
        return extract_law(structure, self._fit, self._validation, run)

    def _try_direct_searches(self, structure: FittedStructure) -> None:
        """Run the direct searches that precede the first structures with one and with two hidden nodes."""
        nodes, before = len(structure.shape.nodes), len(self.seen[-1].shape.nodes) if self.seen else 0
        if nodes and not before and self._may_reduce:
            self._search_variable_groups()
            if self._is_whole and self.proved is None and not self._leave_only_noise(self.direct):
                self._enumerate_whole()
        if nodes > 1 and before == 1:  # structures with more nodes take seconds each
            self.search_exact_laws(angles=False)

    def _update_best_law(self, structure: FittedStructure, known: FoundLaw | None) -> bool:
        """Extract the formulas of a structure unless given; return whether the search can end."""
        run = self._run
        law = known or extract_law(structure, self._fit, self._validation, run)
        if self.read is None or law.bits < self.read.bits:
            self.read = law
        if self.read.error < self._limits.max_exact_error or not run.config.symbolic:
            return True
        return not structure.is_adequate and leaves_only_noise(
            self.read.formulas, self._rows, self._others, run
        )

    def search_exact_laws(self, *, angles: bool) -> None:
        """Search for a law that no small network represents and that holds to rounding error.

        Each of both kinds is tried once. Cosines and sines of many columns take a minute and come last, and
        are not tried for targets that no formula can be exact for.
        """
        run, rows, others = self._run, self._rows, self._others
        if angles in self._tried or self.proved is not None or not run.config.symbolic or run.should_stop():
            return
        if angles and not self._may_be_exact:
            return
        self._tried.add(angles)
        run.report("symbolic", 0.38, "searching for a law exact to rounding error")
        limits, symbolic = self._limits.discovery, self._limits.symbolic
        stop = run.should_stop
        tree = None
        if not angles:
            tree = find_power_product_law(rows, others, stop, thresholds=limits, symbolic=symbolic)
        for find in (find_rational_law, find_quadratic_law):
            tree = tree or find(rows, others, stop, angles=angles, thresholds=limits, symbolic=symbolic)
        self._accept_if_exact(tree)

    def _search_cheap_laws(self) -> None:
        """Try exact laws that take a second before structures that take a minute."""
        self.search_exact_laws(angles=False)
        if len(self._rows.names) <= self._limits.max_cheap_angle_inputs:
            self.search_exact_laws(angles=True)

    def search_power_factors(self) -> None:
        """Search for an exact law after a factor of powers of columns, which hides it, is divided out."""
        run = self._run
        everything = self._rows.append(self._others)
        for found in find_power_factors(everything, self._limits.discovery):
            if self.proved is not None or not run.config.symbolic or run.should_stop():
                return
            run.report("structure", 0.37, "searching for a law behind a factor")
            if not self._is_enumerated or len(found.groups) < len(self._rows.names):
                self._enumerate_laws(found, run)
            if self._may_be_exact:
                self._search_groups(found, run, may_reduce=True, is_exact=True)

    def _accept_if_exact(self, tree: Expression | None) -> None:
        if tree is not None and self._run.config.constraints.allow(tree):
            constraints, symbolic = self._run.config.constraints, self._limits.symbolic
            self._prove(Formula.measure(tree, self._rows, self._others, constraints, thresholds=symbolic))

    def _search_variable_groups(self) -> None:
        """Search for a law in groups of columns that act as one variable."""
        run, rows, others = self._run, self._rows, self._others
        if not run.config.symbolic or run.should_stop():
            return
        run.report("structure", 0.1, "searching for groups of inputs that act as one variable")
        found = find_reduction(rows, others, run.should_stop, thresholds=self._limits.discovery)
        if found is not None:
            self.inner = found, self._search_groups(found, run, may_reduce=False)
            if self._is_whole and self.proved is None:
                self._enumerate_laws(found, run)

    def _search_dimensionless_groups(self) -> None:
        """Search for laws in the dimensionless groups of the columns and of constants of nature."""
        run, units, limits = self._run, self._run.config.constraints.units, self._limits
        if units is None or not run.config.symbolic or run.should_stop():
            return
        run.report("structure", 0.05, "searching for a law in dimensionless groups")
        until = run.clock() + limits.unit_time_share * run.config.max_seconds
        run = replace(run, should_stop=lambda: self._run.should_stop() or run.clock() > until)
        hunts = list[tuple[Reduction, LawSearch]]()
        for found in find_dimensional_reductions(
            units, self._rows, self._others, run.should_stop, thresholds=limits.discovery
        ):
            if not found.groups:
                self._offer(self._expand(found, [fit_scale(found, self._rows)]))
            else:
                self._enumerate_laws(found, run)
            if self._is_certain() or self._leave_only_noise(self.direct):
                self._is_solved = True
                return
            if found.groups:
                hunts.append((found, self._search_groups(found, run, may_reduce=True)))
            if run.should_stop() or self._is_certain():
                return
        fitted = [(found, hunt) for found, hunt in hunts if hunt.seen]
        if fitted and self.proved is None:
            found, hunt = min(fitted, key=lambda pair: self._target_error(*pair))
            law = hunt.law or hunt.select_best_law()
            self._offer(self._expand(found, [each.tree for each in law.formulas]))
            self._is_solved = self._leave_only_noise(self.direct)

    def _is_certain(self) -> bool:
        """Whether a law found without a network is exact to the last digits.

        Other laws than the right one may be exact to nine digits, where it differs little from a simpler one.
        """
        return self.proved is not None and self.proved.error < self._limits.certain_error

    def _offer(self, formulas: list[Formula]) -> None:
        """Add formulas found without a network; one that is exact ends the search."""
        self.direct = sort_formulas([*self.direct, *formulas])
        for formula in self.direct[:1]:
            self._prove(formula)

    def _prove(self, formula: Formula) -> None:
        """Keep a formula that is exact, unless one with a shorter description is known."""
        is_exact = formula.error < self._limits.max_exact_error
        if is_exact and (self.proved is None or formula.bits < self.proved.bits):
            self.proved = formula

    def _enumerate_laws(self, found: Reduction, run: SearchContext) -> None:
        """Try all short formulas in the variables of a reduction."""
        formulas = enumerate_formulas(found, self._rows, self._others, run)
        self.tried_in = dict.fromkeys((formula.tree for formula in formulas), found) | self.tried_in
        self._offer(formulas)

    def _enumerate_whole(self) -> None:
        """Try all short formulas in the columns, once."""
        if not self._is_enumerated and self._run.config.symbolic and not self._run.should_stop():
            self._is_enumerated = True
            columns = {name: Variable(name) for name in self._rows.names}
            self._enumerate_laws(Reduction(groups=columns), self._run)

    def _target_error(self, found: Reduction, hunt: LawSearch) -> float:
        """Validation RMSE of the closest structure of a nested search, in the units of the target."""
        scale = float(np.sqrt(np.mean(found.select_factors(self._others) ** 2)))
        return hunt.closest_structure.error * hunt._validation.spread * scale

    def _search_groups(
        self, found: Reduction, run: SearchContext, *, may_reduce: bool, is_exact: bool = False
    ) -> LawSearch:
        """Search for the law of the groups of a reduction; an exact one is accepted.

        With ``is_exact``, laws exact to rounding error are tried before structures.
        """
        symbolic = self._limits.symbolic
        reduced, judged = found.reduce_data(self._rows), found.reduce_data(self._others)
        inputs = Standardizer.fit(reduced.x)
        fit, validation = to_sample(reduced, inputs), to_sample(judged, inputs)
        config = replace(run.config, constraints=run.config.constraints.drop_columns())
        closed = OptimismCorrection.create_closed()
        inside = replace(run, names=reduced.names, inputs=inputs, config=config, contest=closed)
        hunt = LawSearch(
            fit, validation, inside, is_whole=False, may_reduce=may_reduce, may_be_exact=self._may_be_exact
        )
        if len(found.groups) == 1:
            hunt._accept_if_exact(
                find_univariate_law(
                    Variable(*found.groups),
                    reduced,
                    judged,
                    run.should_stop,
                    thresholds=self._limits.discovery,
                    symbolic=symbolic,
                )
            )
        if is_exact:
            hunt._search_cheap_laws()
        if hunt.exact_formula is None:
            hunt.examine_structures()
        if hunt.exact_formula is not None:
            self._accept_if_exact(
                found.expand_law(hunt.exact_formula.tree, self._others.columns, symbolic.simplification)
            )
        return hunt

    def select_best_law(self) -> FoundLaw:
        """Select a law where no structure is adequate.

        It is the shortest description extracted from the structures whose errors are nearly the lowest. Under
        noise all structures that can represent the data have nearly equal errors, so simpler ones are tried
        first. Where even the closest structure misses much of the signal, no law of it would be right.
        """
        run, best = self._run, self._find_grouped_law()
        if self.direct and (best is None or self._is_beaten(best)):
            best = FoundLaw(fit=self.closest_structure, formulas=self.direct, is_read=False)
        if best is not None and self._is_sufficient(best):
            return best
        if self._is_whole and self.misses_signal():
            return self.law or FoundLaw(fit=self.closest_structure, formulas=[], is_read=False)
        near = [
            structure
            for structure in self.seen
            if structure.error <= self._limits.structure.equal_error_factor * self.closest_structure.error
        ]
        near.sort(key=lambda structure: -rank_error(structure.error))
        distinct = {structure.shape: structure for structure in near}
        contenders = sorted(distinct.values(), key=_size_key)[: self._limits.max_candidates]
        for number, structure in enumerate(contenders, 1):
            run.report("symbolic", 0.36, "extracting a formula from a small structure")
            law = self._extract_and_offer(structure, contenders[number:])
            if best is None or law.bits < best.bits:
                best = law
                if self._is_sufficient(law):
                    return law
            if run.should_stop():
                break
        assert best is not None  # noqa: S101 - the closest structure is a candidate
        return best

    def is_noisy(self) -> bool:
        """Whether the closest structure explains much, and boosting finds nothing in what it leaves."""
        limits, error = self._limits, self.closest_structure.error
        if limits.min_noise_error < error < limits.max_noise_error:
            return True
        is_close = limits.max_noise_error <= error < limits.max_certain_error
        return is_close and self._signal < limits.min_signal_share

    def misses_signal(self) -> bool:
        """Whether boosting explains much of the residuals of the closest structure."""
        is_close = self.closest_structure.error <= self._limits.max_noise_error
        return not is_close and self._signal > self._limits.max_structure_signal

    @cached_property
    def _signal(self) -> float:
        """Share of the squared residuals of the closest structure that boosting explains.

        It is read once all structures are examined.
        """
        closest = self.closest_structure
        fit, validation = (
            sample.rows.with_target(sample.rows.y - closest.predict(sample))
            for sample in (self._fit, self._validation)
        )
        return measure_signal(fit, validation, self._limits.assessment)

    def _extract_and_offer(self, structure: FittedStructure, others: list[FittedStructure]) -> FoundLaw:
        """Extract the formulas of a structure while other workers may extract those of the next ones."""
        fit, validation, run = self._fit, self._validation, self._run
        if not self._is_whole:  # other workers know the columns but not these groups
            return extract_law(structure, fit, validation, run)
        with run.parts.prefetch(lambda: [make_extraction_subtask(other, run) for other in others]):
            return extract_law_once(structure, fit, validation, run)

    def _is_sufficient(self, law: FoundLaw) -> bool:
        is_short = bool(law.formulas) and law.formulas[0].complexity <= self._limits.max_short_complexity
        return is_short and leaves_only_noise(law.formulas, self._rows, self._others, self._run)

    def _leave_only_noise(self, formulas: list[Formula]) -> bool:
        """Whether formulas explain much and leave only noise; a wave of many periods looks like noise."""
        if formulas and formulas[0].error > self._limits.max_certain_error:
            return False
        return leaves_only_noise(formulas, self._rows, self._others, self._run)

    def _find_grouped_law(self) -> FoundLaw | None:
        """The best law in fewer variables, its constants refitted to the original rows."""
        if self.inner is None or not self.inner[1].seen or self._run.should_stop():
            return None
        found, hunt = self.inner
        law = hunt.law or hunt.select_best_law()
        formulas = self._expand(found, [each.tree for each in law.formulas])
        return (
            FoundLaw(fit=self.closest_structure, formulas=sort_formulas(formulas), is_read=False)
            if formulas
            else None
        )

    def _expand(self, found: Reduction, laws: list[Expression]) -> list[Formula]:
        return expand_laws(found, laws, self._rows, self._others, self._run)


def _describe_structure(number: int, structure: FittedStructure) -> tuple[str, float | None]:
    """Progress message for a structure, and its error if finite."""
    nodes, error = len(structure.shape.nodes), structure.error
    told = f"shape {number} with {nodes} hidden node{'' if nodes == 1 else 's'}"
    if not np.isfinite(error):
        return f"{told}: does not fit", None
    return f"{told}: error {error:.1e}", error


def _size_key(structure: FittedStructure) -> tuple[int, bool, float]:
    shape = structure.shape
    return len(shape.nodes), not shape.is_simple, structure.error


def _is_worth_extracting(structure: FittedStructure, read: list[FittedStructure], max_ratio: float) -> bool:
    """Whether a structure is adequate, and clearly better than examined structures of the same shape.

    With a single input, formulas are extracted from the values themselves, so every structure qualifies.
    """
    if structure.terms.values.shape[1] == 1:
        return True
    alike = [other for other in read if other.shape == structure.shape]
    return structure.is_adequate and all(structure.error < max_ratio * other.error for other in alike)
