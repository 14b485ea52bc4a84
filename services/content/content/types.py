from typing import Literal

AuditAction = Literal[
    "speech_created",
    "speech_updated",
    "speech_archived",
    "speech_restored",
    "speech_deleted",
    "tag_created",
    "tag_updated",
    "tag_deleted",
    "tag_merged",
    "import_applied",
    "import_undone",
]
Archived = Literal["false", "true", "all"]
"""Whether a list has active, archived or all speeches."""
Sort = Literal["newest", "text", "-text", "most_played", "least_played", "hardest", "easiest"]
Match = Literal["any", "all"]
"""Whether a speech must have any or all of the tags."""
SkipReason = Literal["speech_not_found", "too_many_tags"]
"""Why a batch did not change a speech."""
