"""Parses the multipart form of a recording.

The framework's parser spools files to disk. This one keeps them in memory, which is overwritten afterwards.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from shared.errors import ParleyError
from starlette.requests import ClientDisconnect, Request

from scoring.audio.buffer import WipingBuffer
from scoring.errors import AudioTooLarge, MalformedForm
from scoring.types import MAX_AUDIO_BYTES

AUDIO_FIELD = "audio"
MAX_FIELD_BYTES = 64 * 1024
"""For all other fields and all headers together."""
MAX_DISCARDED_BYTES = 32 * 1024 * 1024


@dataclass
class FormParts:
    """The recording, and all other fields as text."""

    audio: WipingBuffer | None = None
    fields: dict[str, str] = field(default_factory=dict)


class _FormReader:
    """Callbacks of the parser."""

    def __init__(self, parts: FormParts) -> None:
        self._parts = parts
        self._name, self._value = "", bytearray()
        self._header, self._disposition = bytearray(), bytearray()
        self._field_bytes = 0
        self.complete = False

    def on_part_begin(self) -> None:
        self._name, self._value, self._disposition = "", bytearray(), bytearray()

    def on_header_begin(self) -> None:
        self._header = bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._count(end - start)

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        if self._header.lower() == b"content-disposition":
            self._disposition += data[start:end]

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition.decode("latin-1"))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name in self._parts.fields or (self._name == AUDIO_FIELD and self._parts.audio):
            raise MalformedForm(f"The form has more than one field {self._name}.")
        if self._name == AUDIO_FIELD:
            self._parts.audio = WipingBuffer()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        chunk = memoryview(data)[start:end]
        audio = self._parts.audio
        if self._name != AUDIO_FIELD or audio is None:
            self._count(len(chunk))
            self._value += chunk
        elif len(audio) + len(chunk) > MAX_AUDIO_BYTES:
            raise _create_size_error()
        else:
            audio.append(chunk)

    def on_part_end(self) -> None:
        if self._name == AUDIO_FIELD:
            return
        try:
            self._parts.fields[self._name] = self._value.decode()
        except UnicodeDecodeError as error:
            raise MalformedForm(f"The field {self._name} is not UTF-8.") from error

    def on_end(self) -> None:
        self.complete = True

    def _count(self, size: int) -> None:
        self._field_bytes += size
        if self._field_bytes > MAX_FIELD_BYTES:
            raise MalformedForm("The fields of the form, not counting the audio, are too large.")


def _create_size_error() -> AudioTooLarge:
    return AudioTooLarge(f"The audio may have at most {MAX_AUDIO_BYTES} bytes.", max_bytes=MAX_AUDIO_BYTES)


@asynccontextmanager
async def read_form(request: Request) -> AsyncIterator[FormParts]:
    """Read the form of a request, and overwrite its recording when the block ends, even on errors.

    Raises MalformedForm, or AudioTooLarge as soon as there are too many bytes.
    """
    parts, chunks = FormParts(), request.stream()
    try:
        try:
            await _parse(request, chunks, parts)
        except ParleyError:
            await _discard(chunks)
            raise
        yield parts
    finally:
        if parts.audio is not None:
            parts.audio.wipe()


async def _discard(chunks: AsyncIterator[bytes]) -> None:
    """Drop the rest of the upload: many clients read no response before they have sent everything."""
    discarded = 0
    with suppress(ClientDisconnect):
        async for chunk in chunks:
            discarded += len(chunk)
            if discarded > MAX_DISCARDED_BYTES:
                return


async def _parse(request: Request, chunks: AsyncIterator[bytes], parts: FormParts) -> None:
    content_type, options = parse_options_header(request.headers.get("content-type"))
    if content_type != b"multipart/form-data" or not options.get(b"boundary"):
        raise MalformedForm("Send the recording as multipart/form-data.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_AUDIO_BYTES + MAX_FIELD_BYTES:
        raise _create_size_error()
    reader = _FormReader(parts)
    callbacks = {name: getattr(reader, name) for name in dir(reader) if name.startswith("on_")}
    try:
        parser = MultipartParser(options[b"boundary"], callbacks)  # type: ignore[arg-type] # a dictionary of methods
        async for chunk in chunks:
            parser.write(chunk)
    except FormParserError as error:
        raise MalformedForm("The form is not valid multipart/form-data.") from error
    except ClientDisconnect as error:
        raise MalformedForm("The upload was interrupted.") from error
    if not reader.complete:
        raise MalformedForm("The form is incomplete.")
