"""Small laws: the search for a structure and its formula, and formulas of a classifier's log-odds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from kan_engine import (
    CROSSED_ROWS,
    FOLDS,
    KAN,
    Contest,
    Fit,
    Formula,
    Limits,
    Precision,
    Reading,
    Sample,
    Standardizer,
    additive,
    cross_error,
    eliminate,
    implicit_law,
    index_law,
    read_formulas,
    search,
    sharpen,
    shorter_formulas,
)
from service.schemas.jobs import TrainRequest
from worker.preparation import Part, Prepared
from worker.residuals import signal_left
from worker.splitting import fold_numbers

SEARCH_ROWS, SEARCH_VALIDATION = 1500, 750  # more rows do not change which small law is right
READ_AT_MOST = 8  # structures whose formulas are read before the search gives up on an exact one
HOPEFUL, HOPELESS = 8e-3, 0.05  # error of the closest structure between which noise is what explains it
NOTHING = 0.03  # share of what a formula leaves of the data, below which no signal is left in it
NEAR = 1.35  # times the lowest error, within which structures count as equally close
CONTENDERS = 6  # of these that are read
SHORT = 14  # complexity of a formula that, where it leaves nothing but noise, needs no rivals
AGAIN = 0.7  # share of an error below which another fit of the same shape is read, too
EXACT = 1e-9  # validation error, over the spread, of a formula that ends the search
MAX_STRUCTURE_INPUTS = 40
SURE = 10.0  # log-odds beyond it are probabilities of 0 and 1 for every purpose; formulas need not follow
ROUGH = 0.03  # error of an edge's curve below which fits count as equal, however noisy the data are

Report = Callable[[str, float, str], None]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What every step of a search needs.

    Attributes:
        names: Variable per encoded column.
        inputs: Scale of the encoded columns, by their ranges.
        generator: Source of all randomness.
        report: Takes stage, fraction and message.
        should_stop: Once true, the best so far is returned.
        contest: Takes the errors on the validation rows of all that is compared there.
        limits: What formulas may contain.
    """

    data: Prepared
    request: TrainRequest
    names: tuple[str, ...]
    inputs: Standardizer
    generator: torch.Generator
    report: Report
    should_stop: Callable[[], bool]
    contest: Contest
    limits: Limits

    @staticmethod
    def of(
        data: Prepared,
        request: TrainRequest,
        limits: Limits,
        report: Report,
        should_stop: Callable[[], bool],
    ) -> Run:
        """A run at its start."""
        return Run(
            data=data,
            request=request,
            names=data.names,
            inputs=Standardizer.fit(data.training.encoded),
            generator=torch.Generator().manual_seed(request.seed),
            report=report,
            should_stop=should_stop,
            contest=Contest(data.validation.weights),
            limits=limits,
        )

    @cached_property
    def folds(self) -> torch.Tensor:
        """Fold of every training row; the validation rows are the first one.

        So the network without the first fold is one that can be judged by them.
        """
        data, request = self.data, self.request
        others = fold_numbers(
            data.fit.targets, data.plan.task, request.seed, FOLDS - 1, kind=request.split.kind
        )
        return torch.from_numpy(np.concatenate([1 + others, np.zeros(len(data.validation), int)]))


@dataclass(frozen=True, kw_only=True)
class Law:
    """A small structure, and its formulas.

    Attributes:
        is_consistent: Whether nothing was found in what the best formula leaves of the data.
    """

    fit: Fit
    formulas: list[Formula]
    is_consistent: bool = False

    @property
    def error(self) -> float:
        """Of the best formula."""
        return self.formulas[0].error if self.formulas else float("inf")

    @property
    def bits(self) -> float:
        """Of the best formula."""
        return self.formulas[0].bits if self.formulas else float("inf")


def find_law(run: Run) -> Law | None:
    """The best small structure; its formulas too unless the request does without."""
    if run.data.fit.encoded.shape[1] > MAX_STRUCTURE_INPUTS:
        return None
    fit, validation = (sample_of(part, run.inputs) for part in searched(run))
    structures, law = _law_of_a_structure(fit, validation, run)
    if not structures:
        return None
    closest = min(structure.error for structure in structures)
    is_noise = HOPEFUL < closest < HOPELESS
    if (law is None or law.error > EXACT) and not is_noise:
        law = _proved(structures, law, fit, validation, run, angles=True) or law
    if law is None:
        law = _best_of_contenders(structures, fit, validation, run)
    law = _with_shorter(law, fit, validation, run)
    if law.fit.is_adequate:
        law = replace(law, fit=sharpen(law.fit, fit, validation, run.should_stop))
        _enter(law.fit, run)
    return (
        law
        if law.is_consistent
        else replace(law, is_consistent=leaves_noise(law.formulas, fit, validation, run))
    )


