"""Figures of the source that a reader feels, and the limits that they keep: ``python .ci/source_figures.py``.

``python .ci/source_figures.py --names kan_engine`` lists the names that count against a package.
"""

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("kan_engine", "service", "worker")
MAX_MODULES = 20  # of a folder
Function = ast.FunctionDef | ast.AsyncFunctionDef

# A name of one of these words alone sends its reader elsewhere: what was found, the own what, which others?
WORDS = """
begun bound broken brought built caught chosen done drawn driven felt forbidden foretold found given gone
grown heard held hidden kept known laid led left lent lost made met paid seen sent shown sold spent spoken
stood taken taught thought told torn understood undone won worn woven written
all any both each either enough every few first half last least less many more most neither next none nothing
one ones only other others own rest same several some such that them these this those two whole
"""
VAGUE = frozenset(WORDS.split())
NO_PARTICIPLES = frozenset(("bed", "embed", "feed", "need", "seed", "speed"))

Limits = tuple[float, float, float]  # of the packages in turn
LIMITS: dict[str, Limits] = {  # lower them as the source gets better
    "lines of code": (41_011, 24_337, 4_942),
    "vague names, %": (1, 1, 1),
    "arrays without shape, %": (5, 10, 5),
    "numeric lines per comment": (30, 40, 30),
    "public functions without docstring": (0, 0, 0),
    "dict[str, Any] returned": (21, 25, 11),
}

SHAPED = frozenset(("Bool", "Complex", "Float", "Float32", "Inexact", "Int", "Num", "Real", "Shaped", "UInt"))
ARRAYS = frozenset(("Array", "NDArray", "Tensor", "ndarray"))


