"""Validation of a table row: every problem of every cell."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, cast, get_args
from uuid import UUID

from contracts.importer import ImportedRow
from contracts.vocabulary import (
    MAX_SPEECH_TEXT_LENGTH,
    MAX_TAG_NAME_LENGTH,
    MAX_TAGS_PER_SPEECH,
    Level,
    SpeechType,
)
from shared.http.fields import MAX_DECOMPOSED_CHARACTERS, clean_text

from importer.domain.filenames import clean_filename, to_name_key
from importer.domain.sentences import hash_name, hash_sentence
from importer.types import RowProblemCode, Severity

LEVELS, TYPES = get_args(Level), get_args(SpeechType)
DEFAULT_TYPE = "answer"
MAX_VALUE_LENGTH = 100
"""Maximum length of a cell quoted in a problem."""
MAX_LETTERS_PER_SECOND = 40.0
"""Twice as fast as the fastest conversations, of 260 words a minute (Tauroza and Allison 1990)."""
MIN_LETTERS_PER_SECOND, MAX_PAUSE_SECONDS = 1.0, 10.0
"""A slow, clear reading has four letters a second, plus pauses before and after."""


class CellProblem(NamedTuple):
    column: str
    code: RowProblemCode
    message: str
    value: str = ""
    severity: Severity = "error"


class FoundRecording(NamedTuple):
    """An uploaded file. A file that is not free belongs to another import or a speech."""

    id: UUID
    object_key: str
    duration_ms: int
    is_free: bool


@dataclass(frozen=True)
class RowContext:
    """The data that a row is compared with. Repeated values lead to the row of their first occurrence."""

    recordings: Mapping[str, FoundRecording]
    catalogue: Collection[int]
    repeated_names: Mapping[int, int]
    repeated_sentences: Mapping[int, int]


class CheckedRow(NamedTuple):
    """A row with its problems. Without errors it has a speech to create and a recording to claim."""

    speech: ImportedRow | None
    recording_id: UUID | None
    problems: list[CellProblem]


def shorten_cells(values: Mapping[str, str]) -> dict[str, str]:
    """Return the beginnings of a row's cells, to show them with its problems."""
    return {column: value[:MAX_VALUE_LENGTH] for column, value in values.items()}


def to_recording_key(value: str) -> str:
    """Return the lookup name of a cell's recording, or "" for an invalid one."""
    name = clean_filename(value)
    return to_name_key(name) if name else ""


def check_row(
    number: int, values: Mapping[str, str], context: RowContext, *, has_extra_cells: bool = False
) -> CheckedRow:
    """Return the speech of row number `number`, or all problems of the row."""
    problems = list[CellProblem]()
    if has_extra_cells:
        message = "The row has more cells than the header: quote cells that contain the delimiter."
        problems.append(CellProblem("", "extra_cells", message))
    name_key = to_recording_key(values["audio_filename"])
    recording = context.recordings.get(name_key)
    problems += _check_filename(number, values["audio_filename"], name_key, recording, context)
    text, text_problems = _check_text(number, values["text"], context)
    problems += text_problems
    level, kind = values["level"].upper(), values.get("type", "").lower() or DEFAULT_TYPE
    problems += _check_vocabulary(level, kind, values)
    tags, wrong_tags = _check_tags(values.get("tags", ""))
    problems += wrong_tags
    if text and recording:
        problems += _check_duration(text, recording, values["audio_filename"])
    if recording is None or any(problem.severity == "error" for problem in problems):
        return CheckedRow(None, None, problems)
    speech = ImportedRow.model_construct(
        text=text,
        level=cast(Level, level),
        type=cast(SpeechType, kind),
        tags=list(tags),
        audio_key=recording.object_key,
        duration_ms=recording.duration_ms,
    )
    return CheckedRow(speech, recording.id, problems)


def _check_filename(
    number: int, value: str, name_key: str, recording: FoundRecording | None, context: RowContext
) -> Iterator[CellProblem]:
    displayed_value = value[:MAX_VALUE_LENGTH]
    if not value:
        yield CellProblem("audio_filename", "missing_value", "Enter the file name of the recording.")
    elif not name_key:
        yield CellProblem(
            "audio_filename", "unusable_filename", "This is not a valid file name.", displayed_value
        )
    elif recording is None:
        message = "No recording with this name was uploaded to the session."
        yield CellProblem("audio_filename", "audio_missing", message, displayed_value)
    elif not recording.is_free:
        message = "This recording belongs to another import or to a speech: upload it again."
        yield CellProblem("audio_filename", "audio_in_use", message, displayed_value)
    first = context.repeated_names.get(hash_name(name_key)) if name_key else None
    if first is not None and first != number:
        message = f"Row {first} has the same recording: each sentence needs its own recording."
        yield CellProblem("audio_filename", "duplicate_filename", message, displayed_value)