def leaves_noise(formulas: list[Formula], fit: Sample, validation: Sample, run: Run) -> bool:
    """Whether nothing is found in what the best formula leaves of the data, which is not rounding alone."""
    if not formulas or formulas[0].error < EXACT:
        return False
    rows, others = columns_of(run.names, fit), columns_of(run.names, validation)
    return signal_left(formulas[0].tree, rows, others) < NOTHING


def _law_of_a_structure(fit: Sample, validation: Sample, run: Run) -> tuple[list[Fit], Law | None]:
    """All structures that were looked at, and the best law read off an adequate one."""
    best: Law | None = None
    seen = list[Fit]()
    read = list[Fit]()
    run.report("structure", 0.05, "looking for a small law")
    structures = search(
        fit,
        validation,
        generator=run.generator,
        order=run.request.network.order,
        should_stop=run.should_stop,
    )
    for number, structure in enumerate(structures, 1):
        _enter(structure, run)
        found = f"error {structure.error:.1e}" if np.isfinite(structure.error) else "does not fit"
        run.report("structure", min(0.35, 0.05 + 0.01 * number), f"shape {number}: {found}")
        if len(structure.shape.nodes) > 1 and len(seen[-1].shape.nodes) == 1:  # beyond it trials take seconds
            proved = _proved(seen, best, fit, validation, run, angles=False)
            if proved is not None:
                return seen, proved
        seen.append(structure)
        if not _is_worth_reading(structure, read):
            continue
        read.append(structure)
        law = _read(structure, fit, validation, run)
        if best is None or law.bits < best.bits:
            best = law
        is_enough = best.error < EXACT or len(read) == READ_AT_MOST or not run.request.symbolic
        is_enough |= not structure.is_adequate and leaves_noise(best.formulas, fit, validation, run)
        if is_enough or run.should_stop():
            break
    return seen, best


def _proved(
    structures: list[Fit],
    known: Law | None,
    fit: Sample,
    validation: Sample,
    run: Run,
    *,
    angles: bool,
) -> Law | None:
    """A law that no small network has, and that holds to rounding error or not at all.

    Cosines and sines of the columns take seconds and come last.
    """
    if not run.request.symbolic or run.should_stop():
        return None
    run.report("symbolic", 0.38, "looking for a law that proves itself")
    rows, others = columns_of(run.names, fit), columns_of(run.names, validation)
    tree = None if angles else index_law(rows, others, run.should_stop)
    tree = tree or implicit_law(rows, others, run.should_stop, angles=angles)
    if tree is None:
        return None
    closest = min(structures, key=lambda structure: structure.error)
    if not run.limits.allow(tree):
        return None
    formulas = [Formula.of(tree, rows, others), *([] if known is None else known.formulas)]
    return Law(fit=closest if known is None else known.fit, formulas=formulas)


def _best_of_contenders(structures: list[Fit], fit: Sample, validation: Sample, run: Run) -> Law:
    """Where no structure is adequate: the shortest description read off those that are as close as any.

    Under noise all that can represent the data are equally close, so that the simpler ones come first.
    """
    closest = min(structure.error for structure in structures)
    near = [structure for structure in structures if structure.error <= NEAR * closest]
    distinct = {structure.shape: structure for structure in sorted(near, key=lambda s: -s.error)}
    best: Law | None = None
    for structure in sorted(distinct.values(), key=_richness)[:CONTENDERS]:
        run.report("symbolic", 0.36, "reading a formula off a small law")
        law = _read(structure, fit, validation, run)
        if best is None or law.bits < best.bits:
            best = law
            is_short = bool(law.formulas) and law.formulas[0].complexity <= SHORT
            if is_short and leaves_noise(law.formulas, fit, validation, run):
                return replace(law, is_consistent=True)
        if run.should_stop():
            break
    assert best is not None  # noqa: S101 - the closest is a contender
    return best


def _richness(structure: Fit) -> tuple[int, bool, float]:
    shape = structure.shape
    return len(shape.nodes), not shape.is_simple, structure.error


def _is_worth_reading(structure: Fit, read: list[Fit]) -> bool:
    """Whether a shape can represent the data, and none like it has been read.

    Of a single input a formula is read off the values themselves, so that the shape hardly matters.
    """
    if structure.terms.values.shape[1] == 1:
        return True
    alike = [other for other in read if other.shape == structure.shape]
    return structure.is_adequate and all(structure.error < AGAIN * other.error for other in alike)


def expected_error(law: Law, run: Run) -> float:
    """RMSE in the units of the target that the law would have on rows not seen."""
    data = run.data
    if len(data.fit) > CROSSED_ROWS:
        return law.fit.error * (float(np.std(data.validation.y)) or 1.0)
    rows = sample_of(data.training, run.inputs)
    spread = float(np.std(data.training.y)) or 1.0
    return spread * cross_error(law.fit, rows, run.folds, run.should_stop)


