from fastapi import APIRouter, Depends
from shared.http.ratelimit import per_user

from scoring.api.dependencies import SpeechProviderDep
from scoring.queries import capabilities as queries
from scoring.schemas.capabilities import CapabilitiesRead

router = APIRouter(prefix="/api/v1/speech", tags=["Scoring"])


@router.get(
    "/capabilities",
    dependencies=[Depends(per_user("capabilities", per_minute=100))],
    responses={
        401: {"description": "`unauthorized`: no access token, or an invalid one."},
        429: {"description": "`too_many_requests`: at most 100 requests a minute."},
        503: {"description": "`keys_unavailable`: access tokens cannot be verified at the moment."},
    },
)
async def get_capabilities(provider: SpeechProviderDep) -> CapabilitiesRead:
    """Return what scoring supports.

    Languages, audio formats, the longest recording, and the details that scores contain. They change only
    with the server's configuration: one request at the start of the app is enough.
    """
    return queries.get_capabilities(provider)
