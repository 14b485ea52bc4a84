"""Templates and scripts obey the Content-Security-Policy: nothing is inline or from elsewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TEMPLATES = sorted(
    [*ROOT.glob("shared/shared/panel/templates/*.html"), *ROOT.glob("services/*/*/panel/templates/*.html")]
)
SCRIPTS = sorted(
    [*ROOT.glob("shared/shared/panel/statics/*.js"), *ROOT.glob("services/*/*/panel/statics/*.js")]
)
INLINE = re.compile(
    r"""<script(?![^>]*\bsrc=) | <(style|base|iframe)\b | \sstyle\s*= | \son[a-z]+\s*= | javascript:""",
    re.VERBOSE | re.IGNORECASE,
)
UNESCAPED = re.compile(r"\|\s*safe\b|autoescape\s+false", re.IGNORECASE)
ELSEWHERE = re.compile(r"""(?:src|href|action)\s*=\s*["'](?:https?:)?//""", re.IGNORECASE)
INJECTING = re.compile(r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function)\b")


def test_there_are_templates_to_check() -> None:
    assert len(TEMPLATES) >= 8


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_has_no_inline_scripts_or_styles(template: Path) -> None:
    source = template.read_text()
    assert INLINE.findall(source) == []
    assert UNESCAPED.findall(source) == []
    assert ELSEWHERE.findall(source) == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_script_builds_no_markup_from_text(script: Path) -> None:
    assert INJECTING.findall(script.read_text()) == []