def _enter(fit: Fit, run: Run) -> None:
    """A structure's errors on the validation rows as an entry of the contest."""
    part = run.data.validation
    if run.contest.is_open:
        with torch.no_grad():
            outputs = fit.network(torch.from_numpy(run.inputs.forward(part.encoded))).numpy()
        with np.errstate(all="ignore"):
            run.contest.enter(np.abs(fit.scaler.inverse(outputs)[:, 0] - part.y))


def searched(run: Run) -> tuple[Part, Part]:
    """Rows to fit small laws on, and to judge them by."""
    seed = run.request.seed
    return run.data.fit.sample(SEARCH_ROWS, seed), run.data.validation.sample(SEARCH_VALIDATION, seed)


def sample_of(part: Part, inputs: Standardizer) -> Sample:
    """Rows as the search for a structure wants them."""
    return Sample(
        x=torch.from_numpy(inputs.forward(part.encoded)),
        raw=torch.from_numpy(part.encoded),
        y=torch.from_numpy(part.y.astype(float))[:, None],
        weights=torch.from_numpy(part.weights),
    )


def _read(structure: Fit, fit: Sample, validation: Sample, run: Run) -> Law:
    """Prune a structure and read its formulas."""
    if run.request.prune:
        structure = eliminate(structure, fit, validation, run.should_stop)
    if not run.request.symbolic:
        return Law(fit=structure, formulas=[])
    reading = _reading(structure, fit, validation, run)
    formulas = read_formulas(structure.network, reading, run.should_stop)
    if run.limits.max_complexity is not None:
        formulas += shorter_formulas(structure.network, reading, run.should_stop)
    return Law(fit=structure, formulas=_in_order(formulas))


def _with_shorter(law: Law, fit: Sample, validation: Sample, run: Run) -> Law:
    """The law with shorter formulas beside its best, which are further off."""
    if not law.formulas or law.error < EXACT:
        return law
    shorter = shorter_formulas(law.fit.network, _reading(law.fit, fit, validation, run), run.should_stop)
    return replace(law, formulas=_in_order([*law.formulas, *shorter]))


def _in_order(formulas: list[Formula]) -> list[Formula]:
    """Each once, the shortest description first."""
    return sorted({formula.tree: formula for formula in formulas}.values(), key=lambda formula: formula.bits)


def _reading(structure: Fit, fit: Sample, validation: Sample, run: Run) -> Reading:
    return Reading(
        names=run.names,
        fit=columns_of(run.names, fit),
        validation=columns_of(run.names, validation),
        scaled=fit.x,
        output=0,
        center=float(structure.scaler.mean[0]),
        scale=float(structure.scaler.std[0]),
        transform=structure.scaler.transform,
        known=precision_of(
            structure.error, structure.network, len(fit.x), is_noisy=not structure.is_adequate
        ),
        limits=run.limits,
    )


def precision_of(error: float, network: KAN, rows: int, *, is_noisy: bool) -> Precision:
    """How well the curves of a network with this error are known: as well as itself, unless that is noise."""
    if not is_noisy:
        return Precision.exact(_bounded(error))
    spared = min(1.0, network.parameter_count / rows) ** 0.5  # what noise of its size leaves of it
    return Precision.noisy(_bounded(error * spared), error, rows)


def _bounded(error: float) -> float:
    return min(max(2 * error, 1e-6), ROUGH)


def columns_of(names: tuple[str, ...], sample: Sample) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Columns by variable, and the target, as formulas want them."""
    columns = {name: sample.raw[:, place].numpy() for place, name in enumerate(names)}
    return columns, sample.y[:, 0].numpy()


def log_odds_formulas(network: KAN, inputs: Standardizer, run: Run) -> list[list[Formula]]:
    """Additive formulas of a classifier's log-odds, from a small network fitted to them."""
    data = run.data
    if data.fit.encoded.shape[1] > MAX_STRUCTURE_INPUTS or not run.request.symbolic or run.should_stop():
        return []
    parts = searched(run)
    with torch.no_grad():
        scaled = [torch.from_numpy(inputs.forward(part.encoded)) for part in parts]
        logits = [network(x).clamp(-SURE, SURE).numpy() for x in scaled]
    formulas = []
    for output in range(data.outputs):
        if run.should_stop():
            return []
        run.report("symbolic", 0.88, "reading a formula of the log-odds")
        fit, validation = (
            sample_of(replace(part, y=values[:, output]), run.inputs)
            for part, values in zip(parts, logits, strict=True)
        )
        structure = additive(fit, validation, run.generator, run.should_stop)
        law = _with_shorter(_read(structure, fit, validation, run), fit, validation, run)
        formulas.append(law.formulas)
    return formulas
