import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request, Response
from shared.data.storage import ObjectNotFound, Storage, StorageUnavailable
from shared.http.dependencies import SessionDep, StorageDep, from_state
from shared.http.paced_response import PacedResponse
from shared.http.problems import Responses
from shared.security.current_user import CurrentUser

from importer.api.dependencies import ImportId, create_import_router, editor_errors
from importer.domain.imports import name_report
from importer.errors import ImportNotFound, ReportNotFound, ReportNotReady, StreamsFull, TooManyStreams
from importer.progress import StreamSlots
from importer.queries import imports as queries

CSV = "text/csv; charset=utf-8"
EXAMPLE = (
    "audio_filename,text,level,type,tags,error_codes,errors\r\n"
    "a.mp3,Hello.,D3,,,unknown_level,The level is not valid.\r\n"
)
REPORT_RESPONSES: Responses = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}, "example": EXAMPLE}}},
    **editor_errors(
        *(ImportNotFound, ReportNotFound, ReportNotReady, TooManyStreams, StreamsFull, StorageUnavailable)
    ),
}

router = create_import_router()


async def _reserve_download(
    editor: CurrentUser, slots: Annotated[StreamSlots, from_state("download_slots")]
) -> AsyncIterator[None]:
    # FastAPI leaves the block after the response, however the download ended.
    with slots.reserve(editor.id):
        yield


@router.get(
    "/jobs/{job_id}/errors.csv",
    response_class=Response,
    response_description="The report as a file.",
    responses=REPORT_RESPONSES,
    dependencies=[Depends(_reserve_download)],
)
async def get_error_report(
    job_id: ImportId, request: Request, session: SessionDep, storage: StorageDep
) -> Response:
    """Download the rows of the table with two more columns: `error_codes` and `errors`.

    The file is UTF-8 with a byte order mark, for spreadsheets, and cells that a spreadsheet would interpret
    as a formula begin with an apostrophe. A download is cut off if it is too slow, or if its source fails.
    """
    report = await queries.get_report(session, job_id)
    content = await _open_report(storage, report.key)
    headers = {"Content-Disposition": _describe_attachment(name_report(report.source_filename))}
    if request.state.is_head:
        await content.aclose()
        return Response(headers=headers, media_type=CSV)
    return PacedResponse(
        content, media_type=CSV, headers=headers, failures=(StorageUnavailable, ObjectNotFound)
    )


async def _open_report(storage: Storage, key: str) -> AsyncGenerator[bytes]:
    """Read the first piece, so that a missing object or an outage still has its own status."""
    pieces = aiter(storage.read_stream(key))
    try:
        first = await anext(pieces, b"")
    except ObjectNotFound as error:
        raise ReportNotFound(queries.NO_REPORT) from error
    return _prepend(first, pieces)


async def _prepend(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for chunk in chunks:
        yield chunk


def _describe_attachment(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
