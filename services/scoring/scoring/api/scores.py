"""The HTTP routes of the scoring service."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from shared.http.ratelimit import per_user
from shared.security.current_user import CurrentUser

from scoring.api.multipart import AUDIO_FIELD, ScoreForm, read_form
from scoring.commands import scores
from scoring.providers.base import Capabilities, SpeechProvider
from scoring.receipts.issuer import ReceiptIssuer
from scoring.schemas.scores import SCORE_FORM, ScoreRead, ScoreRequest
from scoring.text.words import to_spoken_words

router = APIRouter(
    prefix="/api/v1/speech",
    tags=["Scoring"],
    responses={401: {"description": "`unauthorized`: no token, or not a good one."}},
)


async def _provider(request: Request) -> SpeechProvider:
    provider: SpeechProvider = request.app.state.provider
    return provider


async def _receipts(request: Request) -> ReceiptIssuer:
    receipts: ReceiptIssuer = request.app.state.receipts
    return receipts


SpeechProviderDep = Annotated[SpeechProvider, Depends(_provider)]
ReceiptIssuerDep = Annotated[ReceiptIssuer, Depends(_receipts)]


@router.post(
    "/score",
    dependencies=[Depends(per_user("score", per_minute=30))],
    openapi_extra=SCORE_FORM,
    responses={
        400: {"description": "`unsupported_audio`, or `malformed_form`."},
        413: {"description": "`audio_too_large` (in bytes) or `audio_too_long` (in seconds)."},
        422: {
            "description": "`not_assessable` with a `reason`: `no_speech`, `too_noisy`, `too_short` or "
            "`clipped`; or `validation_failed` naming the fields."
        },
        503: {"description": "`provider_unavailable`: try again after `Retry-After` seconds."},
        504: {"description": "`provider_timeout`."},
    },
)
async def assess_recording(
    request: Request, learner: CurrentUser, provider: SpeechProviderDep, receipts: ReceiptIssuerDep
) -> ScoreRead:
    """Score how a recording pronounces a text.

    The recording is kept in memory alone, for as long as the request takes. A word that was left out has the
    `error_type` `omission` and no score; one that was said badly, or in whose place something else was said,
    has `mispronunciation`. Silence and noise are not scored: they are `not_assessable`.
    """
    async with read_form(request) as submission:
        reading, audio = _validate_form(submission, provider.capabilities.languages)
        scored = await scores.assess_recording(
            provider, receipts, learner=learner.id, reading=reading, audio=audio
        )
    told = asdict(scored.assessment)
    return ScoreRead(
        word_scores=told.pop("words"),
        provider=provider.capabilities.provider,
        receipt=scored.receipt,
        **told,
    )


@router.get("/capabilities", dependencies=[Depends(per_user("capabilities", per_minute=100))])
async def get_capabilities(provider: SpeechProviderDep) -> Capabilities:
    """What can be scored here: languages, audio formats, the longest recording, and in what detail."""
    return provider.capabilities


def _validate_form(submission: ScoreForm, languages: tuple[str, ...]) -> tuple[ScoreRequest, memoryview]:
    """The fields of the form. Raises RequestValidationError naming all that are wrong."""
    reading, errors = None, []
    if not submission.audio:
        errors.append(_field_error(AUDIO_FIELD, "The recording is missing."))
    try:
        reading = ScoreRequest.model_validate(submission.fields)
        errors += validate_text_and_language(reading, languages)
    except ValidationError as error:
        errors += [{**found, "loc": ("body", *found["loc"])} for found in error.errors()]
    if errors or reading is None or submission.audio is None:
        raise RequestValidationError(errors)
    return reading, submission.audio.view()


def validate_text_and_language(reading: ScoreRequest, languages: tuple[str, ...]) -> list[dict[str, Any]]:
    errors = []
    if not to_spoken_words(reading.reference_text):
        errors.append(_field_error("reference_text", "The text has no words."))
    if reading.language not in languages:
        errors.append(_field_error("language", f"The languages are: {', '.join(languages)}."))
    return errors


def _field_error(field: str, message: str) -> dict[str, Any]:
    return {"type": "value_error", "loc": ("body", field), "msg": message}
