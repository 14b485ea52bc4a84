"""The form of an import. The table is stored as it arrives; fields may come before or after it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from shared.data.db import Database
from shared.data.storage import Storage
from shared.errors import MalformedForm, field_error
from shared.http.multipart import FormPart, StreamedForm

from importer.commands.tables import StoredTable, discard_table, store_table
from importer.schemas.imports import FILE_FIELD, ImportCreate

MAX_FIELD_BYTES = 1024
MAX_NAME_LENGTH = 100
"""Maximum length of a field's name, which the response quotes if it is unknown."""
MAX_PARTS = 20
MAX_HEADER_BYTES = 32_768
"""Large enough for long file names, which are shortened."""
MAX_IDLE_SECONDS = 30.0


@dataclass
class ImportForm:
    fields: dict[str, str] = field(default_factory=dict)
    table: StoredTable | None = None
    filename: str = ""

    def validate(self) -> tuple[StoredTable, ImportCreate]:
        """Raise RequestValidationError with all invalid fields, or return the valid ones."""
        fields, errors = None, list[Any]()
        if self.table is None:
            errors.append({"type": "missing", "loc": ("body", FILE_FIELD), "msg": "The file is missing"})
        try:
            fields = ImportCreate.model_validate(self.fields)
        except ValidationError as error:
            errors += [{**violation, "loc": ("body", *violation["loc"])} for violation in error.errors()]
        if errors or fields is None or self.table is None:
            raise RequestValidationError(errors)
        return self.table, fields


@asynccontextmanager
async def read_import_form(
    request: Request, database: Database, storage: Storage
) -> AsyncIterator[ImportForm]:
    """Yield the form. If the block raises, its table is deleted."""
    form = ImportForm()
    streamed = StreamedForm(
        request, max_parts=MAX_PARTS, max_header_bytes=MAX_HEADER_BYTES, max_idle_seconds=MAX_IDLE_SECONDS
    )
    try:
        async for part in streamed.iterate_parts():
            await _read_part(part, form, database, storage)
        yield form
    except BaseException:
        if form.table is not None:
            await discard_table(database, storage, form.table)
        raise


async def _read_part(part: FormPart, form: ImportForm, database: Database, storage: Storage) -> None:
    if part.name == FILE_FIELD:
        if form.table is not None:
            raise field_error(f"#/{FILE_FIELD}", "Send one file only")
        form.filename = part.filename or ""
        form.table = await store_table(database, storage, part.iterate_chunks())
    elif part.name in form.fields:
        raise MalformedForm(f"The form has more than one field {part.name[:40]}.")
    else:
        form.fields[part.name[:MAX_NAME_LENGTH]] = await part.read_text(max_bytes=MAX_FIELD_BYTES)
