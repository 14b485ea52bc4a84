from typing import Annotated

from fastapi import Query
from shared.http.dependencies import SessionDep
from shared.security.current_user import CurrentUser

from importer.api.dependencies import ImportId, create_import_router, editor_errors
from importer.commands import imports as commands
from importer.errors import ImportNotCancellable, ImportNotFound, ImportNotUndoable, NotYourImport
from importer.queries import imports as queries
from importer.schemas.imports import ImportFilter, ImportPage, ImportRead, ImportStateRead

router = create_import_router()


@router.get("/jobs", response_description="One page of imports.")
async def list_imports(filters: Annotated[ImportFilter, Query()], session: SessionDep) -> ImportPage:
    """List the imports of all editors, newest first."""
    return await queries.list_imports(session, filters)


@router.get(
    "/jobs/{job_id}",
    response_description="The import and its first problems.",
    responses=editor_errors(ImportNotFound),
)
async def get_import(job_id: ImportId, session: SessionDep) -> ImportRead:
    """Get an import, its progress, and the first 100 problems of its rows.

    `GET …/events` pushes the progress instead of being asked for it, and `GET …/errors.csv` has all problems.
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

    An import that is being applied runs to its end, and can be undone then. Only its owner and admins may
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
    """Take all speeches of a completed import back out of the catalogue.

    Speeches that were never played are deleted with their recordings. Played ones are archived, because
    learners' histories refer to them. `state` is `undone` in the end. Only the owner of the import and admins
    may undo it; undoing twice is accepted.
    """
    return ImportStateRead.model_validate(await commands.undo_import(session, job_id, actor=editor))
