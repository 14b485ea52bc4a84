"""Errors that a client can get from the importer service."""

from shared.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    ParleyError,
    PayloadTooLarge,
    TooManyRequests,
    Unavailable,
)


class UploadSessionNotFound(NotFound):
    """No upload session has this id."""

    code = "upload_session_not_found"


class NotYourUploadSession(Forbidden):
    """The upload session belongs to another editor; it can be read, but not used."""

    code = "not_your_upload_session"


class UploadSessionExpired(ParleyError):
    """The upload session ended after seven days; start another one and upload again."""

    status, code, title = 410, "upload_session_expired", "Upload session expired"


class UploadQuotaExceeded(Conflict):
    """The editor has the maximum of recordings that no speech uses; import or delete some."""

    code = "upload_quota_exceeded"


class TooManyUploads(TooManyRequests):
    """The editor has the maximum number of concurrent uploads; wait for one of them to finish."""

    code = "too_many_uploads"

    def __init__(self, limit: int) -> None:
        detail = f"You can have at most {limit} concurrent uploads. Wait for one of them to finish."
        super().__init__(detail, headers={"Retry-After": "5"})


class UploadsFull(Unavailable):
    """Other editors' uploads occupy the server; try again in a moment."""

    code = "uploads_full"

    def __init__(self) -> None:
        super().__init__("Too many concurrent uploads. Try again in a moment.")


class EmptyTable(Invalid):
    """The file has no content."""

    code = "empty_table"


class TableTooLarge(PayloadTooLarge):
    """The table is larger than 256 MiB; split it into several imports."""

    code = "table_too_large"


class ImportNotFound(NotFound):
    """No import has this id."""

    code = "import_not_found"


class ImportInProgress(Conflict):
    """An import of this upload session has not finished; `job_id` names it."""

    code = "import_in_progress"


class TooManyImports(Conflict):
    """The editor has three unfinished imports; wait until one of them finishes, or cancel it."""

    code = "too_many_imports"


class NotYourImport(Forbidden):
    """The import belongs to another editor; only that editor and admins can change it."""

    code = "not_your_import"


class ImportNotCancellable(Conflict):
    """The import is being applied, or has ended."""

    code = "import_not_cancellable"


class ImportNotUndoable(Conflict):
    """The import has no speeches in the catalogue."""

    code = "import_not_undoable"


class ReportNotReady(Conflict):
    """The rows are still being checked; try again when the import has ended."""

    code = "report_not_ready"


class ReportNotFound(NotFound):
    """The import's rows were not all checked, or it is older than 30 days."""

    code = "report_not_found"


class TooManyStreams(TooManyRequests):
    """The user has the maximum number of streams open; close one first."""

    code = "too_many_streams"

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"You can have at most {limit} of these streams open. Close one first.",
            headers={"Retry-After": "5"},
        )


class StreamsFull(Unavailable):
    """Too many streams are open; try again after `Retry-After`."""

    code = "streams_full"

    def __init__(self) -> None:
        super().__init__("Too many streams are open. Try again in a moment.")
