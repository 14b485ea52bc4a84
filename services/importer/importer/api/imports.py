from typing import Annotated

from fastapi import Query, Request, Response
from shared.data.storage import StorageUnavailable
from shared.errors import MalformedForm
from shared.http.dependencies import DatabaseDep, SessionDep, StorageDep
from shared.http.multipart import FormTooSlow
from shared.security.current_user import CurrentUser

from importer.api.dependencies import LOCATION, ImportId, UploadSlotsDep, create_import_router, editor_errors
from importer.api.forms import read_import_form
from importer.commands import imports as commands
from importer.commands.imports import NewImport
from importer.domain.filenames import clean_filename
from importer.domain.imports import DEFAULT_FILENAME
from importer.errors import (
    EmptyTable,
    ImportInProgress,
    ImportNotCancellable,
    ImportNotFound,
    ImportNotUndoable,
    NotYourImport,
    NotYourUploadSession,
    TableTooLarge,
    TooManyImports,
    TooManyUploads,
    UploadSessionExpired,
    UploadSessionNotFound,
    UploadsFull,
)
from importer.queries import imports as queries
from importer.schemas.imports import (
    ImportAccepted,
    ImportFilter,
    ImportPage,
    ImportRead,
    ImportStateRead,
    describe_import_form,
)

router = create_import_router()

CREATE_ERRORS = (
    *(MalformedForm, EmptyTable, TableTooLarge, ImportInProgress, TooManyImports, StorageUnavailable),
    *(NotYourUploadSession, UploadSessionNotFound, UploadSessionExpired, TooManyUploads, UploadsFull),
    FormTooSlow,
)


@router.post(
    "/csv",
    status_code=202,
    response_description="The import is queued.",
    openapi_extra=describe_import_form(),
    responses={202: {"headers": LOCATION}, **editor_errors(*CREATE_ERRORS)},
)
async def create_import(
    request: Request,
    response: Response,
    database: DatabaseDep,
    storage: StorageDep,
    slots: UploadSlotsDep,
    editor: CurrentUser,
) -> ImportAccepted:
    """Start an import of a table whose recordings are in your upload session.

    The table has the columns `audio_filename`, `text`, `level`, `type` and `tags`; only the first three are
    required. The import is all or nothing. With `dry_run` the rows are only checked. An upload
    session has one unfinished import at a time, and an editor three, which run one after another.
    """
    async with slots.hold(editor.id), read_import_form(request, database, storage) as form:
        table, fields = form.validate()
        new = NewImport(
            id=table.import_id,
            owner_id=editor.id,
            session_id=fields.upload_session_id,
            dry_run=fields.dry_run,
            source_key=table.key,
            source_filename=clean_filename(form.filename) or DEFAULT_FILENAME,
            source_sha256=table.sha256,
        )
        await commands.create_import(database, new)
    path = f"{router.prefix}/jobs/{new.id}"
    response.headers["Location"] = path
    return ImportAccepted(job_id=new.id, status_url=path)


@router.get("/jobs", response_description="One page of imports.")
async def list_imports(filters: Annotated[ImportFilter, Query()], session: SessionDep) -> ImportPage:
    """List the imports of all editors, newest first."""
    return await queries.list_imports(session, filters)


@router.get(
    "/jobs/{job_id}",
    response_description="The import and its first row errors.",
    responses=editor_errors(ImportNotFound),
)
async def get_import(job_id: ImportId, session: SessionDep) -> ImportRead:
    """Get an import, its progress, and the first 100 row errors.

    `GET …/events` pushes the progress, and `GET …/errors.csv` has all row errors.
    """
    return await queries.get_import(session, job_id)


@router.post(
    "/jobs/{job_id}/cancel",
    status_code=202,
    response_description="The import is cancelled.",
    responses=editor_errors(NotYourImport, ImportNotFound, ImportNotCancellable),
)
async def cancel_import(job_id: ImportId, session: SessionDep, editor: CurrentUser) -> ImportStateRead:
    """Cancel an import that is queued or validating. Its recordings stay in the upload session.

    An import that is being applied runs to completion, and can then be undone. Only its owner and admins may
    cancel an import; cancelling twice is accepted.
    """
    return ImportStateRead.model_validate(await commands.cancel_import(session, job_id, actor=editor))


@router.post(
    "/jobs/{job_id}/undo",
    status_code=202,
    response_description="The import is being undone.",
    responses=editor_errors(NotYourImport, ImportNotFound, ImportNotUndoable),
)
async def undo_import(job_id: ImportId, session: SessionDep, editor: CurrentUser) -> ImportStateRead:
    """Remove all speeches of a completed import from the catalogue.

    Speeches that were never played are deleted with their recordings. Played ones are archived, because
    learners' histories refer to them. `state` finally becomes `undone`. Only the owner of the import and
    admins may undo it; undoing twice is accepted.
    """
    return ImportStateRead.model_validate(await commands.undo_import(session, job_id, actor=editor))
