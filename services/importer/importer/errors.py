"""Errors that a client can get from the importer service."""

from shared.errors import Conflict, Forbidden, NotFound


class UploadSessionNotFound(NotFound):
    """No upload session has this id."""

    code = "upload_session_not_found"


class NotYourUploadSession(Forbidden):
    """Another editor has opened this upload session; it can be read, but not used."""

    code = "not_your_upload_session"


class ImportNotFound(NotFound):
    """No import has this id."""

    code = "import_not_found"


class ImportInProgress(Conflict):
    """An import of this upload session is not finished; `job_id` names it."""

    code = "import_in_progress"
