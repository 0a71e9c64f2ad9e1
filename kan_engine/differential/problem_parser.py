"""Problems of differential equations from texts, and what determines their solution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from kan_engine.differential.characteristics import (
    count_conditions,
    count_incoming,
    missing_conditions,
    outflow_conditions,
)
from kan_engine.differential.jets import Jet, SymbolTable, compact, fix_variable
from kan_engine.differential.parser import CALLED, parse_equation
from kan_engine.differential.problem import DifferentialProblem, Residual
from kan_engine.differential.thresholds import DEFAULT_LIMITS, EquationLimits
from kan_engine.errors import InvalidEquation
from kan_engine.expressions.nodes import Expression, variables
from kan_engine.expressions.parsing import is_name

ConditionLocation = Mapping[str, float | Sequence[float]]


def parse_problem(
    *,
    independent: Sequence[str],
    unknowns: Sequence[str],
    domain: Mapping[str, Sequence[float]],
    equations: Sequence[str],
    conditions: Sequence[tuple[ConditionLocation, str] | str],
    coefficients: Sequence[str] = (),
    measured: Sequence[str] = (),
    limits: EquationLimits = DEFAULT_LIMITS,
) -> DifferentialProblem:
    """Parse a problem and check that it has enough equations and conditions.

    Args:
        independent: Names of the independent variables.
        unknowns: Names of the unknown functions.
        domain: [lowest, highest] of every independent variable.
        equations: Texts of formulas that must vanish.
        conditions: Location and text of each condition. The text alone, or an empty location, is enough
            where the text names the places, as ``y'(0) = 1`` does.
        coefficients: Names of numbers to be estimated.
        measured: Unknowns with measured values.
        limits: What the equations may contain.

    Raises:
        InvalidEquation: A part is invalid; ``path`` names it and ``place`` is the character.
    """
    check_names(independent, unknowns, coefficients, limits=limits)
    box = _parse_domain(independent, domain)
    words = SymbolTable(tuple(independent), tuple(unknowns), tuple(coefficients), limits)
    if len(equations) < len(unknowns):
        raise InvalidEquation(
            f"{len(unknowns)} unknowns need as many equations, got {len(equations)}", None, ("equations",)
        )
    inside = [_parse_interior_equation(text, number, words) for number, text in enumerate(equations)]
    outer = [_parse_condition(condition, number, words, box) for number, condition in enumerate(conditions)]
    problem = DifferentialProblem(
        tuple(independent), tuple(unknowns), box, tuple(inside), tuple(outer), tuple(coefficients)
    )
    _check_occurrences(problem)
    if not measured:
        _check_condition_count(problem, limits)
    return problem


def check_names(
    independent: Sequence[str],
    unknowns: Sequence[str],
    coefficients: Sequence[str] = (),
    *,
    limits: EquationLimits,
    max_independent: int = 3,
    max_name_characters: int = 64,
) -> None:
    """Check that all names are different identifiers, and that none has two meanings in an equation.

    Any identifier is a name, also ``E``, ``pi`` or ``lambda``. Only an unknown cannot be called ``exp``: its
    value at a point, ``exp(0)``, would be written as the function is.

    Args:
        max_independent: Independent variables; the other thresholds have values for three at most.
        max_name_characters: Of each of them; longer ones are hardly names.

    Raises:
        InvalidEquation: One is not; ``path`` names it.
    """
    unique_names = set[str]()
    for group, names, min_count, max_count in (
        ("independent", independent, 1, max_independent),
        ("unknowns", unknowns, 1, limits.max_unknowns),
        ("parameters", coefficients, 0, limits.max_unknowns),
    ):
        if not min_count <= len(names) <= max_count:
            raise InvalidEquation(
                f"there must be {min_count} to {max_count} {group}, got {len(names)}", None, (group,)
            )
        for place, name in enumerate(names):
            if not is_name(name) or len(name) > max_name_characters:
                raise InvalidEquation(
                    f"{name[:64]!r} is not a valid name; begin with a letter, and use letters, digits and _",
                    None,
                    (group, place),
                )
            if group == "unknowns" and name in CALLED:
                raise InvalidEquation(
                    f"{name!r} cannot be an unknown: {name}(…) is a function of equations; choose another "
                    f"name, such as {name}_1",
                    None,
                    (group, place),
                )
            if name in unique_names:
                raise InvalidEquation(f"the name {name!r} occurs twice", None, (group, place))
            unique_names.add(name)


def _parse_domain(
    independent: Sequence[str], domain: Mapping[str, Sequence[float]]
) -> tuple[tuple[float, float], ...]:
    for name in domain:
        if name not in independent:
            raise InvalidEquation(
                f"{name!r} is not an independent variable", None, ("domain", name), "invalid_domain"
            )
    box = []
    for name in independent:
        ends = domain.get(name)
        if ends is None:
            raise InvalidEquation(f"the domain of {name!r} is missing", None, ("domain",), "invalid_domain")
        if len(ends) != 2 or not all(map(math.isfinite, ends)) or not ends[0] < ends[1]:
            raise InvalidEquation(
                f"the domain of {name!r} must be [lowest, highest], two numbers, got {list(ends)}",
                None,
                ("domain", name),
                "invalid_domain",
            )
        box.append((float(ends[0]), float(ends[1])))
    return tuple(box)


def _parse_interior_equation(text: str, place: int, words: SymbolTable) -> Residual:
    path = ("equations", place)
    tree, leaves = compact(_parse_tree(text, words, path), words.leaves)
    for leaf in leaves:
        if isinstance(leaf, Jet) and any(at is not None for at in leaf.at):
            name = words.unknowns[leaf.unknown]
            arguments = ", ".join(words.independent)
            raise InvalidEquation(f"an equation holds everywhere; write {name}({arguments})", None, path)
    return Residual(tree, leaves, {})


def _parse_tree(text: str, words: SymbolTable, path: tuple[str | int, ...]) -> Expression:
    """Parse a formula in which an unknown occurs; its parameters are the leaves of ``words``."""
    try:
        tree = parse_equation(text, words)
    except InvalidEquation as error:
        where = "" if error.place is None else f" (character {error.place + 1})"
        raise InvalidEquation(f"{error}{where}", error.place, path) from None
    except RecursionError:
        raise InvalidEquation("this is nested too deeply", None, path) from None
    if not any(isinstance(leaf, Jet) for leaf in compact(tree, words.leaves)[1]):
        raise InvalidEquation(f"no unknown occurs: {', '.join(words.unknowns)}", None, path)
    return tree


def _parse_condition(
    condition: tuple[ConditionLocation, str] | str,
    index: int,
    words: SymbolTable,
    box: tuple[tuple[float, float], ...],
) -> Residual:
    on, text = ({}, condition) if isinstance(condition, str) else condition
    path: tuple[str | int, ...] = ("conditions", index)
    text_path, place_path = (
        (path, path) if isinstance(condition, str) else ((*path, "residual"), (*path, "on"))
    )
    tree = _parse_tree(text, words, text_path)
    places_by_axis = {}
    for name, values in (on or _find_places(tree, words)).items():
        if name not in words.independent:
            raise InvalidEquation(f"{name!r} is not an independent variable", None, (*place_path, name))
        axis = words.independent.index(name)
        places = tuple(map(float, values)) if isinstance(values, Sequence) else (float(values),)
        for place in places:
            low, high = box[axis]
            if not low <= place <= high:
                raise InvalidEquation(
                    f"{name} = {place:g} is outside of the domain, {low:g} to {high:g}",
                    None,
                    (*place_path, name) if on else text_path,
                )
        places_by_axis[axis] = places
        if len(places) == 1:
            tree = fix_variable(tree, name, places[0], words)
    if not places_by_axis:
        raise InvalidEquation('say where it holds, such as y(0) = 1, or "on": {"x": 0}', None, place_path)
    tree, leaves = compact(tree, words.leaves)
    jets = [leaf for leaf in leaves if isinstance(leaf, Jet)]
    for axis, name in enumerate(words.independent):
        jet_places = {jet.at[axis] for jet in jets}
        condition_places = set[float | None](places_by_axis.get(axis, (None,)))
        if not jet_places <= condition_places:
            wrong = next(iter(jet_places - condition_places))
            jet_place = name if wrong is None else f"{name} = {wrong:g}"
            location = (
                " and ".join(f"{name} = {place:g}" for place in places_by_axis[axis])
                if axis in places_by_axis
                else f"any {name}"
            )
            raise InvalidEquation(
                f"the condition is on {location}, but an unknown is evaluated at {jet_place}",
                None,
                text_path,
            )
        if axis in places_by_axis and name in variables(tree):
            raise InvalidEquation(f"{name} has two values here", None, text_path)
    return Residual(tree, leaves, places_by_axis)


def _find_places(tree: Expression, words: SymbolTable) -> ConditionLocation:
    """The places at which unknowns are evaluated, by independent variable."""
    jets = [leaf for leaf in compact(tree, words.leaves)[1] if isinstance(leaf, Jet)]
    places = {
        name: sorted({place for jet in jets if (place := jet.at[axis]) is not None})
        for axis, name in enumerate(words.independent)
    }
    return {name: values for name, values in places.items() if values}


def _check_occurrences(problem: DifferentialProblem) -> None:
    jets = [jet for equation in problem.equations for jet in equation.jets]
    for place, name in enumerate(problem.unknowns):
        if not any(jet.unknown == place for jet in jets):
            raise InvalidEquation(f"{name!r} occurs in no equation", None, ("unknowns", place))
    if not any(any(jet.orders) for jet in jets):
        raise InvalidEquation(
            "no derivative occurs: this is not a differential equation", None, ("equations",)
        )
    leaves = {leaf for residual in (*problem.equations, *problem.conditions) for leaf in residual.leaves}
    for place, name in enumerate(problem.coefficients):
        if name not in leaves:
            raise InvalidEquation(f"{name!r} occurs in no equation", None, ("parameters", place))


def _check_condition_count(problem: DifferentialProblem, limits: EquationLimits) -> None:
    """Refuse a problem whose conditions are too few to determine the solution.

    An ordinary equation of order m needs m conditions. A partial one needs, along every axis, at least as
    many as the highest order of a derivative along it, but none at ends that all characteristics leave. A
    condition at such an end does not count.
    """
    leaving = outflow_conditions(problem, limits=limits)
    for axis, name in enumerate(problem.independent):
        orders = [problem.order(axis, unknown) for unknown in range(len(problem.unknowns))]
        min_count = sum(orders) if len(problem.independent) == 1 else max(orders)
        count = count_conditions(problem, axis, leaving)
        incoming = count_incoming(problem, axis, limits=limits)
        if incoming is not None:
            min_count = sum(incoming)
        if count < min_count:
            ends = missing_conditions(problem, axis)
            where = f": characteristics enter the domain at {ends}" if ends else ""
            raise InvalidEquation(
                f"too few conditions: derivatives in {name} up to order {max(orders)} need {min_count} "
                f"conditions on {name}, got {count}{where}",
                None,
                ("conditions",),
                "too_few_conditions",
            )
    for place, name in enumerate(problem.coefficients):
        raise InvalidEquation(
            f"the estimate of {name!r} needs measurements of an unknown", None, ("parameters", place)
        )
