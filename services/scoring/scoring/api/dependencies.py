import math
from functools import partial
from typing import Annotated

from fastapi import Depends, Request
from shared.errors import TooManyRequests, Unauthorized
from shared.http.dependencies import from_state
from shared.http.problems import build_error_responses
from shared.http.ratelimit import get_rate_limits
from shared.security.current_user import CurrentUser
from shared.security.jwt import KeysUnavailable

from scoring.admission import LearnerShares, UploadMemory
from scoring.audio.pool import DecoderPool
from scoring.commands.scores import CountSeconds
from scoring.providers.chain import ProviderChain
from scoring.receipts import ReceiptIssuer
from scoring.settings import ApiSettings

LearnerSharesDep = Annotated[LearnerShares, from_state("learner_shares")]
UploadMemoryDep = Annotated[UploadMemory, from_state("upload_memory")]
DecoderPoolDep = Annotated[DecoderPool, from_state("decoders")]
ProviderChainDep = Annotated[ProviderChain, from_state("providers")]
SettingsDep = Annotated[ApiSettings, from_state("settings")]
ReceiptIssuerDep = Annotated[ReceiptIssuer, from_state("receipts")]


async def _limit_seconds(request: Request, learner: CurrentUser, settings: SettingsDep) -> CountSeconds:
    async def count(seconds: float) -> None:
        await get_rate_limits(request).check(
            request,
            "score_seconds",
            str(learner.id),
            per_minute=settings.scoring_learner_seconds_per_minute,
            cost=math.ceil(seconds),
            unit="seconds of audio",
        )

    return count


CountSecondsDep = Annotated[CountSeconds, Depends(_limit_seconds)]

learner_errors = partial(build_error_responses, Unauthorized, TooManyRequests, KeysUnavailable)
