"""The English texts that clients are told, followed through the source without running it.

A text is what an expression can become: constants, f-strings, joined texts, local names, arguments at every
call, and what functions return. A gap in a text is filled by a sample.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path

QUOTED, PLAIN = "'x1'", "7"
TEXT_FIELDS = {"refused"}  # fields of results that are texts for clients
ENGINE_ERRORS = ("InvalidForm", "InvalidEquation", "InvalidData", "NoSolution", "DeviceUnavailable")
TEXT_PLACES = {  # the place of the text among the arguments of an error or an entry
    **dict.fromkeys((*ENGINE_ERRORS, "_error", "error"), 0),
    **dict.fromkeys(("Invalid", "Conflict", "NotFound", "TooLarge", "TooMany"), 1),
    **dict.fromkeys(("ErrorEntry", "make_at", "_Failure", "_make_refusal", "_make_entries"), 1),
}
CHECKS_OF_BODIES = {"ValueError": 0, "PydanticCustomError": 1}
MOST, MOST_IN_GAP = 200, 12  # texts of one expression

Function = ast.FunctionDef


@dataclass
class Source:
    """Functions, constants, assignments and calls of some packages, by name."""

    functions: dict[str, list[Function]] = field(default_factory=lambda: defaultdict(list))
    constants: dict[str, list[ast.expr]] = field(default_factory=lambda: defaultdict(list))
    assigned: dict[str, list[tuple[Function | None, ast.expr]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    calls: dict[str, list[tuple[Function | None, ast.Call]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    attributes: dict[str, list[tuple[Function | None, ast.expr]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    mistakes: list[tuple[Function | None, ast.expr]] = field(default_factory=list)

    @classmethod
    def read(cls, packages: Iterable[str]) -> "Source":
        source = cls()
        for package in packages:
            for path in sorted(Path(package).rglob("*.py")) or [Path(package)]:
                source._add(ast.parse(path.read_text(encoding="utf-8")), None)
        return source

    def _add(self, node: ast.AST, function: Function | None) -> None:
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.FunctionDef(name=name):
                    self.functions[name].append(child)
                case ast.Call(func=callee) if ast.unparse(callee) != "log.error":
                    self.calls[_name(callee)].append((function, child))
                    for word in child.keywords:
                        self.attributes[word.arg or ""].append((function, word.value))
                case ast.Yield(value=ast.Tuple(elts=[ast.Constant(value=str()), _, text])):
                    self.mistakes.append((function, text))
                case ast.Assign(targets=[target], value=value):
                    self._assign(target, value, function)
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    self._assign(target, value, function)
                case ast.AugAssign(target=target, value=ast.Constant() | ast.JoinedStr() as value):
                    longer = ast.BinOp(ast.Name(ast.unparse(target)), ast.Add(), value)
                    self._assign(target, longer, function)
                case ast.AugAssign(target=target, value=value) | ast.NamedExpr(target=target, value=value):
                    self._assign(target, value, function)
                case ast.For(target=target, iter=ast.Tuple(elts=values) | ast.List(elts=values)):
                    for value in values:
                        self._assign(target, value, function)
            self._add(child, child if isinstance(child, ast.FunctionDef) else function)

    def _assign(self, target: ast.expr, value: ast.expr, function: Function | None) -> None:
        match target, value:
            case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
                for element, element_value in zip(targets, values, strict=True):
                    self._assign(element, element_value, function)
            case ast.Tuple(elts=targets), ast.Call():
                for place, element in enumerate(targets):
                    self._assign(element, ast.Subscript(value, ast.Constant(place)), function)
            case ast.Name(id=name), _:
                self.assigned[name].append((function, value))
                if function is None:
                    self.constants[name].append(value)


@dataclass
class TextFollower:
    """Finds the texts of expressions; ``unknown`` collects those that cannot be followed."""

    source: Source
    unknown: list[str] = field(default_factory=list)
    _known: dict[int, set[str] | None] = field(default_factory=dict)

    def list_texts(self, node: ast.expr, function: Function | None) -> set[str]:
        """All texts with words that an expression can become, or that are in the list that it becomes."""
        texts = self._follow(node, function)
        if texts is None:
            self.unknown.append(f"{function.name if function else 'module'}: {ast.unparse(node)}")
        return {text for text in texts or () if any(map(str.isalpha, text))}

    def _follow(self, node: ast.expr, function: Function | None) -> set[str] | None:
        if id(node) not in self._known:
            self._known[id(node)] = set()  # of a text that is made of itself
            texts = self._follow_new(node, function)
            self._known[id(node)] = None if texts and len(texts) > MOST else texts
        return self._known[id(node)]

    def _follow_new(self, node: ast.expr, function: Function | None) -> set[str] | None:  # noqa: PLR0911, PLR0912
        match node:
            case ast.Constant(value=str() as text):
                return {text}
            case ast.JoinedStr(values=parts):
                fillings = {ast.unparse(part): self._fill(part, function) for part in parts}  # the same alike
                choices = (dict(zip(fillings, choice, strict=True)) for choice in product(*fillings.values()))
                return {
                    "".join(choice[ast.unparse(part)] for part in parts) for choice in islice(choices, MOST)
                }
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._join(left, right, function)
            case ast.IfExp(body=body, orelse=orelse):
                return self._unite([body, orelse], function)
            case ast.BoolOp(values=values) | ast.Tuple(elts=values) | ast.List(elts=values):
                return self._unite(values, function)
            case ast.Starred(value=value) | ast.NamedExpr(value=value):
                return self._follow(value, function)
            case (
                ast.ListComp(elt=elt, generators=[generator, *_])
                | ast.GeneratorExp(elt=elt, generators=[generator, *_])
            ):
                is_read_back = "'warnings'" in ast.unparse(generator.iter)
                return set() if is_read_back else self._follow(elt, function)
            case (
                ast.Constant(value=None)
                | ast.Attribute(attr="warnings")  # filled elsewhere, where it is followed
                | ast.Subscript(slice=ast.Constant(value="warnings"))
                | ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value="warnings"), *_])
            ):
                return set()
            case ast.Subscript(value=ast.Call(func=callee), slice=ast.Constant(value=int() as place)):
                return self._follow_member(_name(callee), place)
            case ast.Subscript(value=ast.Name(id=name)):
                tables = [value for value in self.source.constants[name] if isinstance(value, ast.Dict)]
                return self._unite_places((None, value) for table in tables for value in table.values)
            case ast.Attribute(attr=name) if name in TEXT_FIELDS:
                places = self.source.attributes[name] + self.source.assigned[name]
                return self._unite_places(places)
            case ast.Name(id=name):
                return self._follow_name(name, function)
            case ast.Call(func=callee, args=arguments):
                return self._follow_call(_name(callee), arguments, function)
        return None

    def _join(self, start: ast.expr, end: ast.expr, function: Function | None) -> set[str] | None:
        left_texts, right_texts = self._follow(start, function), self._follow(end, function)
        if left_texts is None and right_texts is None:
            return None
        if isinstance(start, (ast.List, ast.ListComp)) or isinstance(end, (ast.List, ast.ListComp)):
            return (left_texts or set()) | (right_texts or set())
        return {a + b for a, b in islice(product(left_texts or {PLAIN}, right_texts or {PLAIN}), MOST)}

    def _unite(self, nodes: Iterable[ast.expr], function: Function | None) -> set[str] | None:
        return self._unite_places([(function, node) for node in nodes])

    def _unite_places(self, places: Iterable[tuple[Function | None, ast.expr]]) -> set[str] | None:
        results = [self._follow(node, function) for function, node in places]
        text_sets = [texts for texts in results if texts is not None]
        return set().union(*text_sets) if text_sets or not results else None

    def _follow_name(self, name: str, function: Function | None) -> set[str] | None:
        assignments = [
            place for place in self.source.assigned[name] if place[0] is function and function is not None
        ]
        additions = [
            (function, call.args[0])
            for verb in ("append", "extend")
            for where, call in self.source.calls[verb]
            if where is function and ast.unparse(call.func) == f"{name}.{verb}"
        ]
        if assignments or additions:
            return self._unite_places([*assignments, *additions])
        if function is not None and name in (places := _parameters(function)):
            return self._unite_places(self._arguments(function, name, places))
        return self._unite_places((None, value) for value in self.source.constants[name]) or None

    def _arguments(
        self, function: Function, name: str, places: list[str]
    ) -> Iterator[tuple[Function | None, ast.expr]]:
        is_method = places[0] in ("self", "cls")
        place = places.index(name) - is_method
        for where, call in self.source.calls[function.name]:
            if 0 <= place < len(call.args):
                yield where, call.args[place]
            yield from ((where, word.value) for word in call.keywords if word.arg == name)

    def _follow_call(
        self, name: str, arguments: list[ast.expr], function: Function | None
    ) -> set[str] | None:
        if name in ("tuple", "filter"):
            return self._follow(arguments[-1], function)
        returns = [
            (callee, node.value)
            for callee in self.source.functions[name]
            for node in ast.walk(callee)
            if isinstance(node, (ast.Return, ast.Yield)) and node.value is not None
        ]
        return self._unite_places(returns) or None

    def _follow_member(self, name: str, place: int) -> set[str] | None:
        """Texts of one member of the tuples that a function returns."""
        members = [
            (callee, part.elts[place])
            for callee in self.source.functions[name]
            for node in ast.walk(callee)
            if isinstance(node, ast.Return) and node.value is not None
            for part in ast.walk(node.value)
            if isinstance(part, ast.Tuple) and len(part.elts) > place
        ]
        return self._unite_places(members) or None

    def _fill(self, part: ast.expr, function: Function | None) -> list[str]:
        match part:
            case ast.Constant(value=text):
                return [str(text)]
            case ast.FormattedValue(conversion=114):
                return [QUOTED]
            case ast.FormattedValue(value=ast.Name(id=name), format_spec=None):
                assignments = self.source.assigned[name]
                places = [
                    place for place in assignments if place[0] is (None if name.isupper() else function)
                ]
                return self._limit(self._unite_places(places) or self._list_phrases(name, function))
            case ast.FormattedValue(value=ast.Call() | ast.IfExp() as value, format_spec=None):
                return self._limit(self._follow(value, function))
        return [PLAIN]

    def _list_phrases(self, name: str, function: Function | None) -> set[str]:
        """Texts of several words that calls give a parameter; single words are names."""
        if function is None or name not in (places := _parameters(function)):
            return set()
        texts = self._unite_places(self._arguments(function, name, places)) or set()
        return {text for text in texts if re.search(r"[a-z] [a-z]", text)}

    def _limit(self, texts: set[str] | None) -> list[str]:
        """The ways to fill a gap; more than a few are values, not words."""
        return sorted(texts) if texts and len(texts) <= MOST_IN_GAP else [PLAIN]


def _name(callee: ast.expr) -> str:
    return getattr(callee, "id", getattr(callee, "attr", ""))


def _parameters(function: Function) -> list[str]:
    arguments = function.args
    return [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def list_warnings(packages: Iterable[str]) -> tuple[set[str], list[str]]:
    """Texts of warnings, and the expressions among warnings that cannot be followed."""
    source = Source.read(packages)
    follower = TextFollower(source)
    texts: set[str] = set()
    for function, node in [*source.attributes["warnings"], *source.assigned["warnings"]]:
        texts |= follower.list_texts(node, function)
    for function, call in source.calls["add_warnings"]:
        for argument in call.args:
            texts |= follower.list_texts(argument, function)
    for function, call in source.calls["TableWarning"]:
        texts |= follower.list_texts(_argument(call, "detail"), function)
    return texts, follower.unknown


def list_errors(packages: Iterable[str], kinds: Mapping[str, int] = TEXT_PLACES) -> set[str]:
    """Texts of the errors that some packages raise."""
    source = Source.read(packages)
    follower = TextFollower(source)
    places = [
        (function, argument)
        for kind, place in kinds.items()
        for function, call in source.calls[kind]
        for argument in call.args[place : place + 1]
    ]
    texts = (follower.list_texts(node, function) for function, node in [*places, *source.mistakes])
    return set().union(*texts)


def _argument(call: ast.Call, name: str) -> ast.expr:
    return next((word.value for word in call.keywords if word.arg == name), ast.Constant(None))
