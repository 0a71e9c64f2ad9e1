"""What the search for the formulas of a table tries besides the laws of ``kan_engine.formulas.schedule``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kan_engine.assessment.relative_errors import reweigh_rows
from kan_engine.expressions.evaluation import Expression, Number, variables
from kan_engine.formulas.candidate import Candidate
from kan_engine.formulas.judge import Judge
from kan_engine.formulas.pool import Pool
from kan_engine.formulas.problem import Problem
from kan_engine.formulas.schedule import SUM_OF_CURVES
from kan_engine.formulas.search import search
from kan_engine.inference.linear_network import LinearKind
from kan_engine.search.choice import choose_result
from kan_engine.search.compact_member import add_compact_path
from kan_engine.search.context import SearchContext, make_problem
from kan_engine.search.formulas.form import JudgedForm, judge_form, judge_grouped_formulas
from kan_engine.search.formulas.front_subtask import finish_formula, predict_front, search_front
from kan_engine.search.formulas.log_odds import compute_base_log_odds
from kan_engine.search.laws.law_subtask import find_small_law
from kan_engine.search.members import LAWS, LINES, Members
from kan_engine.search.networks.choice import (
    choose_network,
    predict_climb,
    train_classifier,
    train_regression,
)
from kan_engine.search.networks.linear_model import fit_line_of_log_odds, fit_simple_formula


@dataclass(frozen=True, eq=False)
class TableStrategy:
    """A strategy of a whole table.

    Attributes:
        run: The search context.
        members: What was found so far besides formulas; strategies add to it.
        message: Empty: what such a strategy calls reports its own progress.
    """

    run: SearchContext
    members: Members
    message: str = ""


@dataclass(frozen=True, eq=False)
class Lines(TableStrategy):
    """A constant, a line, and for a skewed target the exponential of a line; of log-odds the first two."""

    name: str = LINES

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:  # noqa: ARG002
        """Yield their formulas: whatever else is found has to be better."""
        if self.run.data.classes is not None:
            yield from self._propose_log_odds(pool.problem)
            return
        simple: list[LinearKind] = ["constant", "linear"]
        if "log_linear" in self.run.cross_validation.measure_simple_models():
            simple.append("log_linear")
        for kind in simple:
            yield Candidate.create(fit_simple_formula(self.run, kind), self.name)

    def _propose_log_odds(self, problem: Problem) -> Iterator[Candidate]:
        """The constant of two classes are the log-odds of their shares, else the mean that is predicted."""
        run, rows = self.run, problem.rows
        level = float(np.average(rows.y, weights=rows.weights))
        if run.data.output_count == 1:
            level = compute_base_log_odds(run.data, run.thresholds.max_log_odds)
        yield problem.measure(Number(level), strategy=self.name)
        yield Candidate.create(fit_line_of_log_odds(problem, run), self.name)


@dataclass(frozen=True)
class KnownFormulas:
    """The formulas of a model that is revised: the search goes on from them."""

    trees: Sequence[Expression]
    name: str = "formulas of the model"
    message: str = "measuring the formulas of the model"

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:  # noqa: ARG002
        """Yield them as they are."""
        yield from (pool.problem.measure(tree, strategy=self.name) for tree in self.trees)


@dataclass(frozen=True, eq=False)
class Laws(TableStrategy):
    """The law search on a sample of the rows and the most relevant columns.

    Attributes:
        seconds: Time limit while no small network represents the rows.
        is_first: Whether larger networks follow, which other workers may begin with.
    """

    seconds: float | None = None
    is_first: bool = False
    name: str = LAWS

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:  # noqa: ARG002
        """Yield the formulas of the law search; its weights of the rows hold for all that follow."""
        with self.run.parts.prefetch(predict_climb(self.run) if self.is_first else lambda: []):
            law = find_small_law(self.run, self.seconds)
        self.members.add_law(law)
        if law is None:
            return
        if law.found.formulas and not law.is_clear:
            self.run.keep(law.found)
        trees = [formula.tree for part in law.found.formulas for formula in part]
        if law.has_relative_errors and (weighted_rows := reweigh_rows(trees, pool.problem.rows)) is not None:
            pool.reweigh(weighted_rows.weights)
        yield from (pool.problem.measure(tree, strategy=self.name) for tree in trees)


@dataclass(frozen=True, eq=False)
class Networks(TableStrategy):
    """The requested network, or larger and larger ones; no candidates of its own."""

    name: str = "networks"

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:  # noqa: ARG002
        """Add the best of them to the members."""
        run = self.run
        if run.data.classes is None:
            self.members.trained = train_regression(run, lambda: predict_front(list_seeds(pool), run))
        else:
            self.members.trained = train_classifier(run)
        yield from ()


@dataclass(frozen=True, eq=False)
class NetworkChoice(TableStrategy):
    """The choice among the networks of the law and of the training, and lines; no candidates of its own."""

    name: str = "choice of the network"

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:
        """Choose the network that answers, and keep it with the formulas so far."""
        run, members = self.run, self.members
        is_number = run.data.classes is None
        members.accurate = choose_network(members.law, members.trained, run) if is_number else members.trained
        run.keep(choose_result(run, members, pool, judge))
        yield from ()


@dataclass(frozen=True, eq=False)
class CompactNetworks(TableStrategy):
    """Networks of few curves, which growth reads as formulas."""

    name: str = "compact networks"

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:  # noqa: ARG002
        """Add them to the members."""
        assert self.members.accurate is not None  # noqa: S101 - networks come before
        with self.run.parts.prefetch(lambda: predict_front(list_seeds(pool), self.run)):
            self.members.accurate = add_compact_path(
                self.members.accurate, self.run, is_exact=pool.exact is not None
            )
        yield from ()


@dataclass(frozen=True, eq=False)
class LogOddsCurves(TableStrategy):
    """A sum of curves for the log-odds of two classes, on the most relevant columns."""

    name: str = "log-odds"

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:
        """Yield the formulas of a small network."""
        run, places = self.run.select_columns()
        problem = pool.problem
        rows = (problem.fit.select_columns(places), problem.validation.select_columns(places))
        inner = Pool(make_problem(run, rows))
        search(inner, SUM_OF_CURVES, judge)
        yield from (Candidate.create(candidate, self.name) for candidate in inner.candidates)


@dataclass(frozen=True, eq=False)
class Growth(TableStrategy):
    """The most accurate formula of every size, grown from the candidates so far.

    Attributes:
        selection_bits: Price of each, as the best of very many.
    """

    selection_bits: float = 10.0
    name: str = "growth"

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:
        """Yield the front, from one constant up."""
        # Numbers grow on the rows themselves, log-odds on the working responses of the pool
        rows = self.run.data.training.sample(self.run.thresholds.front.max_rows, self.run.config.seed)
        if self.run.data.classes is not None:
            rows = pool.problem.rows.sample(self.run.thresholds.front.max_rows, self.run.config.seed)
        law = self.members.law
        is_explained = law is not None and law.is_explained(judge.max_short_complexity)
        front = search_front(
            rows, list_seeds(pool), self.members.compact, self.run, is_explained=is_explained
        )
        for entry in front:
            if not variables(entry.tree):
                continue
            tree = finish_formula(entry.tree, rows, self.run)
            yield replace(pool.problem.measure(tree, strategy=self.name), selection_bits=self.selection_bits)


@dataclass(frozen=True, eq=False)
class ClientForm(TableStrategy):
    """The form that the client believes in; without one, the formulas so far with constants of each group."""

    is_last: bool = False
    name: str = "client form"

    def propose(self, pool: Pool, judge: Judge) -> Iterator[Candidate]:
        """Fit it; it is no candidate, since it stands first whatever else is found."""
        if self.is_last and isinstance(self.members.form, JudgedForm):
            return
        form = judge_grouped_formulas(judge.rank(pool), self.run) if self.is_last else judge_form(self.run)
        self.members.form = form or self.members.form
        yield from ()


def list_seeds(pool: Pool) -> list[Expression]:
    """The formulas that growth begins with: those so far."""
    return [candidate.tree for candidate in pool.candidates if variables(candidate.tree)]
