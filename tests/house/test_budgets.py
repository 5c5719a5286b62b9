"""Small files and small functions: what does not fit has a second thing to do."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUDGETS = {
    "kvmweb/**/*.py": 400,
    "tests/**/*.py": 400,
    "bench/**/*.py": 400,
    "templates/**/*.html": 150,
    "static/js/**/*.js": 250,
}
FUNCTION_LINES = 40
ATTIC_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}


def sources(pattern: str) -> list[Path]:
    return [path for path in ROOT.glob(pattern) if "migrations" not in path.parts]


@pytest.mark.parametrize(("pattern", "lines"), BUDGETS.items())
def test_a_file_stays_within_its_budget(pattern: str, lines: int) -> None:
    over = {
        str(path.relative_to(ROOT)): count
        for path in sources(pattern)
        if (count := len(path.read_text().splitlines())) > lines
    }
    assert over == {}


def test_a_function_stays_within_its_budget() -> None:
    over = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in sources("kvmweb/**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES
    ]
    assert over == []


def test_every_file_is_named_by_a_noun_of_the_field() -> None:
    attics = [
        str(path.relative_to(ROOT))
        for path in [*sources("kvmweb/**/*"), *sources("static/js/**/*"), *sources("tests/**/*")]
        if path.stem.lower() in ATTIC_NAMES
    ]
    assert attics == []
