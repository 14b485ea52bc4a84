"""Dependencies of the routes, and responses that they share."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from shared.data.db_errors import DatabaseUnavailable
from shared.errors import Forbidden, Invalid, TooManyRequests, Unauthorized
from shared.http.dependencies import SessionDep, from_state
from shared.http.problems import build_error_responses
from shared.http.ratelimit import limit_per_user
from shared.security.current_user import CurrentUser, Principal, Role, require_role

from game.queries.users import ensure_not_erased
from game.receipts import ReceiptVerifier

ReceiptVerifierDep = Annotated[ReceiptVerifier, from_state("receipt_verifier")]


async def _get_learner(learner: CurrentUser, session: SessionDep) -> Principal:
    await ensure_not_erased(session, learner.id)
    return learner


# For reads. Saving checks it under the lock used by erasing.
LearnerDep = Annotated[Principal, Depends(_get_learner, scope="function")]

learner_errors = partial(build_error_responses, Unauthorized, Invalid, TooManyRequests, DatabaseUnavailable)
admin_errors = partial(learner_errors, Forbidden)


def create_admin_router(*roles: Role) -> APIRouter:
    return APIRouter(
        prefix="/api/v1/admin",
        tags=["Admin"],
        dependencies=[
            Depends(require_role(*roles)),
            Depends(_get_learner, scope="function"),
            Depends(limit_per_user("admin", per_minute=200)),
        ],
        responses=admin_errors(),
    )
