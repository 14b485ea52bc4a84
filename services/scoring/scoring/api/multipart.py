"""The form that a recording is sent in, read into memory that is overwritten afterwards.

Frameworks spool form files to a temporary file; a learner's voice must never touch a disk, so the stream is
parsed here. Bytes are refused as soon as there are too many.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from shared.errors import ParleyError
from starlette.requests import ClientDisconnect, Request

from scoring.audio.formats import MAX_AUDIO_BYTES
from scoring.errors import AudioTooLarge, MalformedForm

AUDIO_FIELD = "audio"
MAX_FIELD_BYTES = 64 * 1024
"""For all fields and their headers together."""
INITIAL_BUFFER_BYTES = 256 * 1024
MAX_DISCARDED_BYTES = 32 * 1024 * 1024


class WipingBuffer:
    """Bytes that are collected, and overwritten in the end, as is every buffer that they outgrew."""

    def __init__(self) -> None:
        self._data, self._used = bytearray(INITIAL_BUFFER_BYTES), 0

    def __len__(self) -> int:
        return self._used

    def append(self, part: memoryview) -> None:
        end = self._used + len(part)
        if end > len(self._data):
            larger = bytearray(max(end, 2 * len(self._data)))
            larger[: self._used] = memoryview(self._data)[: self._used]
            self.wipe()
            self._data = larger
        self._data[self._used : end] = part
        self._used = end

    def view(self) -> memoryview:
        """What has been appended."""
        return memoryview(self._data)[: self._used]

    def wipe(self) -> None:
        """Overwrite everything."""
        self._data[:] = bytes(len(self._data))


@dataclass
class ScoreForm:
    """The parts of a form: the recording, and the other fields as text."""

    audio: WipingBuffer | None = None
    fields: dict[str, str] = field(default_factory=dict)


class _FormReader:
    """Takes the parts as the parser finds them."""

    def __init__(self, submission: ScoreForm) -> None:
        self._submission = submission
        self._name, self._value = "", bytearray()
        self._header, self._disposition = bytearray(), bytearray()
        self._others = 0
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
        if self._name in self._submission.fields or (self._name == AUDIO_FIELD and self._submission.audio):
            raise MalformedForm(f"The form has more than one field {self._name}.")
        if self._name == AUDIO_FIELD:
            self._submission.audio = WipingBuffer()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = memoryview(data)[start:end]
        audio = self._submission.audio
        if self._name != AUDIO_FIELD or audio is None:
            self._count(len(part))
            self._value += part
        elif len(audio) + len(part) > MAX_AUDIO_BYTES:
            raise audio_too_large_error()
        else:
            audio.append(part)

    def on_part_end(self) -> None:
        if self._name == AUDIO_FIELD:
            return
        try:
            self._submission.fields[self._name] = self._value.decode()
        except UnicodeDecodeError as error:
            raise MalformedForm(f"The field {self._name} is not UTF-8.") from error

    def on_end(self) -> None:
        self.complete = True

    def _count(self, size: int) -> None:
        self._others += size
        if self._others > MAX_FIELD_BYTES:
            raise MalformedForm("The fields beside the audio are too large.")


def audio_too_large_error() -> AudioTooLarge:
    """The refusal of a recording over the limit."""
    return AudioTooLarge(f"The audio may have at most {MAX_AUDIO_BYTES} bytes.", max_bytes=MAX_AUDIO_BYTES)


@asynccontextmanager
async def read_form(request: Request) -> AsyncIterator[ScoreForm]:
    """The form of a request; its recording is overwritten on the way out, errors included.

    Raises MalformedForm, or AudioTooLarge without keeping what is too much.
    """
    submission, chunks = ScoreForm(), request.stream()
    try:
        try:
            await _parse(request, chunks, submission)
        except ParleyError:
            await _discard(chunks)
            raise
        yield submission
    finally:
        if submission.audio is not None:
            submission.audio.wipe()


async def _discard(chunks: AsyncIterator[bytes]) -> None:
    """Let the client finish sending, within reason: many read no answer before they have sent everything."""
    discarded = 0
    with suppress(ClientDisconnect):
        async for chunk in chunks:
            discarded += len(chunk)
            if discarded > MAX_DISCARDED_BYTES:
                return


async def _parse(request: Request, chunks: AsyncIterator[bytes], submission: ScoreForm) -> None:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise MalformedForm("Send the recording as multipart/form-data.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_AUDIO_BYTES + MAX_FIELD_BYTES:
        raise audio_too_large_error()
    reader = _FormReader(submission)
    found = {name: getattr(reader, name) for name in dir(reader) if name.startswith("on_")}
    try:
        parser = MultipartParser(options[b"boundary"], found)  # type: ignore[arg-type] # a dictionary of methods
        async for chunk in chunks:
            parser.write(chunk)
    except FormParserError as error:
        raise MalformedForm("The form is not valid multipart/form-data.") from error
    except ClientDisconnect as error:
        raise MalformedForm("The upload broke off.") from error
    if not reader.complete:
        raise MalformedForm("The form ends in the middle.")