def _check_text(number: int, value: str, context: RowContext) -> tuple[str, list[CellProblem]]:
    """Return the text in stored form, or "" if it is invalid."""
    displayed_value = value[:MAX_VALUE_LENGTH]
    if not value:
        return "", [CellProblem("text", "missing_value", "Enter the spoken sentence.")]
    too_long = CellProblem(
        "text",
        "text_too_long",
        f"A text can have at most {MAX_SPEECH_TEXT_LENGTH} characters.",
        displayed_value,
    )
    if len(value) > MAX_SPEECH_TEXT_LENGTH * MAX_DECOMPOSED_CHARACTERS:
        return "", [too_long]
    try:
        text = clean_text(value)
    except ValueError as error:
        return "", [CellProblem("text", "text_invalid", f"The text {error}.", displayed_value)]
    if len(text) > MAX_SPEECH_TEXT_LENGTH:
        return "", [too_long]
    return text, list(_find_repetitions(number, text, displayed_value, context))


def _find_repetitions(
    number: int, text: str, displayed_value: str, context: RowContext
) -> Iterator[CellProblem]:
    sentence = hash_sentence(text)
    first = context.repeated_sentences.get(sentence)
    if first is not None and first != number:
        message = f"Row {first} has the same sentence."
        yield CellProblem("text", "duplicate_sentence", message, displayed_value, "warning")
    if sentence in context.catalogue:
        message = "The catalogue has a speech with this sentence."
        yield CellProblem("text", "sentence_in_catalogue", message, displayed_value, "warning")


def _check_vocabulary(level: str, kind: str, values: Mapping[str, str]) -> Iterator[CellProblem]:
    if not level:
        yield CellProblem("level", "missing_value", f"Enter the level: {_list(LEVELS)}.")
    elif level not in LEVELS:
        displayed_value = values["level"][:MAX_VALUE_LENGTH]
        yield CellProblem("level", "unknown_level", f"The level must be {_list(LEVELS)}.", displayed_value)
    if kind not in TYPES:
        displayed_value = values["type"][:MAX_VALUE_LENGTH]
        message = f"The type must be {_list(TYPES)}; an empty cell means {DEFAULT_TYPE}."
        yield CellProblem("type", "unknown_type", message, displayed_value)


def _list(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


@lru_cache(maxsize=1_000)
def _check_tags(cell: str) -> tuple[Sequence[str], Sequence[CellProblem]]:
    """Return the tags without repetitions. Tags that differ only in case are one."""
    tag_names = [tag for part in cell.split(",") if (tag := part.strip())]
    if len(tag_names) > MAX_TAGS_PER_SPEECH:
        message = f"A sentence can have at most {MAX_TAGS_PER_SPEECH} tags."
        return [], [CellProblem("tags", "too_many_tags", message, cell[:MAX_VALUE_LENGTH])]
    tags, problems = dict[str, str](), list[CellProblem]()
    for tag in tag_names:
        try:
            name = _clean_tag(tag)
        except ValueError as error:
            problems.append(CellProblem("tags", "tag_invalid", f"A tag {error}.", tag[:MAX_VALUE_LENGTH]))
        else:
            tags.setdefault(to_name_key(name), name)
    return list(tags.values()), problems


def _clean_tag(tag: str) -> str:
    too_long = ValueError(f"can have at most {MAX_TAG_NAME_LENGTH} characters")
    if len(tag) > MAX_TAG_NAME_LENGTH * MAX_DECOMPOSED_CHARACTERS:
        raise too_long
    name = clean_text(tag)
    if len(name) > MAX_TAG_NAME_LENGTH:
        raise too_long
    if "\n" in name or "\t" in name:
        raise ValueError("must be one line")
    return name


def _check_duration(text: str, recording: FoundRecording, filename: str) -> Iterator[CellProblem]:
    letter_count, seconds = sum(map(str.isalnum, text)), recording.duration_ms / 1000
    displayed_name, description = filename[:MAX_VALUE_LENGTH], f"The recording lasts {seconds:.1f} s"
    if seconds < letter_count / MAX_LETTERS_PER_SECOND:
        message = f"{description}, too short for this text: it is truncated, or belongs to another text."
        yield CellProblem("audio_filename", "audio_too_short", message, displayed_name)
    elif seconds > MAX_PAUSE_SECONDS + letter_count / MIN_LETTERS_PER_SECOND:
        message = f"{description}, too long for this text: trim it, or check the text."
        yield CellProblem("audio_filename", "audio_too_long", message, displayed_name)
