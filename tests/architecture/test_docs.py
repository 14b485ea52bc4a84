"""Documentation names only things that exist, and all READMEs of services have the same form."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READMES = sorted(ROOT.glob("services/*/README.md"))
PAGES = sorted(
    {ROOT / "README.md", ROOT / "CONTRIBUTING.md", *READMES}
    | {*ROOT.glob("docs/*.md"), *ROOT.glob("docs/adr/*.md")}
    | {*ROOT.glob("deploy/*/README.md"), *ROOT.glob("docs/*/README.md"), *ROOT.glob("*/README.md")}
)
SECTIONS = ["Owns", "Endpoints", "Events out", "Events in", "Commands", "Settings", "Worth knowing"]
MAX_README_LINES = 60

SUFFIXES = r"py|md|sh|toml|ya?ml|txt|json|csv|env|lua|svg|html|mp3|wav|m4a"
PATH = re.compile(rf"[\w.<>*/-]+(?:\.(?:{SUFFIXES})|/)")
GENERATED = (
    *("signing-keys.json", "receipt-signing-keys.json", "receipt-public-keys.json", "secrets.json"),
    *(".env", "envoy.rendered.yaml", "errors.csv"),
)
OBJECT_KEYS = ("seed/", "uploads/", "imports/", "speeches/")
"""Prefixes in the object storage, not folders."""


def list_code_spans(page: Path) -> list[str]:
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL))


def list_named_paths(page: Path) -> list[str]:
    paths = [
        span
        for span in list_code_spans(page)
        if PATH.fullmatch(span) and not span.startswith(("/", ".local", ".compose"))
    ]
    return [path for path in paths if path not in OBJECT_KEYS and Path(path).name not in GENERATED]


def has_path(path: str, page: Path) -> bool:
    """Look for a path from every folder that a page may mean; `<noun>` stands for any name."""
    pattern = re.sub(r"<[^>]+>", "*", path.rstrip("/"))
    folders = ("shared", "shared/shared", "deploy/seed", "deploy/seed/learner", "services/*", "services/*/*")
    bases = [ROOT, page.parent, *(base for folder in folders for base in ROOT.glob(folder) if base.is_dir())]
    return any(next(base.glob(pattern), None) for base in bases)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_and_links_exist(page: Path) -> None:
    assert [path for path in list_named_paths(page) if not has_path(path, page)] == []
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {
        (str(page.relative_to(ROOT)), target)
        for page in PAGES
        for target in re.findall(
            r"(?:`|^ *|: )(?:[A-Z_]+=\S+ )*make ([a-z-]+)", page.read_text(), re.MULTILINE
        )
    }
    assert len(used) > 5
    assert {(page, target) for page, target in used if target not in targets} == set()


@pytest.mark.parametrize("readme", READMES, ids=lambda readme: readme.parent.name)
def test_service_readmes_have_one_form(readme: Path) -> None:
    text = readme.read_text()
    title, *sections = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    assert title.lower() == readme.parent.name
    assert sections == SECTIONS
    assert len(text.splitlines()) <= MAX_README_LINES


def test_log_events_in_operations_exist() -> None:
    """The events of loops are derived from the loop's name."""
    source = "\n".join(
        path.read_text() for path in (*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/**/*.py"))
    )
    log_events = set(re.findall(r"log\.\w+\(\s*\"(\w+)\"", source))
    loops = re.findall(r"Loop\(\s*(?:name=)?\"(\w+)\"", source)
    log_events |= {f"{loop}_{outcome}" for loop in loops for outcome in ("retrying", "failed")}
    page = (ROOT / "docs" / "operations.md").read_text()
    logs = page[page.index("## Logs") :]
    assert set(re.findall(r"^\| `(\w+)` \|", logs, re.MULTILINE)) - log_events == set()


def test_every_decision_has_a_unique_number_in_its_file_name_and_title() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [int(page.name[:4]) for page in pages]
    assert numbers == list(range(1, len(pages) + 1))
    assert [int(page.read_text()[2:].partition(".")[0]) for page in pages] == numbers
