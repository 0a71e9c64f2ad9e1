"""Size of the search for formulas: ``python .ci/search_size.py [folder of kan_engine]``.

Lines are counted twice: all, and those of code, without docstrings, comments and blank lines. A decision
number is a field of a dataclass or a constant of a module whose default is a number or a tuple of numbers.
"""

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1] / "kan_engine"
# Its rooms; the first line are those of November 2026, which are gone or empty.
ROOMS = (
    *("discovery", "front", "forms", "symbolic", "search/laws", "search/formulas"),
    *("formulas", "structure"),
)
NUMBERS = ("search/thresholds.py",)  # further files whose decision numbers steer it
NO_CODE = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    tokenize.ENDMARKER,
}


@dataclass(frozen=True)
class Module:
    """A parsed file."""

    path: Path
    source: str
    tree: ast.Module

    @staticmethod
    def read(path: Path) -> "Module":
        """Parse a file."""
        source = path.read_text(encoding="utf-8")
        return Module(path, source, ast.parse(source))

    def count_lines(self) -> int:
        """All lines."""
        return len(self.source.splitlines())

    def count_code_lines(self) -> int:
        """Lines with code."""
        tokens = tokenize.generate_tokens(io.StringIO(self.source).readline)
        code = {
            line
            for token in tokens
            if token.type not in NO_CODE
            for line in range(token.start[0], token.end[0] + 1)
        }
        return len(code - self._list_docstring_lines())

    def _list_docstring_lines(self) -> set[int]:
        owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        found = set[int]()
        for node in ast.walk(self.tree):
            first = node.body[0] if isinstance(node, owners) and node.body else None
            is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            if first is not None and is_text:
                found |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
        return found

    def count_numbers(self) -> int:
        """Decision numbers."""
        fields = [
            statement
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ClassDef)
            for statement in node.body
            if isinstance(statement, ast.AnnAssign) and _is_number(statement.value)
        ]
        constants = [
            statement
            for statement in self.tree.body
            if isinstance(statement, ast.Assign | ast.AnnAssign) and _is_number(statement.value)
        ]
        return len(fields) + len(constants)

    def list_classes(self) -> Iterator[tuple[int, str]]:
        """Number of methods and name of every class."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef):
                yield sum(isinstance(part, ast.FunctionDef) for part in node.body), node.name


def main() -> None:
    """Print the figures of a tree, by default this one."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    modules = [Module.read(path) for room in ROOMS for path in sorted((root / room).rglob("*.py"))]
    numbers = [*modules, *(Module.read(root / name) for name in NUMBERS)]
    most, name = max(pair for module in modules for pair in module.list_classes())
    sys.stdout.write(
        f"lines: {sum(module.count_lines() for module in modules):,}\n"
        f"lines of code: {sum(module.count_code_lines() for module in modules):,}\n"
        f"decision numbers: {sum(module.count_numbers() for module in numbers)}\n"
        f"largest class: {name}, {most} methods\n"
    )


def _is_number(value: ast.expr | None) -> bool:
    """Whether a default is a number, a tuple of numbers, or computed from numbers alone."""
    if value is None or isinstance(value, ast.Lambda):
        return False
    parts = list(ast.walk(value))
    constants = [part.value for part in parts if isinstance(part, ast.Constant)]
    names = [
        part
        for part in parts
        if isinstance(part, ast.Name) and part.id not in ("np", "range", "tuple", "float", "p")
    ]
    is_numeric = bool(constants) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in constants
    )
    return is_numeric and not names


if __name__ == "__main__":
    main()
