"""Words and patterns that services and shared avoid: see CONTRIBUTING, "Style"."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = (*ROOT.glob("services/*"), ROOT / "shared")
SOURCES = sorted(
    path
    for folder in FOLDERS
    for path in folder.rglob("*.py")
    if "tests" not in path.relative_to(ROOT).parts and path.parent != folder
)
AVOIDED = re.compile(r"\b(whoever|nobody|anew|beside|told|heard)\b")
MAX_AVOIDED_PER_THOUSAND_WORDS = 0.3
MAX_ODD_OPENINGS = 0.15
MAX_DOCSTRING_LINES = 0.07
CLOCK = "shared/shared/clock.py"
LOOPS = {
    "shared/shared/data/cache.py",  # waits a tenth of a second for a lease
    "shared/shared/messaging/deliveries.py",  # retries one delivery
}
"""Files that may contain `while True`. All other loops run in shared/shared/background.py."""

type Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def iterate_docstrings() -> Iterator[tuple[Documented, ast.Constant]]:
    for path in SOURCES:
        for node in ast.walk(parse(path)):
            if isinstance(node, Documented.__value__) and ast.get_docstring(node) is not None:
                [expression, *_] = node.body
                assert isinstance(expression, ast.Expr)
                assert isinstance(expression.value, ast.Constant)
                yield node, expression.value


def iterate_prose() -> Iterator[str]:
    """Yield docstrings, comments, log events and READMEs."""
    yield from (str(docstring.value) for _, docstring in iterate_docstrings())
    for path in SOURCES:
        tokens = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
        yield from (token.string for token in tokens if token.type == tokenize.COMMENT)
        yield from re.findall(r"\blog\.\w+\(\s*\"(\w+)\"", path.read_text())
    yield from (page.read_text() for folder in FOLDERS for page in folder.glob("*.md"))


def find_places(pattern: str) -> set[str]:
    matching = (path for path in SOURCES if re.search(pattern, path.read_text()))
    return {str(path.relative_to(ROOT)) for path in matching}


def test_limits_are_named_max_and_min() -> None:
    assert find_places(r"\b_?(MOST|LEAST)_\w+") == set()


def test_avoided_words_are_rare() -> None:
    texts = [text.lower().replace("_", " ") for text in iterate_prose()]
    words = sum(len(re.findall(r"[a-z]+", text)) for text in texts)
    avoided = [text for text in texts if AVOIDED.search(text)]
    assert (
        sum(len(AVOIDED.findall(text)) for text in avoided) <= MAX_AVOIDED_PER_THOUSAND_WORDS * words / 1000
    ), avoided


def test_docstrings_of_functions_start_with_verbs() -> None:
    texts = [
        str(text.value)
        for node, text in iterate_docstrings()
        if not isinstance(node, ast.Module | ast.ClassDef)
    ]
    odd = [text for text in texts if re.match(r"\s*(The|What|Whoever)\b", text)]
    assert len(odd) <= MAX_ODD_OPENINGS * len(texts), odd


def test_docstrings_are_short() -> None:
    lines = sum((text.end_lineno or 0) - text.lineno + 1 for _, text in iterate_docstrings())
    assert lines <= MAX_DOCSTRING_LINES * sum(len(path.read_text().splitlines()) for path in SOURCES)


def test_one_module_reads_the_clock() -> None:
    assert find_places(r"datetime\.(now|utcnow)\(|date\.today\(") == {CLOCK}


def test_only_listed_files_contain_endless_loops() -> None:
    assert find_places(r"while True:") == LOOPS
