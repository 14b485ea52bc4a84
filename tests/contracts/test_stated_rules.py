"""Services enforce exactly the rules that the schemas of requests state."""

import json
import re
from typing import Annotated, Any

import pytest
from auth.types import AvatarUrl, Email, Name, NewPassword, OpaqueToken
from content.schemas.speeches import AudioKey
from content.schemas.tags import TagName
from game.domain.time_zones import parse_time_zone
from game.types import Count, Day, Instant, TimeZoneName
from jsonschema import Draft202012Validator
from pydantic import AfterValidator, TypeAdapter, ValidationError
from shared.http.fields import DisplayText
from shared.http.pagination import Cursor

from gateway.openapi import DOCUMENT_PATH

NOT_JSON_SCHEMA = {"ge", "gt", "le", "lt"}
Zone = Annotated[TimeZoneName, AfterValidator(parse_time_zone)]
Text = Annotated[str, DisplayText(min_length=1, max_length=20)]
REFUSED = [
    *((Email, value) for value in ("ada", "a" * 65 + "@example.com", "ä@example.com", "a@b@example.com")),
    *((NewPassword, value) for value in ("Tab\tPassword1", "Nul\0Password1", "Line\nPassword1")),
    *((Name, value) for value in ("", " ", "Ada\nLovelace", "Ada\u202e", "\x1b[1mAda", "A\u2028B")),
    *((AvatarUrl, value) for value in ("http://example.com/a.png", "ftp://example.com", "a.png")),
    *((OpaqueToken, value) for value in ("", "ä", "a\nb", "\x7f")),
    *((AudioKey, value) for value in ("a.mp3", "seed/", "seed//a.mp3", "seed/a\n.mp3", "other/a.mp3")),
    *((TagName, value) for value in ("", "\u3000", "two\nlines", "a\tb")),
    *((Text, value) for value in ("", " \n", "a\0", "\x85", "a" * 100)),
    *((Zone, value) for value in ("", "+15:00", "UTC+3:99", "Europe Berlin", "+3h", "Ünknown")),
    *((Day, value) for value in ("1999-12-31", "3000-01-01")),
    *((Instant, value) for value in ("1969-12-31T23:00:00Z", "3000-01-01T00:00:00Z")),
    *((Count, value) for value in (-1, 201, "1", 1.5)),
]
TAKEN = [
    *((Email, value) for value in ("ada@example.com", "a.b+c@sub.example.org", "o'neil@example.com")),
    *((NewPassword, value) for value in ("Correct4Horse", "Zwölf Wörter 1", "Pass\u00a0word9x")),
    *((Name, value) for value in ("Ada", "Zoë", "李", "👩\u200d🔬", "e\u0301")),
    *((AvatarUrl, value) for value in ("https://example.com/a.png", "HTTPS://example.com")),
    *((OpaqueToken, value) for value in ("a", "a b~", "x" * 2048)),
    *((AudioKey, value) for value in ("seed/a.mp3", "uploads/2026/ä b.mp3", "imports/.a")),
    *((TagName, value) for value in ("travel", "small talk", "café")),
    *((Text, value) for value in ("a", "a\nb", "\tb", "😀")),
    *((Zone, value) for value in ("UTC", "Etc/GMT+3", "America/Port-au-Prince", "+03:00", " 3", "utc+3")),
    *((Zone, value) for value in ("-14", "+0930", "GMT-0:30")),
    *((Day, value) for value in ("2000-01-01", "2999-12-31")),
    *((Instant, value) for value in ("1970-01-01T00:00:00Z", "2999-12-31t23:59:59.5+02:00")),
    *((Count, value) for value in (0, 200, 60.0)),
]


def _is_stated(kind: Any, value: object) -> bool:
    schema = TypeAdapter(kind).json_schema()
    if "pattern" in schema:
        # Unlike in JSON Schema, `$` also matches before a last line break in Python.
        schema["pattern"] = re.sub(r"\$$", r"\\Z", schema["pattern"])
    return Draft202012Validator(schema).is_valid(value)


def _is_enforced(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except (ValidationError, ValueError):
        return False
    except Exception as error:
        return not hasattr(error, "code")
    return True


@pytest.mark.parametrize(("kind", "value"), TAKEN)
def test_accepted_values_match_the_schema(kind: Any, value: object) -> None:
    assert _is_enforced(kind, value)
    assert _is_stated(kind, value)


@pytest.mark.parametrize(("kind", "value"), REFUSED)
def test_refused_values_do_not_match_the_schema(kind: Any, value: object) -> None:
    assert not _is_enforced(kind, value)
    assert not _is_stated(kind, value)


def test_a_cursor_documents_its_format() -> None:
    assert _is_stated(Cursor, "AAYkw2lT0kAAAAACAZf3")
    assert not _is_stated(Cursor, "page 2")


def test_the_document_uses_only_limits_of_json_schema() -> None:
    def find_names(node: Any) -> set[str]:
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        return set(node if isinstance(node, dict) else ()).union(*map(find_names, inner))

    assert not find_names(json.loads(DOCUMENT_PATH.read_text())) & NOT_JSON_SCHEMA
