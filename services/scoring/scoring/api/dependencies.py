from functools import partial
from typing import Annotated

from shared.errors import TooManyRequests, Unauthorized
from shared.http.dependencies import from_state
from shared.http.problems import error_responses
from shared.security.jwt import KeysUnavailable

from scoring.admission import LearnerShares, UploadRoom
from scoring.audio.pool import DecoderPool
from scoring.providers.chain import ProviderChain
from scoring.receipts import ReceiptIssuer
from scoring.settings import ApiSettings

LearnerSharesDep = Annotated[LearnerShares, from_state("learner_shares")]
UploadRoomDep = Annotated[UploadRoom, from_state("upload_room")]
DecoderPoolDep = Annotated[DecoderPool, from_state("decoders")]
ProviderChainDep = Annotated[ProviderChain, from_state("providers")]
SettingsDep = Annotated[ApiSettings, from_state("settings")]
ReceiptIssuerDep = Annotated[ReceiptIssuer, from_state("receipts")]

learner_errors = partial(error_responses, Unauthorized, TooManyRequests, KeysUnavailable)
