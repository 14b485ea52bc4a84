"""Forms that are read part by part, as they arrive. The framework's parser spools files to disk."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MAX_BOUNDARY_LENGTH, MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from shared.errors import MalformedForm, ParleyError

MAX_HEADER_BYTES = 4096
"""Size limit of one part header, which contains the file name."""
MAX_PREAMBLE_BYTES = 4096
MAX_PARTS = 100
MAX_DISCARDED_BYTES = 32 * 1024 * 1024
NO_BOUNDARY = "Send multipart/form-data with a boundary: let your client set Content-Type."


class FormTooSlow(ParleyError):
    """The form took too long to arrive."""

    status, code, title = 408, "request_timeout", "Request timeout"


@dataclass(frozen=True)
class Pace:
    """How fast a form must arrive. Even after a burst, no gap may exceed `max_gap_seconds`. A form too large
    for `max_seconds` at the minimum rate must be faster.
    """

    min_bytes_per_second: int
    max_gap_seconds: float
    max_seconds: float
    expected_bytes: int = 0


class _Deadline:
    """The deadline for the next piece of a form, by the event loop's clock."""

    def __init__(self, pace: Pace) -> None:
        now = asyncio.get_running_loop().time()
        self._pace, self._end = pace, now + pace.max_seconds
        self._received = 0
        self.at = now + pace.max_gap_seconds

    def extend(self, size: int) -> None:
        self._received += size
        # Without an expected size, a burst would reserve much memory for a long time.
        known_bytes = max(self._received, self._pace.expected_bytes)
        rate = max(self._pace.min_bytes_per_second, known_bytes / self._pace.max_seconds)
        earned = self.at + size / rate
        now = asyncio.get_running_loop().time()
        self.at = min(earned, now + self._pace.max_gap_seconds, self._end)


class _End(Enum):
    PART, FORM = 1, 2


class _Disposition(bytes):
    """The header that names a part, with which it begins."""


type _Found = _Disposition | memoryview | _End


class FormPart:
    """A field, or a file if it has a file name. Unread content is skipped."""

    def __init__(self, form: "StreamedForm", disposition: bytes) -> None:
        _, options = parse_options_header(disposition.decode("latin-1"))
        filename = options.get(b"filename")
        self.name = options.get(b"name", b"").decode("utf-8", "replace")
        self.filename = None if filename is None else _decode(filename)
        self._form = form

    async def iterate_chunks(self) -> AsyncIterator[memoryview]:
        while (chunk := await self._form.read_chunk()) is not None:
            yield chunk

    async def read_text(self, *, max_bytes: int) -> str:
        """Return the value of a field. Raises MalformedForm."""
        value = bytearray()
        async for chunk in self.iterate_chunks():
            value += chunk
            if len(value) > max_bytes:
                raise MalformedForm(f"The field {self.name[:40]} is too large.")
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise MalformedForm(f"The field {self.name[:40]} is not UTF-8.") from error


def _decode(filename: bytes) -> str:
    try:
        return filename.decode()
    except UnicodeDecodeError:
        return filename.decode("cp1252", "replace")


class _PartCollector:
    """Parser callbacks, in order of the body. They hold no reference to the form: with a reference cycle, the
    last piece would outlive the request.
    """

    def __init__(self) -> None:
        self._header, self._disposition = bytearray(), bytearray()
        self.found = deque[_Found]()

    def on_part_begin(self) -> None:
        self._disposition = bytearray()

    def on_header_begin(self) -> None:
        self._header = bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition += data[start:end]

    def on_headers_finished(self) -> None:
        self.found.append(_Disposition(self._disposition))

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.found.append(memoryview(data)[start:end])

    def on_part_end(self) -> None:
        self.found.append(_End.PART)

    def on_end(self) -> None:
        self.found.append(_End.FORM)


