"""Dependencies of the routes, and responses and limits that they share."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from shared.data.db_errors import DatabaseUnavailable
from shared.errors import Forbidden, Invalid, TooManyRequests, Unauthorized
from shared.http.admission import Overloaded
from shared.http.dependencies import SessionDep, from_state
from shared.http.problems import build_error_responses
from shared.http.ratelimit import get_rate_limits, limit_per_user
from shared.security.current_user import CurrentUser, Principal, Role, authenticate, require_role
from starlette.exceptions import HTTPException

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


class RefusalLimitedRoute(APIRoute):
    """A route that counts a learner's refused bodies. Above the limit, it refuses them before parsing."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def handle_within_limit(request: Request) -> Response:
            try:
                await authenticate(request)
                await _check_refusals(request, cost=0)
                return await handle(request)
            # The framework raises HTTPException for JSON that Python cannot read.
            except (Overloaded, TooManyRequests, RequestValidationError, HTTPException):
                await _check_refusals(request, cost=1)
                raise

        return handle_within_limit


async def _check_refusals(request: Request, *, cost: int) -> None:
    user_id = str(request.state.user_id)
    limits = get_rate_limits(request)
    await limits.check(
        request, "refused_sessions", user_id, per_minute=60, cost=cost, unit="refused requests"
    )


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
