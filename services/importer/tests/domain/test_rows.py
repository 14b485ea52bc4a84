from typing import Any
from uuid import UUID, uuid4

import pytest
from contracts.importer import ImportedRow
from importer.domain.rows import FoundRecording, RowContext, check_row
from importer.domain.sentences import hash_name, hash_sentence

RECORDING = FoundRecording(UUID(int=1), "speeches/1.mp3", 2_000, is_free=True)
GOOD = {
    "audio_filename": "a.mp3",
    "text": "Where is it?",
    "level": "A1",
    "type": "question",
    "tags": "travel",
}


def create_context(**overrides: Any) -> RowContext:
    defaults: dict[str, Any] = {
        "recordings": {"a.mp3": RECORDING},
        "catalogue": set(),
        "repeated_names": {},
        "repeated_sentences": {},
    }
    return RowContext(**{**defaults, **overrides})


def list_codes(values: dict[str, str], context: RowContext | None = None, *, number: int = 2) -> list[str]:
    checked = check_row(number, {**GOOD, **values}, context or create_context())
    assert (checked.speech is None) == any(problem.severity == "error" for problem in checked.problems)
    return [problem.code for problem in checked.problems]


def test_a_valid_row_becomes_a_speech() -> None:
    row = {**GOOD, "level": "a1", "type": "", "tags": "travel, Food ,food,,"}
    checked = check_row(2, row, create_context())
    assert checked.problems == []
    assert checked.recording_id == RECORDING.id
    assert checked.speech == ImportedRow(
        text="Where is it?",
        level="A1",
        type="answer",
        tags=["travel", "Food"],
        audio_key="speeches/1.mp3",
        duration_ms=2_000,
    )


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"audio_filename": ""}, "missing_value"),
        ({"audio_filename": "b.mp3"}, "audio_missing"),
        ({"audio_filename": ".."}, "unusable_filename"),
        ({"audio_filename": "../"}, "unusable_filename"),
        ({"audio_filename": "..."}, "unusable_filename"),
        ({"audio_filename": "x" * 10_000 + ".mp3"}, "unusable_filename"),
        ({"text": ""}, "missing_value"),
        ({"text": "x" * 5_001}, "text_too_long"),
        ({"text": "x" * 100_000}, "text_too_long"),
        ({"text": "bell \a"}, "text_invalid"),
        ({"text": "\u200b"}, "text_invalid"),
        ({"level": ""}, "missing_value"),
        ({"level": "D1"}, "unknown_level"),
        ({"type": "song"}, "unknown_type"),
        ({"tags": "x" * 101}, "tag_invalid"),
        ({"tags": "two\nlines"}, "tag_invalid"),
        ({"tags": ",".join(map(str, range(51)))}, "too_many_tags"),
    ],
)
def test_each_problem_has_its_code(values: dict[str, str], code: str) -> None:
    codes = list_codes(values)
    assert codes[0] == code
    assert set(codes) <= {code, "audio_too_short"}


def test_a_row_has_all_its_problems() -> None:
    values = {"audio_filename": "", "text": "", "level": "X", "type": "song", "tags": "\a"}
    checked = check_row(7, {**GOOD, **values}, create_context(), has_extra_cells=True)
    assert [(problem.column, problem.code) for problem in checked.problems] == [
        ("", "extra_cells"),
        ("audio_filename", "missing_value"),
        ("text", "missing_value"),
        ("level", "unknown_level"),
        ("type", "unknown_type"),
        ("tags", "tag_invalid"),
    ]


@pytest.mark.parametrize("name", ["audio/a.mp3", "audio\\a.mp3", "../../a.mp3", "A.MP3", "a\u200f.mp3"])
def test_a_recording_is_found_by_its_name_alone(name: str) -> None:
    assert list_codes({"audio_filename": name}) == []


def test_a_recording_of_another_import_is_not_used() -> None:
    context = create_context(recordings={"a.mp3": RECORDING._replace(is_free=False)})
    assert list_codes({}, context) == ["audio_in_use"]


@pytest.mark.parametrize(("duration_ms", "code"), [(200, "audio_too_short"), (30_000, "audio_too_long")])
def test_a_recording_must_fit_its_text(duration_ms: int, code: str) -> None:
    context = create_context(recordings={"a.mp3": RECORDING._replace(duration_ms=duration_ms)})
    assert list_codes({}, context) == [code]


def test_repetitions_name_the_first_row_with_the_value() -> None:
    context = create_context(
        repeated_names={hash_name("a.mp3"): 2}, repeated_sentences={hash_sentence("where is  IT?"): 2}
    )
    assert list_codes({}, context, number=2) == []
    checked = check_row(9, GOOD, context)
    assert [(problem.code, problem.severity) for problem in checked.problems] == [
        ("duplicate_filename", "error"),
        ("duplicate_sentence", "warning"),
    ]
    assert all("Row 2" in problem.message for problem in checked.problems)


def test_a_sentence_of_the_catalogue_is_only_a_warning() -> None:
    context = create_context(catalogue={hash_sentence(GOOD["text"])})
    checked = check_row(2, GOOD, context)
    assert [problem.code for problem in checked.problems] == ["sentence_in_catalogue"]
    assert checked.speech is not None


def test_the_value_of_a_problem_is_shortened() -> None:
    [problem] = check_row(2, {**GOOD, "level": str(uuid4()) * 100}, create_context()).problems
    assert len(problem.value) == 100
