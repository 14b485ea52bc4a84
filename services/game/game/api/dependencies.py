"""Dependencies of the routes, and responses that they share."""

from functools import partial
from typing import Annotated

from fastapi import Depends
from shared.data.db_errors import DatabaseUnavailable
from shared.errors import Forbidden, Invalid, TooManyRequests, Unauthorized
from shared.http.dependencies import SessionDep, from_state
from shared.http.problems import error_responses
from shared.security.current_user import CurrentEditor, CurrentUser, Principal

from game.queries.users import ensure_not_erased
from game.receipts import ReceiptVerifier

ReceiptVerifierDep = Annotated[ReceiptVerifier, from_state("receipt_verifier")]


async def _get_learner(learner: CurrentUser, session: SessionDep) -> Principal:
    await ensure_not_erased(session, learner.id)
    return learner


async def _get_editor(editor: CurrentEditor, session: SessionDep) -> Principal:
    await ensure_not_erased(session, editor.id)
    return editor


# For reads. Saving checks under the lock that erasing takes.
LearnerDep = Annotated[Principal, Depends(_get_learner, scope="function")]
EditorDep = Annotated[Principal, Depends(_get_editor, scope="function")]

learner_errors = partial(error_responses, Unauthorized, Invalid, TooManyRequests, DatabaseUnavailable)
admin_errors = partial(learner_errors, Forbidden)
