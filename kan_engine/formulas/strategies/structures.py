"""Small networks, fitted from simple to complex, and the formulas that are read off them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.core.chebyshev_surrogate import Surrogate
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.problem import Problem
from kan_engine.formulas.reading.edge_candidates import ExtractionContext
from kan_engine.formulas.reading.extraction import extract_formulas, extract_shorter_formulas
from kan_engine.formulas.reading.noise_model import estimate_precision
from kan_engine.numerics.ties import rank_error
from kan_engine.structure.backward_elimination import eliminate_edges
from kan_engine.structure.fitted_structure import FittedStructure
from kan_engine.structure.search import StructureSearch


@dataclass(frozen=True)
class Structures:
    """Small networks of one stage; those that represent the rows are read.

    Attributes:
        name: See ``Strategy``.
        message: See ``Strategy``.
        stage: The networks of the stage, fitted one by one.
        max_repeat_ratio: Of two errors; below it, formulas of the same shape are read again.
    """

    name: str
    message: str
    stage: Callable[[StructureSearch], Iterator[FittedStructure]]
    max_repeat_ratio: float = 0.7

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:  # noqa: ARG002
        """Yield formulas of adequate networks; beside an exact law, only fit until one is adequate."""
        problem = pool.problem
        for structure in self.stage(problem.structures):
            pool.add_structure(structure)
            if pool.exact is not None:
                if structure.is_adequate or has_enough_structures(pool):
                    return
            elif self._is_worth_reading(structure, pool):
                yield from read_structure(structure, pool)
            if problem.should_stop():
                return

    def _is_worth_reading(self, structure: FittedStructure, pool: Pool) -> bool:
        """Whether a structure is adequate, and clearly better than those of the same shape that were read.

        With a single column, formulas are read off the values themselves, so every structure qualifies.
        """
        alike = [predecessor for predecessor in pool.read if predecessor.shape == structure.shape]
        is_better = all(structure.error < self.max_repeat_ratio * predecessor.error for predecessor in alike)
        return len(pool.problem.names) == 1 or (structure.is_adequate and is_better)


def has_enough_structures(pool: Pool, limit: int = 24) -> bool:
    """Whether no adequate network is to be expected any more, beside an exact law."""
    return len(pool.structures) >= limit


@dataclass(frozen=True)
class FirstSum:
    """The sum of curves on the best transform of the target, read if it is adequate or leaves noise.

    Attributes:
        is_certain: Whether it is read in any case.
    """

    is_certain: bool = False
    name: str = "formula of the sum"
    message: str = "reading a sum of curves"

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:  # noqa: ARG002
        """Yield the formulas of the first structure, if there is one."""
        structure = next(iter(pool.structures), None)
        if structure is None:
            return
        is_one = len(pool.problem.names) == 1
        if self.is_certain or is_one or structure.is_adequate or _may_leave_noise(structure, pool.problem):
            yield from read_structure(structure, pool)


def _may_leave_noise(
    structure: FittedStructure,
    problem: Problem,
    max_error: float = 0.05,
    min_surrogate_ratio: float = 0.8,
) -> bool:
    """Whether an additive structure is close, and no smooth function of all columns is much closer.

    Args:
        structure: The structure.
        problem: Its rows.
        max_error: Of the structure, over the spread of the target.
        min_surrogate_ratio: Of the error of a smooth function to that of the structure; below it, more than
            noise is left.
    """
    if structure.error > max_error:
        return False
    smooth = Surrogate.fit(problem.fit, problem.validation)
    return smooth is None or smooth.error >= min_surrogate_ratio * structure.error * problem.validation.spread


@dataclass(frozen=True)
class NearStructures:
    """Formulas of the structures whose errors are nearly the lowest.

    Under noise all structures that can represent the rows have nearly equal errors, so simpler ones are read
    first.

    Attributes:
        max_structures: Of different shapes.
    """

    name: str = "nearly closest structures"
    message: str = "extracting a formula from a small structure"
    max_structures: int = 6

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:  # noqa: ARG002
        """Yield the formulas of one structure after the other, from simple to complex."""
        closest = pool.closest_structure
        if closest is None:
            return
        factor = pool.problem.settings.structure.equal_error_factor
        near = [candidate for candidate in pool.structures if candidate.error <= factor * closest.error]
        near.sort(key=lambda candidate: -rank_error(candidate.error))
        distinct = {candidate.shape: candidate for candidate in near}  # the closest of each shape
        for structure in sorted(distinct.values(), key=_rank_size)[: self.max_structures]:
            if not any(structure is predecessor for predecessor in pool.read):
                yield from read_structure(structure, pool)


def _rank_size(structure: FittedStructure) -> tuple[int, bool, float]:
    shape = structure.shape
    return len(shape.nodes), not shape.is_simple, structure.error


@dataclass(frozen=True)
class ShorterReadings:
    """Shorter, less accurate formulas of the structure that was read best."""

    name: str = "shorter readings"
    message: str = "extracting shorter formulas"

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:  # noqa: ARG002
        """Yield them, the simplest choices of all parts first."""
        best = next((candidate for candidate in pool.candidates if candidate.structure is not None), None)
        if best is not None and best.structure is not None:
            reading = make_reading(best.structure, pool.problem)
            for formula in extract_shorter_formulas(best.structure.network, reading):
                yield Candidate.create(formula, self.name, structure=best.structure)


def read_structure(structure: FittedStructure, pool: Pool) -> Iterator[Candidate]:
    """Prune a structure and yield the formulas that are read off it."""
    problem, final_structure = pool.problem, structure
    pool.read.append(structure)
    if problem.settings.prune:
        final_structure = eliminate_edges(
            structure, *problem.samples, problem.should_stop, required=problem.settings.required
        )
    if not problem.settings.is_symbolic:
        return
    reading, limits = make_reading(final_structure, problem), problem.constraints
    formulas = extract_formulas(final_structure.network, reading)
    if limits.max_complexity is not None or limits.max_constants is not None:
        formulas += extract_shorter_formulas(final_structure.network, reading)
    for formula in formulas:
        yield Candidate.create(formula, "structures", structure=final_structure)


def make_reading(structure: FittedStructure, problem: Problem) -> ExtractionContext:
    """What the extraction of formulas from a structure needs to know."""
    return ExtractionContext(
        fit=problem.fit,
        validation=problem.validation,
        scaled=problem.samples[0].x,
        output=0,
        center=float(structure.scaler.mean[0]),
        scale=float(structure.scaler.std[0]),
        transform=structure.scaler.transform,
        known=estimate_precision(
            structure.error,
            structure.network,
            len(problem.fit),
            is_noisy=not structure.is_adequate,
        ),
        limits=problem.constraints,
        should_stop=problem.should_stop,
    )
