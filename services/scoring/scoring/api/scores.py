import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from shared.errors import Invalid, MalformedForm
from shared.http.multipart import FormTooSlow
from shared.http.ratelimit import limit_per_user
from shared.security.current_user import CurrentUser

from scoring.api.dependencies import (
    CountSecondsDep,
    DecoderPoolDep,
    LearnerSharesDep,
    ProviderChainDep,
    ReceiptIssuerDep,
    SettingsDep,
    UploadMemoryDep,
    learner_errors,
)
from scoring.api.disconnection import cancel_on_disconnect
from scoring.api.multipart import AUDIO_FIELD, FormParts, read_form
from scoring.commands import scores as commands
from scoring.commands.scores import ScoredRecording
from scoring.domain.languages import find_language
from scoring.domain.turns import Ticket
from scoring.errors import (
    AudioTooLarge,
    AudioTooLong,
    BudgetExhausted,
    NotAssessable,
    ProviderTimeout,
    ProviderUnavailable,
    TooManyRecordings,
    UnsupportedAudio,
)
from scoring.providers.chain import ProviderChain
from scoring.schemas.scores import ScoreRead, ScoreRequest, describe_form
from scoring.text.words import find_foreign_word, to_spoken_words
from scoring.types import MAX_TEXT_WORDS

router = APIRouter(prefix="/api/v1/speech", tags=["Scoring"])

ERRORS = (
    *(UnsupportedAudio, MalformedForm, FormTooSlow, AudioTooLarge, AudioTooLong, NotAssessable),
    *(TooManyRecordings, Invalid, BudgetExhausted, ProviderUnavailable, ProviderTimeout),
)


@router.post(
    "/score",
    response_description="The scores of the recording.",
    dependencies=[Depends(limit_per_user("score", per_minute=30))],
    openapi_extra=describe_form(),
    responses=learner_errors(*ERRORS),
)
async def assess_recording(
    request: Request,
    learner: CurrentUser,
    decoders: DecoderPoolDep,
    providers: ProviderChainDep,
    receipts: ReceiptIssuerDep,
    shares: LearnerSharesDep,
    upload_memory: UploadMemoryDep,
    settings: SettingsDep,
    count_seconds: CountSecondsDep,
) -> ScoreRead:
    """Score the pronunciation of a text in a recording.

    The recording is kept only in memory and only during the request. An omitted word has the `error_type`
    `omission` and no score. A word that was pronounced badly, or replaced by another one, has
    `mispronunciation`. Silence, noise and readings of another text cause the error
    `not_assessable`. Scores were compared with human ratings only for speakers of the native languages that
    the capabilities list as `validated_on`.
    """
    async with (
        read_form(request, learner.id, shares, upload_memory) as parts,
        cancel_on_disconnect(request),
    ):
        received_at = asyncio.get_running_loop().time()
        ticket = Ticket(learner.id, received_at + settings.scoring_timeout_seconds)
        score_request = _validate_form(parts, providers.capabilities.languages)
        scored = await commands.assess_recording(
            decoders,
            providers,
            receipts,
            ticket=ticket,
            request=score_request,
            upload=parts.audio,
            count_seconds=count_seconds,
        )
    return _to_response(scored, providers)


def _to_response(scored: ScoredRecording, providers: ProviderChain) -> ScoreRead:
    fields = asdict(scored.assessment)
    words = fields.pop("words")
    alphabet = providers.get_capabilities(scored.assessment.provider).phoneme_alphabet
    return ScoreRead(word_scores=words, phoneme_alphabet=alphabet, receipt=scored.receipt, **fields)


def _validate_form(parts: FormParts, languages: tuple[str, ...]) -> ScoreRequest:
    """Raise a RequestValidationError with all invalid fields, or return the request."""
    request, errors = None, []
    if not parts.audio:
        errors.append(_field_error(AUDIO_FIELD, _describe_missing_audio(parts.unknown_files)))
    try:
        request = ScoreRequest.model_validate(parts.fields)
        request, invalid = validate_text_and_language(request, languages)
        errors += invalid
    except ValidationError as error:
        errors += [{**violation, "loc": ("body", *violation["loc"])} for violation in error.errors()]
    if errors or request is None:
        raise RequestValidationError(errors)
    return request


def _describe_missing_audio(unknown_files: Sequence[str]) -> str:
    if not unknown_files:
        return "The recording is missing or empty."
    return f"The recording is missing; name its field {AUDIO_FIELD}, not {unknown_files[0][:40]}."


def validate_text_and_language(
    request: ScoreRequest, languages: Sequence[str]
) -> tuple[ScoreRequest, list[dict[str, Any]]]:
    """Return the request with the language as the capabilities spell it, and its invalid fields."""
    errors = []
    words = to_spoken_words(request.reference_text)
    if not words:
        errors.append(_field_error("reference_text", "The text has no words."))
    elif foreign := find_foreign_word(request.reference_text):
        # No provider can score it, and a paid one would charge for the attempt.
        message = f"The word {foreign!r} cannot be pronounced: only the Latin script is supported."
        errors.append(_field_error("reference_text", message))
    if len(words) > MAX_TEXT_WORDS:
        message = f"The text has {len(words)} words when spoken; at most {MAX_TEXT_WORDS} are allowed."
        errors.append(_field_error("reference_text", message))
    language = find_language(request.language, languages)
    if language is None:
        errors.append(_field_error("language", f"Supported languages: {', '.join(languages)}."))
    return request.model_copy(update={"language": language or request.language}), errors


def _field_error(field: str, message: str) -> dict[str, Any]:
    return {"type": "value_error", "loc": ("body", field), "msg": message}
