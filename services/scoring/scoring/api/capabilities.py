from fastapi import APIRouter, Depends
from shared.http.ratelimit import limit_per_user

from scoring.api.dependencies import ProviderChainDep, learner_errors
from scoring.queries import capabilities as queries
from scoring.schemas.capabilities import CapabilitiesRead

router = APIRouter(prefix="/api/v1/speech", tags=["Scoring"])


@router.get(
    "/capabilities",
    response_description="What scoring supports.",
    dependencies=[Depends(limit_per_user("capabilities", per_minute=100))],
    responses=learner_errors(),
)
async def get_capabilities(providers: ProviderChainDep) -> CapabilitiesRead:
    """Return what scoring supports.

    Languages, audio formats, the longest recording, and the details that scores contain. They change only
    with the server's configuration: one request when the app starts is enough.
    """
    return queries.get_capabilities(providers)
