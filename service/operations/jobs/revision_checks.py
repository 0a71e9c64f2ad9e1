"""Checks that a symbolic job can change a model."""

from collections.abc import Callable, Iterable

from kan_engine.expressions.constraints import MAX_HIDDEN_LAYERS, PRINTABLE_FUNCTIONS
from kan_engine.expressions.library import LIBRARY
from kan_engine.formulas.core.thresholds import MAX_EDGES
from service.db.repositories.revisions import Revision
from service.errors import format_names
from service.operations.jobs.validation_errors import Mistakes, Path, refuse_mistakes

Check = Callable[[Revision], Mistakes]


def check_revision(revision: Revision) -> None:
    """Check that the model has everything that the job changes.

    Raises:
        Invalid: With every mistake found; its code is that of the first.
    """
    if revision.task == "density":
        refuse_mistakes(_refuse_density(revision))
    checks: tuple[Check, ...] = (
        _check_fix,
        _check_forbid,
        _check_drop,
        _check_choice,
        _check_member,
    )
    refuse_mistakes(mistake for find in checks for mistake in find(revision))


def _refuse_density(revision: Revision) -> Mistakes:
    detail = (
        f"model {revision.model_id} is a density: its formula is a recognised distribution and cannot be "
        "searched again; train it with other columns or rows"
    )
    yield "not_for_densities", ["model_id"], detail


def _check_fix(revision: Revision) -> Mistakes:
    changes, width, edges = revision.changes, revision.edges["width"], revision.edges["edges"]
    if not changes.fix:
        return
    if revision.request.monotone:
        detail = "a function on an edge may break the wish monotone; train without it, or fix nothing"
        yield "invalid_wish", ["fix"], detail
    if len(width) > MAX_HIDDEN_LAYERS + 2 or len(edges) > MAX_EDGES:
        detail = (
            f"formulas are read off networks with one hidden layer and at most {MAX_EDGES} edges, but this "
            f"one has the width {width} and {len(edges)} edges; train a smaller one with network.hidden"
        )
        yield "network_too_large", ["fix"], detail
    edge_keys = {(e["layer"], e["in"], e["to_layer"], e["out"]) for e in edges}
    previous_keys: set[tuple[int, int, int, int]] = set()
    for place, edge in enumerate(changes.fix):
        path: Path = ["fix", place]
        key = edge.layer, edge.in_, edge.to_layer or edge.layer + 1, edge.out
        if key not in edge_keys:
            detail = (
                f"there is no edge from node {edge.in_} of layer {edge.layer} to node {edge.out} of layer "
                f"{key[2]}; the edges are at "
                f"/models/{revision.model_id}/edges?network=accurate"
            )
            yield "unknown_edge", path, detail
        elif key in previous_keys:
            yield "edge_fixed_twice", path, "an edge can have only one function; name it once"
        previous_keys.add(key)
        if edge.function not in LIBRARY:
            yield "unknown_function", [*path, "function"], _describe_unknown_function(edge.function, LIBRARY)


def _check_forbid(revision: Revision) -> Mistakes:
    for place, name in enumerate(revision.changes.forbid):
        path: Path = ["forbid", place]
        if name not in LIBRARY:
            yield "unknown_function", path, _describe_unknown_function(name, PRINTABLE_FUNCTIONS)
        elif name not in PRINTABLE_FUNCTIONS:
            detail = (
                f"formulas write {name!r} with other functions; forbid one of these: "
                f"{', '.join(PRINTABLE_FUNCTIONS)}"
            )
            yield "function_not_visible", path, detail


def _describe_unknown_function(name: str, functions: Iterable[str]) -> str:
    return f"there is no function {name!r}; the functions are {', '.join(functions)}"


def _check_drop(revision: Revision) -> Mistakes:
    changes, names = revision.changes, [feature["name"] for feature in revision.record["features"]]
    for place, name in enumerate(changes.drop):
        if name not in names:
            detail = f"the model has no feature {name!r}; its features are {format_names(names)}"
            yield "unknown_column", ["drop", place], detail
        elif name in (revision.request.must_use or ()) or name in (revision.request.monotone or {}):
            detail = (
                f"the model must use column {name!r}, as its training wished; train again without this wish"
            )
            yield "invalid_wish", ["drop", place], detail
    if set(names) <= set(changes.drop):
        yield "no_features", ["drop"], "no feature would be left; drop fewer"


def _check_choice(revision: Revision) -> Mistakes:
    changes = revision.changes
    if changes.choose is None:
        return
    path: Path = ["choose"]
    if revision.symbolic is None:
        yield "no_formula", path, "the model has no formulas to choose from; see forbid, fix and drop"
        return
    fronts = {output["name"]: output["pareto"] for output in revision.symbolic["outputs"]}
    for name, place in changes.select_formulas(list(fronts)).items():
        if name not in fronts:
            detail = f"the model has no output {name!r}; it has {format_names(fronts)}"
            yield "unknown_output", path, detail
        elif place >= len(fronts[name]):
            detail = (
                f"{name!r} has {len(fronts[name])} formulas in pareto, counted from 0; there is no {place}"
            )
            yield "unknown_formula", path, detail
        elif "tree" not in fronts[name][place]:
            detail = "this model was made by a version that did not keep all formulas; train it again"
            yield "formula_not_kept", path, detail
    if isinstance(changes.choose, int) and len(fronts) > 1:
        yield "output_not_named", path, f'choose for each output, as in {{"{next(iter(fronts))}": 0}}'


def _check_member(revision: Revision) -> Mistakes:
    changes, is_trained_again = revision.changes, revision.needs_new_network
    wants_compact = changes.compact is not None or changes.serve == "compact"
    if wants_compact and not is_trained_again and "compact" not in (revision.record.get("members") or {}):
        path: Path = ["serve" if changes.serve == "compact" else "compact"]
        yield "no_compact_network", path, "the model has no compact network; train it again"
    if changes.serve == "linear" and "linear" not in (revision.record.get("members") or {}):
        yield "no_linear_model", ["serve"], "the model has no linear model; train it again"
    if changes.serve != "formula" or changes.changes_formula:
        return
    if revision.symbolic is None:
        yield (
            "no_formula",
            ["serve"],
            "the model has no formula; see forbid and max_complexity, or train again",
        )
    elif revision.symbolic["verdict"] == "weak" and changes.choose is None:
        detail = "the formula is no better than a constant; serve another member"
        yield "no_formula", ["serve"], detail