class _Preamble:
    """Drops the preamble before the first boundary (RFC 2046, section 5.1.1), which the parser rejects."""

    def __init__(self, boundary: bytes) -> None:
        self._mark = b"\r\n--" + boundary
        # The first boundary needs no line before it.
        self._tail, self._seen = b"\r\n", 0
        self.is_over = False

    def strip(self, chunk: bytes) -> bytes:
        """Return the part of a chunk that belongs to the form."""
        self._seen += len(chunk)
        text, self._tail = self._tail + chunk, b""
        start = text.find(self._mark)
        if start >= 0 or self._seen > MAX_PREAMBLE_BYTES:
            self.is_over = True
            return text[max(start, 0) + len(b"\r\n") :]
        self._tail = text[1 - len(self._mark) :]
        return b""


def _find_boundary(request: Request) -> bytes:
    content_type, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary", b"") if content_type == b"multipart/form-data" else b""
    return boundary if len(boundary) <= MAX_BOUNDARY_LENGTH else b""


class StreamedForm:
    """The form of a request. It holds one piece of the body at a time.

    Raises MalformedForm, also if the client disconnects, and FormTooSlow after `max_idle_seconds` without
    data.
    """

    def __init__(
        self,
        request: Request,
        *,
        max_parts: int = MAX_PARTS,
        max_header_bytes: int = MAX_HEADER_BYTES,
        max_idle_seconds: float | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._body = request.stream()
        self._max_parts, self._max_idle_seconds = max_parts, max_idle_seconds
        self._deadline = _Deadline(pace) if pace else None
        self._collector = _PartCollector()
        boundary = _find_boundary(request)
        # Raised by the first read, like those of other malformed forms.
        self._problem = "" if boundary else NO_BOUNDARY
        callbacks = {
            name: getattr(self._collector, name) for name in dir(_PartCollector) if name.startswith("on_")
        }
        self._preamble = _Preamble(boundary or b"none")
        self._parser = MultipartParser(
            boundary or b"none",
            callbacks,  # type: ignore[arg-type] # a dictionary of methods
            max_header_size=max_header_bytes,
        )

    async def iterate_parts(self) -> AsyncIterator[FormPart]:
        """Yield the parts in order, then drop the epilogue."""
        count = 0
        while (event := await self._next()) is not _End.FORM:
            if not isinstance(event, _Disposition):
                continue
            count += 1
            if count > self._max_parts:
                raise MalformedForm(f"The form has more than {self._max_parts} parts.")
            yield FormPart(self, event)
        await self._discard()

    async def read_chunk(self) -> memoryview | None:
        """Return the next piece of the current part, or None at its end."""
        event = await self._next()
        return event if isinstance(event, memoryview) else None

    async def _next(self) -> _Found:
        while not self._collector.found:
            if self._problem:
                raise MalformedForm(self._problem)
            await self._read()
        return self._collector.found.popleft()

    async def _read(self) -> None:
        try:
            chunk = await self._receive()
        except StopAsyncIteration as error:
            raise MalformedForm("The form is incomplete.") from error
        except ClientDisconnect as error:
            raise MalformedForm("The upload was interrupted.") from error
        except TimeoutError as error:
            raise FormTooSlow("The form took too long to arrive.") from error
        if not self._preamble.is_over:
            chunk = self._preamble.strip(chunk)
        try:
            self._parser.write(chunk)
        except FormParserError:
            # Raised after the preceding data was consumed.
            self._problem = "The form is not valid multipart/form-data."

    async def _receive(self) -> bytes:
        if self._deadline is None:
            async with asyncio.timeout(self._max_idle_seconds):
                return await anext(self._body)
        async with asyncio.timeout_at(self._deadline.at):
            chunk = await anext(self._body)
        self._deadline.extend(len(chunk))
        return chunk

    async def _discard(self) -> None:
        discarded = 0
        with suppress(ClientDisconnect, TimeoutError, StopAsyncIteration):
            async with asyncio.timeout(self._max_idle_seconds):
                while discarded <= MAX_DISCARDED_BYTES:
                    discarded += len(await self._receive())
