"""Domain types of the importer."""

from typing import Literal

JobState = Literal[
    "queued",
    "validating",
    "applying",
    "completed",
    "rejected",
    "failed",
    "cancelled",
    "undoing",
    "undone",
]
"""`rejected`: rows have errors. `failed`: the table cannot be processed."""

UNFINISHED: tuple[JobState, ...] = ("queued", "validating", "applying")

ImportAction = Literal["start", "apply", "complete", "reject", "fail", "cancel", "undo", "finish_undo"]
"""Actions that change an import's state."""

AuditAction = Literal[
    "import_created",
    "import_cancelled",
    "import_completed",
    "import_rejected",
    "import_failed",
    "import_undo_requested",
    "import_undone",
    "recordings_uploaded",
    "upload_session_opened",
    "upload_session_deleted",
]

FileState = Literal["storing", "stored"]

AudioFormat = Literal["mp3", "wav", "m4a"]

FileProblemCode = Literal[
    "empty_file",
    "audio_too_large",
    "unsupported_audio",
    "undecodable_audio",
    "audio_too_long",
    "silent_audio",
    "clipped_audio",
    "unusable_filename",
    "too_many_files",
    "unreadable_archive",
    "incomplete_upload",
]
"""Why an uploaded file was rejected."""

Severity = Literal["error", "warning"]
"""A row with a warning is imported."""

RowProblemCode = Literal[
    "missing_value",
    "extra_cells",
    "unusable_filename",
    "audio_missing",
    "audio_in_use",
    "duplicate_filename",
    "audio_too_short",
    "audio_too_long",
    "text_too_long",
    "text_invalid",
    "unknown_level",
    "unknown_type",
    "tag_invalid",
    "too_many_tags",
    "duplicate_sentence",
    "sentence_in_catalogue",
]
"""Problems of a cell; the last two are warnings."""

TableProblemCode = Literal[
    "not_a_table",
    "empty_table",
    "no_rows",
    "missing_columns",
    "unknown_columns",
    "repeated_columns",
    "too_many_columns",
    "too_many_rows",
    "cell_too_long",
    "unreadable_text",
    "unreadable_spreadsheet",
    "upload_session_expired",
    "audio_changed",
    "not_checked",
    "batch_rejected",
]
"""Why an import failed as a whole."""
