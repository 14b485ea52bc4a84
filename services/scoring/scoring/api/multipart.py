"""Reads the form of a recording into memory that is overwritten afterwards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

from shared.audio.measurement import MAX_AUDIO_BYTES
from shared.errors import MalformedForm
from shared.http.multipart import FormPart, Pace, StreamedForm
from starlette.requests import Request

from scoring.admission import LearnerShares, UploadMemory, UploadReservation
from scoring.audio.buffer import INITIAL_BYTES, AudioBufferManager
from scoring.errors import AudioTooLarge
from scoring.schemas.scores import ScoreRequest

AUDIO_FIELD = "audio"
MAX_FIELD_BYTES = 64 * 1024
"""Size limit of all other fields together."""
MAX_FORM_BYTES = MAX_AUDIO_BYTES + MAX_FIELD_BYTES
PACE = Pace(min_bytes_per_second=8192, max_gap_seconds=10.0, max_seconds=100.0)
"""A phone compresses speech to 8 KiB per second. The gateway ends a request after 120 s."""


@dataclass
class FormParts:
    """The recording, and all other fields as text. Unknown files become empty fields."""

    audio: AudioBufferManager
    fields: dict[str, str] = field(default_factory=dict)
    unknown_files: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _AudioMemory:
    """The memory reserved for an upload: its full size from the first byte, if known."""

    reservation: UploadReservation
    max_bytes: int

    def reserve(self, size: int) -> None:
        # The buffer doubles when it grows.
        self.reservation.extend_to(min(2 * size, self.max_bytes) + MAX_FIELD_BYTES)


def _create_size_error() -> AudioTooLarge:
    return AudioTooLarge(f"The audio can have at most {MAX_AUDIO_BYTES} bytes.", max_bytes=MAX_AUDIO_BYTES)


@asynccontextmanager
async def read_form(
    request: Request, learner_id: UUID, shares: LearnerShares, upload_memory: UploadMemory
) -> AsyncIterator[FormParts]:
    """Read the form of a request, and overwrite its recording when the block ends, even on errors.

    Raises TooManyRecordings, UploadsFull, MalformedForm, FormTooSlow, or AudioTooLarge as soon as there are
    too many bytes.
    """
    length = _find_length(request)
    form = StreamedForm(request, pace=replace(PACE, expected_bytes=min(length or 0, MAX_FORM_BYTES)))
    max_bytes = MAX_AUDIO_BYTES if length is None else min(length, MAX_AUDIO_BYTES)
    initial_bytes = INITIAL_BYTES if length is None else max_bytes
    with (
        shares.hold(learner_id),
        upload_memory.reserve(initial_bytes + MAX_FIELD_BYTES) as reservation,
        AudioBufferManager(max_bytes=max_bytes, on_wiped=reservation.release) as audio,
    ):
        parts = FormParts(audio)
        await _read_parts(form, parts, _AudioMemory(reservation, max_bytes), length=length)
        yield parts


def _find_length(request: Request) -> int | None:
    length = request.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None


async def _read_parts(
    form: StreamedForm, parts: FormParts, memory: _AudioMemory, *, length: int | None
) -> None:
    if length is not None and length > MAX_FORM_BYTES:
        raise _create_size_error()
    free_bytes, names = MAX_FIELD_BYTES, set[str]()
    async for part in form.iterate_parts():
        if part.name in names:
            raise MalformedForm(f"The form has more than one field {part.name}.")
        names.add(part.name)
        if part.name == AUDIO_FIELD:
            await _read_audio(part, parts.audio, memory)
        elif part.filename is not None and part.name not in ScoreRequest.model_fields:
            await _skip_file(part)
            parts.fields[part.name] = ""
            parts.unknown_files.append(part.name)
        else:
            value = parts.fields[part.name] = await part.read_text(max_bytes=free_bytes)
            free_bytes -= len(value.encode())


async def _read_audio(part: FormPart, audio: AudioBufferManager, memory: _AudioMemory) -> None:
    async for chunk in part.iterate_chunks():
        if len(audio) + len(chunk) > MAX_AUDIO_BYTES:
            raise _create_size_error()
        memory.reserve(len(audio) + len(chunk))
        audio.append(chunk)


async def _skip_file(part: FormPart) -> None:
    skipped = 0
    async for chunk in part.iterate_chunks():
        skipped += len(chunk)
        if skipped > MAX_AUDIO_BYTES:
            raise _create_size_error()