@dataclass(frozen=True)
class Module:
    """A parsed file."""

    path: Path

    @cached_property
    def source(self) -> str:
        """Its text."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax."""
        return ast.parse(self.source)

    @cached_property
    def functions(self) -> list[Function]:
        """All functions and methods."""
        return [node for node in ast.walk(self.tree) if isinstance(node, Function)]

    @cached_property
    def tokens(self) -> list[tokenize.TokenInfo]:
        """All tokens, comments included."""
        return list(tokenize.generate_tokens(io.StringIO(self.source).readline))

    @property
    def is_numeric(self) -> bool:
        """Whether it computes with arrays."""
        return re.search(r"^import (numpy|torch)", self.source, re.MULTILINE) is not None

    def count_code_lines(self) -> int:
        """Lines with code: no docstrings, comments or blank lines; none of source that is generated."""
        if "make generate" in (ast.get_docstring(self.tree) or ""):
            return 0
        layout = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
        code = {
            line
            for token in self.tokens
            if token.type not in (*layout, tokenize.ENDMARKER)
            for line in range(token.start[0], token.end[0] + 1)
        }
        return len(code - self._list_docstring_lines())

    def count_comments(self) -> int:
        """Comments on lines of their own."""
        return sum(
            token.type == tokenize.COMMENT and not token.line[: token.start[1]].strip()
            for token in self.tokens
        )

    def list_names(self) -> Iterator[str]:
        """Parameters, and variables of every function once."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function | ast.Lambda):
                arguments = node.args
                ends = [end for end in (arguments.vararg, arguments.kwarg) if end is not None]
                parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *ends]
                yield from (entry.arg for entry in parameters if entry.arg not in ("self", "cls"))
        for function in self.functions:
            stored = (node for node in ast.walk(function) if isinstance(node, ast.Name))
            yield from {node.id for node in stored if isinstance(node.ctx, ast.Store)}

    def list_array_annotations(self) -> Iterator[bool]:
        """For every parameter and result that is an array, whether its shape is told."""
        for function in self.functions:
            arguments = function.args
            parameters = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            for annotation in [*(each.annotation for each in parameters), function.returns]:
                words = set(re.findall(r"\w+", ast.unparse(annotation))) if annotation else set[str]()
                if words & (SHAPED | ARRAYS):
                    yield bool(words & SHAPED)

    def list_without_docstring(self) -> Iterator[str]:
        """Public functions and methods of public classes that have none."""
        classes = [each for each in self.tree.body if isinstance(each, ast.ClassDef)]
        public = [each.body for each in classes if not each.name.startswith("_")]
        for body in [self.tree.body, *public]:
            for each in body:
                if not isinstance(each, Function) or each.name.startswith("_"):
                    continue
                is_overload = any(ast.unparse(one).endswith("overload") for one in each.decorator_list)
                if ast.get_docstring(each) is None and not is_overload:
                    yield f"{self.path.relative_to(ROOT)}:{each.lineno} {each.name}"

    def count_open_dicts(self) -> int:
        """Functions that return dictionaries whose members are not told."""
        return sum("dict[str, Any]" in ast.unparse(each.returns) for each in self.functions if each.returns)

    def _list_docstring_lines(self) -> set[int]:
        lines = set[int]()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Module | ast.ClassDef | Function) and ast.get_docstring(node) is not None:
                text = node.body[0]
                lines |= set(range(text.lineno, (text.end_lineno or text.lineno) + 1))
        return lines


def is_vague(name: str) -> bool:
    """Whether a variable is named by a participle or a quantifier alone."""
    word = name.strip("_")
    is_participle = "_" not in word and word.endswith("ed") and word not in NO_PARTICIPLES
    return is_participle or word in VAGUE


def measure(package: str) -> dict[str, float]:
    """The figures of a package."""
    modules = [Module(path) for path in sorted((ROOT / package).rglob("*.py"))]
    numeric = [module for module in modules if module.is_numeric]
    names = [name for module in modules for name in module.list_names()]
    shapes = [is_shaped for module in modules for is_shaped in module.list_array_annotations()]
    comments = sum(module.count_comments() for module in numeric)
    return {
        "lines of code": sum(module.count_code_lines() for module in modules),
        "vague names, %": 100 * sum(map(is_vague, names)) / len(names),
        "arrays without shape, %": 100 * (1 - sum(shapes) / len(shapes)),
        "numeric lines per comment": sum(module.count_code_lines() for module in numeric) / max(comments, 1),
        "public functions without docstring": sum(
            len([*module.list_without_docstring()]) for module in modules
        ),
        "dict[str, Any] returned": sum(module.count_open_dicts() for module in modules),
    }


def list_circles() -> list[str]:
    """Modules that import each other in a circle, imports for types and within functions left out."""
    modules = {_name(path): Module(path) for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    imports = {name: set(_list_imports(module)) & modules.keys() - {name} for name, module in modules.items()}
    size = 0
    while size != len(imports):  # who imports nothing that is left is in no circle
        size = len(imports)
        imports = {name: inner & imports.keys() for name, inner in imports.items() if inner & imports.keys()}
    return sorted(imports)


def list_full_folders() -> list[str]:
    """Folders with more modules than a reader can survey."""
    sources = (*PACKAGES, "migrations", "tests")
    files = [path for source in sources for path in (ROOT / source).rglob("*.[pj][ys]")]
    counts = Counter(path.parent for path in files if path.name != "__init__.py")
    return [
        f"{folder.relative_to(ROOT)} ({count})" for folder, count in counts.items() if count > MAX_MODULES
    ]


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _list_imports(module: Module) -> Iterator[str]:
    for node in module.tree.body:
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def main() -> int:
    """The exit code: 1 if a limit is exceeded."""
    if "--names" in sys.argv:
        _write(*_list_vague_names(ROOT / sys.argv[-1]))
        return 0
    is_exceeded = False
    for place, package in enumerate(PACKAGES):
        _write(package)
        for title, value in measure(package).items():
            limit = LIMITS[title][place]
            is_exceeded |= value > limit
            _write(f"  {title}: {value:,.1f}, at most {limit:,}{'  EXCEEDED' * (value > limit)}")
    circles, folders = list_circles(), list_full_folders()
    _write(f"import each other: {', '.join(circles) or 'none'}")
    _write(f"folders of more than {MAX_MODULES} modules: {', '.join(folders) or 'none'}")
    return int(is_exceeded or bool(circles or folders))


def _list_vague_names(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*.py")):
        names = Counter(filter(is_vague, Module(path).list_names()))
        if names:
            yield f"{path.relative_to(ROOT)}: " + ", ".join(
                f"{name} {count}" for name, count in names.most_common()
            )


def _write(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    sys.exit(main())
