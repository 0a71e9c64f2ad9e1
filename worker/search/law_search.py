"""Law search: structures and their formulas, and formulas of a classifier's log-odds."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch

from kan_engine import (
    CROSSED_ROWS,
    KAN,
    Contest,
    Expression,
    Fit,
    Formula,
    Reduction,
    Sample,
    Standardizer,
    Surrogate,
    Variable,
    additive,
    cross_predict,
    eliminate,
    implicit_law,
    index_law,
    law_of_one,
    reduction,
    search,
    sharpen,
)
from worker.data.preparation import Portion
from worker.search.context import (
    EXACT,
    Law,
    Run,
    columns_of,
    enter,
    in_order,
    leaves_noise,
    read_law,
    sample_of,
    samples_of,
    searched,
    with_shorter,
)
from worker.search.extraction_subtask import read_structure, reading_part

LOOKED_AT = 24  # structures examined for an adequate network once an exact law is known
READ_AT_MOST = 8  # structures from which formulas are extracted before the search ends
HOPEFUL, HOPELESS = 8e-3, 0.05  # error of the closest structure that is attributed to noise
AS_CLOSE = 0.8  # to a structure's error; below it, more than noise is left
NEAR = 1.35  # times the lowest error, up to which structures count as equally close
CONTENDERS = 6  # equally close structures from which formulas are extracted
SHORT = 14  # complexity up to which a formula that leaves only noise ends the search
OF_GROUPS = 3  # formulas in fewer variables whose constants are refitted
AGAIN = 0.7  # of two fits' errors; below it, formulas of the same shape are extracted again
ENOUGH_ROWS = 50  # below which the error of an adequate structure is measured by cross-validation
SURE = 10.0  # beyond it probabilities are practically 0 or 1; formulas need not follow


def find_law(run: Run, seconds: float = float("inf")) -> Law | None:
    """Find the best small structure, with its formulas if the request asks for them.

    Args:
        run: The search context.
        seconds: Time limit while no structure represents the data, which leaves time for larger networks.

    Returns:
        None if no structure was fitted.
    """
    fit, validation = (sample_of(part, run.inputs) for part in searched(run))
    asked, until = run.should_stop, time.monotonic() + seconds
    is_cut = False

    def should_stop() -> bool:
        nonlocal is_cut
        is_cut = is_cut or (time.monotonic() > until and not any(seen.is_adequate for seen in hunt.seen))
        return is_cut or asked()

    run = replace(run, should_stop=should_stop, generator=run.fresh_generator())
    hunt = _Hunt(fit, validation, run, is_whole=True)
    hunt.look_at_structures()
    if not hunt.seen:
        return None
    if hunt.exact is None and not HOPEFUL < hunt.closest.error < HOPELESS:
        hunt.prove(angles=True)
    law = hunt.law or hunt.best_of_contenders()
    if not law.is_read and run.request.prune:
        law = replace(law, fit=eliminate(law.fit, fit, validation, run.should_stop))
    law = with_shorter(law, fit, validation, run)
    if law.fit.is_adequate:
        law = replace(law, fit=sharpen(law.fit, fit, validation, run.should_stop))
        enter(law.fit, run)
    return replace(law, is_cut=is_cut)


def exact_law(run: Run) -> Expression | None:
    """A law that holds to rounding error, or None; approximate laws are not considered."""
    fit, validation = (sample_of(part, run.inputs) for part in searched(run))
    hunt = _Hunt(fit, validation, replace(run, generator=run.fresh_generator()), is_whole=True)
    hunt.look_at_structures()
    if hunt.exact is None:
        hunt.prove(angles=True)
    return None if hunt.exact is None else hunt.exact.tree


class _Hunt:
    """Search for the law of some rows, including a nested search in fewer variables.

    Attributes:
        seen: All structures examined so far.
        read: The best law extracted from a structure.
        proved: A law found without a network that holds to rounding error.
        inner: The reduction to fewer variables, and the nested search.
    """

    def __init__(self, fit: Sample, validation: Sample, run: Run, *, is_whole: bool) -> None:
        self._fit, self._validation, self._run, self._is_whole = fit, validation, run, is_whole
        self._rows, self._others = columns_of(run.names, fit), columns_of(run.names, validation)
        self.seen = list[Fit]()
        self.read: Law | None = None
        self.proved: Formula | None = None
        self.inner: tuple[Reduction, _Hunt] | None = None

    @property
    def exact(self) -> Formula | None:
        """The formula that holds to rounding error, if one was found."""
        if self.proved is not None or self.read is None or self.read.error > EXACT:
            return self.proved
        return self.read.formulas[0]

    @property
    def closest(self) -> Fit:
        """The structure with the lowest error."""
        return min(self.seen, key=lambda structure: structure.error)

    @property
    def law(self) -> Law | None:
        """The best law so far; a law found without a network comes with the closest structure."""
        if self.proved is None:
            return self.read
        if self.read is None:
            return Law(fit=self.closest, formulas=[self.proved], is_read=False)
        return Law(fit=self.read.fit, formulas=[self.proved, *self.read.formulas], is_read=False)

    def look_at_structures(self) -> None:
        """Examine structures in turn until one yields an exact formula or the limit is reached.

        Before structures with hidden nodes, the search tries a law in fewer variables, unless it is itself
        nested. If that succeeds, the first adequate network for all variables ends the search.
        """
        run, read = self._run, list[Fit]()
        run.report("structure", 0.05, "searching for a small law")
        structures = search(
            self._fit,
            self._validation,
            generator=run.generator,
            order=run.request.network.order,
            should_stop=run.should_stop,
        )
        for number, structure in enumerate(structures, 1):
            enter(structure, run)
            run.report("structure", min(0.35, 0.05 + 0.01 * number), *_told(number, structure.error))
            self._before(structure)
            self.seen.append(structure)
            law = self._read_under_noise(structure) if number == 1 else None
            if law is not None and self._is_enough(law):
                self.read = law
                break
            if self.proved is not None:
                if structure.is_adequate or len(self.seen) >= LOOKED_AT or run.should_stop():
                    break
            elif _is_worth_reading(structure, read):
                read.append(structure)
                if self._read(structure, law) or len(read) == READ_AT_MOST or run.should_stop():
                    break

    def _read_under_noise(self, structure: Fit) -> Law | None:
        """Extract the law of the closest additive structure, if no smooth surrogate is much closer."""
        run = self._run
        if structure.is_adequate or structure.error > HOPELESS or not run.request.symbolic:
            return None
        smooth = Surrogate.fit(self._rows, self._others)
        if smooth is None or smooth.error < AS_CLOSE * structure.error * self._validation.spread:
            return None
        return read_law(structure, self._fit, self._validation, run)

    def _before(self, structure: Fit) -> None:
        """Run the direct searches that precede the first structures with one and with two hidden nodes."""
        nodes, before = len(structure.shape.nodes), len(self.seen[-1].shape.nodes) if self.seen else 0
        if nodes and not before and self._is_whole:
            self._look_at_fewer_variables()
        if nodes > 1 and before == 1:  # structures with more nodes take seconds each
            self.prove(angles=False)

    def _read(self, structure: Fit, known: Law | None) -> bool:
        """Extract the formulas of a structure unless given; return whether the search can end."""
        run = self._run
        law = known or read_law(structure, self._fit, self._validation, run)
        if self.read is None or law.bits < self.read.bits:
            self.read = law
        if self.read.error < EXACT or not run.request.symbolic:
            return True
        return not structure.is_adequate and leaves_noise(
            self.read.formulas, self._fit, self._validation, run
        )

    def prove(self, *, angles: bool) -> None:
        """Search for a law that no small network represents and that holds to rounding error.

        Cosines and sines of the columns take seconds and are therefore tried last.
        """
        run, rows, others = self._run, self._rows, self._others
        if self.proved is not None or not run.request.symbolic or run.should_stop():
            return
        run.report("symbolic", 0.38, "searching for a law exact to rounding error")
        tree = None if angles else index_law(rows, others, run.should_stop)
        self._accept(tree or implicit_law(rows, others, run.should_stop, angles=angles))

    def _accept(self, tree: Expression | None) -> None:
        if tree is not None and self._run.limits.allow(tree):
            formula = Formula.of(tree, self._rows, self._others)
            self.proved = formula if formula.error < EXACT else None

    def _look_at_fewer_variables(self) -> None:
        """Search for a law in groups of columns that act as one variable."""
        run, rows, others = self._run, self._rows, self._others
        if not run.request.symbolic or run.should_stop():
            return
        run.report("structure", 0.1, "searching for groups of inputs that act as one variable")
        found = reduction(rows, others, run.should_stop)
        if found is None:
            return
        reduced, judged = (found.data(data) for data in (rows, others))
        weights = [
            found.weights(data, sample.weights.numpy())
            for data, sample in ((rows, self._fit), (others, self._validation))
        ]
        fit, validation = samples_of((reduced, weights[0]), (judged, weights[1]))
        inside = replace(run, names=tuple(found.groups), contest=Contest.closed())
        hunt = _Hunt(fit, validation, inside, is_whole=False)
        self.inner = found, hunt
        if len(found.groups) == 1:
            hunt._accept(law_of_one(Variable(*found.groups), reduced, judged, run.should_stop))
        if hunt.exact is None:
            hunt.look_at_structures()
        if hunt.exact is not None:
            self._accept(found.whole(hunt.exact.tree, others[0]))

    def best_of_contenders(self) -> Law:
        """Select a law where no structure is adequate.

        It is the shortest description extracted from the structures whose errors are nearly the lowest. Under
        noise all structures that can represent the data have nearly equal errors, so simpler ones are tried
        first.
        """
        run = self._run
        best = self._of_groups()
        if best is not None and self._is_enough(best):
            return best
        near = [structure for structure in self.seen if structure.error <= NEAR * self.closest.error]
        distinct = {structure.shape: structure for structure in sorted(near, key=lambda s: -s.error)}
        contenders = sorted(distinct.values(), key=_richness)[:CONTENDERS]
        for number, structure in enumerate(contenders, 1):
            run.report("symbolic", 0.36, "extracting a formula from a small structure")
            law = self._read_before(structure, contenders[number:])
            if best is None or law.bits < best.bits:
                best = law
                if self._is_enough(law):
                    return law
            if run.should_stop():
                break
        assert best is not None  # noqa: S101 - the closest structure is a candidate
        return best

    def _read_before(self, structure: Fit, others: list[Fit]) -> Law:
        """Extract the formulas of a structure while other workers may extract those of the next ones."""
        fit, validation, run = self._fit, self._validation, self._run
        if not self._is_whole:  # other workers know the columns but not these groups
            return read_law(structure, fit, validation, run)
        with run.parts.ahead(lambda: [reading_part(other, run.limits) for other in others]):
            return read_structure(structure, fit, validation, run)

    def _is_enough(self, law: Law) -> bool:
        is_short = bool(law.formulas) and law.formulas[0].complexity <= SHORT
        return is_short and leaves_noise(law.formulas, self._fit, self._validation, self._run)

    def _of_groups(self) -> Law | None:
        """The best law in fewer variables, its constants refitted to the original rows."""
        if self.inner is None or not self.inner[1].seen or self._run.should_stop():
            return None
        found, hunt = self.inner
        law = hunt.law or hunt.best_of_contenders()
        formulas = []
        for formula in law.formulas[:OF_GROUPS]:
            tree = found.whole(formula.tree, self._others[0])
            again = Formula.refitted(tree, self._rows, self._others, self._run.limits.forbidden)
            if self._run.limits.allow(again.tree):
                formulas.append(again)
        return Law(fit=self.closest, formulas=in_order(formulas), is_read=False) if formulas else None


def _told(number: int, error: float) -> tuple[str, float | None]:
    """Progress message for a structure, and its error if finite."""
    if not np.isfinite(error):
        return f"shape {number}: does not fit", None
    return f"shape {number}: error {error:.1e}", error


def _richness(structure: Fit) -> tuple[int, bool, float]:
    shape = structure.shape
    return len(shape.nodes), not shape.is_simple, structure.error


def _is_worth_reading(structure: Fit, read: list[Fit]) -> bool:
    """Whether a structure is adequate, and clearly better than examined structures of the same shape.

    With a single input, formulas are extracted from the values themselves, so every structure qualifies.
    """
    if structure.terms.values.shape[1] == 1:
        return True
    alike = [other for other in read if other.shape == structure.shape]
    return structure.is_adequate and all(structure.error < AGAIN * other.error for other in alike)


def law_errors(law: Law, run: Run) -> np.ndarray:
    """Out-of-sample absolute errors of a law's network on the training rows, NaN for other rows.

    Splines may approximate the functions of the structure poorly, such as a logarithm over ten decades. The
    difference between both is added.
    """
    data, rows = run.data, sample_of(run.data.training, run.inputs)
    errors = np.full(len(data.training), np.nan)
    is_certain = law.fit.is_adequate and len(data.validation) >= ENOUGH_ROWS
    with np.errstate(all="ignore"):
        if len(errors) <= CROSSED_ROWS and not is_certain:
            errors = np.abs(cross_predict(law.fit, rows, run.folds, run.should_stop) - rows.y[:, 0].numpy())
        else:
            held = rows[run.folds == 0]
            errors[(run.folds == 0).numpy()] = np.abs(law.fit.predict(held) - held.y[:, 0].numpy())
        errors += np.abs(law.fit.predict(rows) - law.fit.predict_by_splines(rows))
    return np.where(np.isnan(errors) & (run.folds == 0).numpy(), np.inf, errors)


def log_odds_formulas(network: KAN, inputs: Standardizer, run: Run) -> list[list[Formula]]:
    """Additive formulas of a classifier's log-odds, from small networks fitted to them."""
    if not run.request.symbolic or run.should_stop():
        return []
    logits = [bounded_logits(network, inputs, part) for part in searched(run)]
    run, _ = run.narrowed()
    parts, formulas = searched(run), []
    for output in range(run.data.outputs):
        if run.should_stop():
            return []
        run.report("symbolic", 0.88, "extracting a formula of the log-odds")
        fit, validation = (
            sample_of(replace(part, y=values[:, output]), run.inputs)
            for part, values in zip(parts, logits, strict=True)
        )
        structure = additive(fit, validation, run.fresh_generator(), run.should_stop)
        law = with_shorter(read_law(structure, fit, validation, run), fit, validation, run)
        formulas.append(law.formulas)
    return formulas


def bounded_logits(network: KAN, inputs: Standardizer, part: Portion) -> np.ndarray:
    """Logits of a classifier for these rows, clamped to ``±MAX_LOG_ODDS`` [n, outputs]."""
    with torch.no_grad():
        logits = network(torch.from_numpy(inputs.forward(part.encoded)))
    bounded: np.ndarray = logits.clamp(-SURE, SURE).numpy()
    return bounded
