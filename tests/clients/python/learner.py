"""A learner's journey with the generated client, as an app would make it: `learner.py URL RECORDING`.

Requests contain only required fields, unless a step needs more.
"""

import sys
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from uuid import uuid4

from httpx import Timeout
from parley_client import AuthenticatedClient, Client
from parley_client.api.auth import log_in, log_out, refresh_tokens, register_user
from parley_client.api.content import draw_speeches, list_tags
from parley_client.api.game import (
    get_progress,
    get_session,
    list_reviews,
    list_sessions,
    save_session,
    save_sessions,
    update_goal,
)
from parley_client.api.profile import get_current_user
from parley_client.api.scoring import assess_recording
from parley_client.models import (
    AssessRecordingScoreRequest,
    BatchedOutcome,
    BatchedSession,
    DrawnSpeeches,
    DrawRequest,
    GoalRead,
    GoalUpdate,
    LoginRequest,
    LoginResponse,
    LogoutRequest,
    Problem,
    ProgressRead,
    RefreshRequest,
    RegisterRequest,
    ResultCreate,
    ReviewList,
    SavedSession,
    ScoreRead,
    SessionBatchCreate,
    SessionBatchSaved,
    SessionCreate,
    SessionPage,
    SessionRead,
    SessionSummary,
    SpeechRead,
    TagList,
    TokenPair,
    UserRead,
)
from parley_client.types import File

SENTENCE = "I lost my passport at the airport last week."
PASSWORD = "Correct4Horse"
TIMEOUT = Timeout(20)


def main(url: str, recording: Path) -> None:
    anonymous = Client(base_url=url, timeout=TIMEOUT)
    email = sign_up(anonymous)
    signed_in = sign_in(anonymous, email)
    client = AuthenticatedClient(base_url=url, token=signed_in.access_token, timeout=TIMEOUT)
    assert get_current_user.sync(client=client) == signed_in.user
    saved = play(client, recording)
    look_back(client, saved)
    catch_up(client, saved)
    leave(anonymous, signed_in.refresh_token)


def sign_up(client: Client) -> str:
    email = f"{uuid4().hex}@example.com"
    account = RegisterRequest(email=email, password=PASSWORD, name="Ada")
    opened = register_user.sync(client=client, body=account)
    assert isinstance(opened, LoginResponse)
    again = register_user.sync_detailed(client=client, body=account)
    assert again.status_code == 409
    assert isinstance(again.parsed, Problem)
    assert again.parsed.code == "email_taken"
    return email


def sign_in(client: Client, email: str) -> LoginResponse:
    signed_in = log_in.sync(client=client, body=LoginRequest(email=email, password=PASSWORD))
    assert isinstance(signed_in, LoginResponse)
    assert (signed_in.token_type, signed_in.expires_in) == ("Bearer", 900)
    assert isinstance(signed_in.user, UserRead)
    return signed_in


def play(client: AuthenticatedClient, recording: Path) -> SavedSession:
    tags = list_tags.sync(client=client)
    assert isinstance(tags, TagList)
    assert tags.tags
    drawn = draw_speeches.sync(client=client, body=DrawRequest(level="A2"))
    assert isinstance(drawn, DrawnSpeeches)
    assert len(drawn.speeches) == 10
    speech = find_speech(client)
    audio = File(payload=BytesIO(recording.read_bytes()), file_name=recording.name)
    scored = assess_recording.sync(
        client=client, body=AssessRecordingScoreRequest(audio=audio, reference_text=speech.text)
    )
    assert isinstance(scored, ScoreRead)
    completed_at = datetime.now(UTC)
    result = ResultCreate(
        speech_id=speech.id,
        sequence_number=1,
        user_response="correct",
        response_time_ms=1500,
        receipt=scored.receipt,
    )
    game = SessionCreate(
        mode="listen_and_repeat",
        level="A2",
        duration_seconds=60,
        started_at=completed_at - timedelta(seconds=60),
        completed_at=completed_at,
        results=[result],
    )
    key = str(uuid4())
    saved = save_session.sync(client=client, body=game, idempotency_key=key)
    assert isinstance(saved, SavedSession)
    assert save_session.sync(client=client, body=game, idempotency_key=key) == saved
    return saved


def find_speech(client: AuthenticatedClient) -> SpeechRead:
    """Draw until the sentence of the recording comes."""
    drawn = draw_speeches.sync(client=client, body=DrawRequest(level="A2", limit=50))
    assert isinstance(drawn, DrawnSpeeches)
    return next(speech for speech in drawn.speeches if speech.text == SENTENCE)


def look_back(client: AuthenticatedClient, saved: SavedSession) -> None:
    page = list_sessions.sync(client=client)
    assert isinstance(page, SessionPage)
    assert [session.id for session in page.sessions] == [saved.session_id]
    assert (page.pagination.total, page.pagination.next_cursor) == (1, None)
    details = get_session.sync(saved.session_id, client=client)
    assert isinstance(details, SessionRead)
    assert details.results[0].speech.text == SENTENCE
    assert details.results[0].verified
    progress = get_progress.sync(client=client, tz="Asia/Tokyo")
    assert isinstance(progress, ProgressRead)
    assert (progress.sessions, progress.current_streak_days) == (1, 1)
    assert [scorer.scorer for scorer in progress.scorers] == [details.results[0].scorer]


def catch_up(client: AuthenticatedClient, saved: SavedSession) -> None:
    """Send two games that were played offline, the second with an unknown sentence. Then set a goal."""
    ended = datetime.now(UTC)
    speech = find_speech(client)
    games = [
        BatchedSession(
            id=id_,
            mode="listen_only",
            level="A2",
            duration_seconds=60,
            started_at=ended - timedelta(seconds=60),
            completed_at=ended,
            results=[
                ResultCreate(
                    speech_id=speech_id, sequence_number=1, user_response="correct", response_time_ms=1500
                )
            ],
        )
        for id_, speech_id in ((uuid4(), speech.id), (uuid4(), uuid4()))
    ]
    sent = save_sessions.sync(client=client, body=SessionBatchCreate(sessions=games))
    assert isinstance(sent, SessionBatchSaved)
    new, wrong = sent.results
    assert isinstance(new, BatchedOutcome)
    assert isinstance(new.session, SessionSummary)
    assert (new.id, new.status, new.replayed, new.problem) == (games[0].id, 201, False, None)
    assert isinstance(wrong.problem, Problem)
    assert (wrong.status, wrong.session, wrong.problem.code) == (404, None, "speech_not_found")
    goal = update_goal.sync(client=client, body=GoalUpdate(sentences_per_day=2))
    assert isinstance(goal, GoalRead)
    progress = get_progress.sync(client=client)
    assert isinstance(progress, ProgressRead)
    assert (progress.goal.sentences_per_day, progress.goal.reached_today) == (2, True)
    assert isinstance(list_reviews.sync(client=client), ReviewList)


def leave(client: Client, refresh_token: str) -> None:
    pair = refresh_tokens.sync(client=client, body=RefreshRequest(refresh_token=refresh_token))
    assert isinstance(pair, TokenPair)
    signed_out = log_out.sync_detailed(client=client, body=LogoutRequest(refresh_token=pair.refresh_token))
    assert signed_out.status_code == 204
    response = refresh_tokens.sync_detailed(
        client=client, body=RefreshRequest(refresh_token=pair.refresh_token)
    )
    assert response.status_code == 401


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
