import asyncio
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Query, Request
from shared.audio.measurer import MeasuringUnavailable
from shared.data.storage import StorageUnavailable
from shared.errors import MalformedForm, ParleyError, field_error
from shared.http.aborted_requests import translate_abort
from shared.http.dependencies import DatabaseDep, SessionDep, StorageDep
from shared.http.multipart import FormPart, FormTooSlow, StreamedForm
from shared.http.problems import UnknownField
from shared.security.current_user import CurrentUser

from importer.api.dependencies import UploadSlotsDep, create_import_router, editor_errors
from importer.commands.recordings import RecordingStore
from importer.commands.upload_sessions import delete_upload_session as end_upload_session
from importer.commands.uploads import Quota, Upload
from importer.errors import (
    ImportInProgress,
    NotYourUploadSession,
    TooManyUploads,
    UploadQuotaExceeded,
    UploadSessionExpired,
    UploadSessionNotFound,
    UploadsFull,
)
from importer.queries import uploads as queries
from importer.schemas.uploads import (
    FILE_FIELDS,
    SESSION_FIELD,
    RejectedFileRead,
    UploadedFilePageQuery,
    UploadRead,
    UploadSessionFilter,
    UploadSessionPage,
    UploadSessionRead,
    describe_upload_form,
    to_newly_uploaded,
)

MAX_PARTS = 2000
MAX_HEADER_BYTES = 32_768
"""Large enough that a long file name gets a specific error."""
MAX_FIELD_BYTES = 100
MAX_IDLE_SECONDS = 30.0
MAX_SECONDS = 1800.0
"""Well below the time after which the worker considers a file abandoned."""

router = create_import_router()

UploadSessionId = Annotated[UUID, Path(examples=["01976f4e-8f5b-7cc2-a1d4-3b5e6f708192"])]
UPLOAD_ERRORS = (
    *(MalformedForm, FormTooSlow, UnknownField, UploadQuotaExceeded, TooManyUploads, UploadsFull),
    *(NotYourUploadSession, UploadSessionNotFound, UploadSessionExpired),
    *(StorageUnavailable, MeasuringUnavailable),
)


async def _create_upload(
    request: Request, database: DatabaseDep, storage: StorageDep, editor: CurrentUser
) -> Upload:
    state = request.app.state
    settings = state.settings
    quota = Quota(max_files=settings.max_user_files, max_bytes=settings.max_user_file_bytes)
    store = RecordingStore(database=database, storage=storage, measurer=state.measurer)
    return Upload(store=store, owner_id=editor.id, quota=quota)


UploadDep = Annotated[Upload, Depends(_create_upload)]


@router.post(
    "/audio",
    response_description="The outcome for each file.",
    openapi_extra=describe_upload_form(),
    responses=editor_errors(*UPLOAD_ERRORS),
)
async def upload_recordings(
    request: Request, upload: UploadDep, slots: UploadSlotsDep, editor: CurrentUser
) -> UploadRead:
    """Upload recordings into an upload session, which lasts seven days.

    Each file is accepted or rejected independently. If an upload is interrupted, complete files are kept:
    send all files to the same session again, and those are recognised by name and content. A name that is
    already taken gets a suffix, `name_1.mp3`. Errors after the first file include the `upload_session_id`,
    even the 503 when a restart of the server interrupts the upload. If you get no response, find the session
    in the list of upload sessions.
    """
    form = StreamedForm(
        request, max_parts=MAX_PARTS, max_header_bytes=MAX_HEADER_BYTES, max_idle_seconds=MAX_IDLE_SECONDS
    )
    try:
        with translate_abort(request.scope):
            async with slots.hold(editor.id):
                await _receive_files(form, upload)
    except ParleyError as error:
        if upload.session is not None:
            error.extra.setdefault(SESSION_FIELD, str(upload.session.id))
        raise
    return _to_response(upload)


async def _receive_files(form: StreamedForm, upload: Upload) -> None:
    has_files = False
    try:
        async with asyncio.timeout(MAX_SECONDS):
            async for part in form.iterate_parts():
                if part.name in FILE_FIELDS:
                    has_files = True
                    await upload.add(part.filename or "", _to_bytes(part))
                else:
                    await _read_field(part, upload, is_late=has_files)
    except TimeoutError as error:
        raise FormTooSlow(f"An upload may take {MAX_SECONDS:.0f} s. Send fewer files per upload.") from error
    finally:
        await upload.record()
    if not has_files:
        raise field_error("#/files[]", "send at least one file")


async def _read_field(part: FormPart, upload: Upload, *, is_late: bool) -> None:
    if part.name != SESSION_FIELD:
        name = part.name[:40]
        message = f"is unknown; known names are {', '.join((*FILE_FIELDS, SESSION_FIELD))}"
        raise field_error(f"#/{name}", message, error_type=UnknownField)
    value = await part.read_text(max_bytes=MAX_FIELD_BYTES)
    if is_late:
        # They may have been stored in the wrong session.
        await upload.discard_added()
        raise field_error(f"#/{SESSION_FIELD}", "must come before the files; none of them was stored")
    try:
        session_id = UUID(value)
    except ValueError as error:
        raise field_error(f"#/{SESSION_FIELD}", "must be a UUID") from error
    await upload.set_session(session_id)


async def _to_bytes(part: FormPart) -> AsyncIterator[bytes]:
    async for chunk in part.iterate_chunks():
        yield bytes(chunk)


def _to_response(upload: Upload) -> UploadRead:
    session = upload.session
    return UploadRead(
        upload_session_id=session.id if session else None,
        expires_at=session.expires_at if session else None,
        uploaded_files=[to_newly_uploaded(item.file, item.already_there) for item in upload.uploaded],
        rejected=[RejectedFileRead.model_validate(file) for file in upload.rejected],
    )


@router.get("/uploads", response_description="One page of upload sessions.")
async def list_upload_sessions(
    filters: Annotated[UploadSessionFilter, Query()], session: SessionDep
) -> UploadSessionPage:
    """List the upload sessions of all editors, newest first. An expired one is kept if it had an import."""
    return await queries.list_upload_sessions(session, filters)


@router.get(
    "/uploads/{session_id}",
    response_description="The upload session and a page of its files.",
    responses=editor_errors(UploadSessionNotFound),
)
async def get_upload_session(
    session_id: UploadSessionId, query: Annotated[UploadedFilePageQuery, Query()], session: SessionDep
) -> UploadSessionRead:
    """Get an upload session with its files, newest first."""
    return await queries.get_upload_session(session, session_id, query)


@router.delete(
    "/uploads/{session_id}",
    status_code=204,
    response_description="The upload session has ended.",
    responses=editor_errors(NotYourUploadSession, UploadSessionNotFound, ImportInProgress),
)
async def delete_upload_session(
    session_id: UploadSessionId, database: DatabaseDep, editor: CurrentUser
) -> None:
    """End one of your upload sessions, and delete its files, except those used by an import or a speech."""
    await end_upload_session(database, session_id, owner_id=editor.id)
