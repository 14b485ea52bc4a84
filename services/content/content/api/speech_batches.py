from shared.security.current_user import CurrentUser

from content.api.dependencies import EditSessionDep, admin_errors, create_admin_router
from content.commands import speech_batches as commands
from content.errors import UnknownTag
from content.schemas.speech_batches import SpeechBatchUpdate, SpeechBatchUpdated

admin = create_admin_router("editor", "admin")


@admin.post(
    "/speeches:batch",
    response_description="The outcome for each speech.",
    responses=admin_errors(UnknownTag),
)
async def update_speeches(
    batch: SpeechBatchUpdate, session: EditSessionDep, editor: CurrentUser
) -> SpeechBatchUpdated:
    """Add tags to up to 500 speeches, remove tags from them, or archive or restore them, in one transaction.

    Speeches that cannot be changed are skipped. Sending the same request again changes nothing.
    """
    outcome = await commands.update_speeches(session, batch.speech_ids, batch.to_change(), actor=editor.id)
    return SpeechBatchUpdated.model_validate(outcome)
