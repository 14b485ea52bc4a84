"""Plays a learner's journey against the running system and prints each step: `make demo`."""

import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

RECORDINGS = Path(__file__).parents[1] / "seed" / "learner"
REFERENCE = "I lost my passport at the airport last week."
ADMIN = {"email": "admin@example.com", "password": "AdminPass123"}
BOLD, DIM, RESET = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


def play(url: str, *, email_folder: Path, expected_providers: str = "", invents_scores: bool = False) -> None:
    """Play the journey through the gateway at `url`, reading e-mails from a folder.

    Raises httpx.HTTPError if a step fails, and SystemExit if none of the `expected_providers` scores.
    """
    with httpx.Client(base_url=f"{url}/api/v1", timeout=20) as client:
        admin = to_bearer_header(read_json(client.post("/auth/login", json=ADMIN)))
        if expected_providers:
            _ensure_provider(client, admin, expected_providers)
        _confirm(client, _sign_up(client), email_folder)
        speech = _listen(client)
        if invents_scores:
            print_step("no real scores", "a stand-in for Azure invents them from the text, not the recording")
        receipt = _speak(client)
        plays = _count_plays(client, admin, speech)
        _save(client, speech, receipt)
        _wait_for_the_event(client, admin, speech, plays)
        _show_progress(client)


def _sign_up(client: httpx.Client) -> str:
    email = f"demo-{uuid4().hex[:8]}@example.com"
    account = {"email": email, "password": "DemoPass123", "name": "Sam"}
    client.headers.update(to_bearer_header(read_json(client.post("/auth/register", json=account))))
    user = read_json(client.get("/users/me"))
    print_step("Sam signs up", f"{user['email']}, user {user['id']}")
    return email


def _confirm(client: httpx.Client, email: str, email_folder: Path) -> None:
    started = time.monotonic()
    while not (emails := [text for text in _read_emails(email_folder) if f"To: {email}" in text]):
        if time.monotonic() - started > 15:
            raise SystemExit(
                f"no e-mail arrived in {email_folder} within 15 s: wait until `make run` says that Parley is "
                "ready, or see `make logs`"
            )
        time.sleep(0.05)
    token = emails[0].partition("#token=")[2].split()[0]
    client.post("/auth/email/verify", json={"token": token}).raise_for_status()
    confirmed = read_json(client.get("/users/me"))["email_verified"]
    print_step(
        "confirms the address",
        f"the e-mail arrived after {time.monotonic() - started:.1f} s; confirmed: {confirmed}",
    )


def _read_emails(email_folder: Path) -> list[str]:
    return [file.read_text() for file in email_folder.glob("*.eml")]


def _listen(client: httpx.Client) -> dict[str, Any]:
    tags = read_json(client.get("/tags"))["tags"]
    print_step("browses the tags", f"{len(tags)} tags, such as {', '.join(tag['name'] for tag in tags[:4])}")
    drawn = read_json(client.post("/game/speeches/random", json={"level": "A2", "limit": 50}))["speeches"]
    speech: dict[str, Any] = next(speech for speech in drawn if speech["text"] == REFERENCE)
    print_step("draws A2 sentences", f"{len(drawn)} sentences, one of them: {speech['text']}")
    audio = httpx.get(speech["audio_url"]).raise_for_status()
    kind = audio.headers["content-type"]
    print_step(
        "listens", f"{len(audio.content):,} bytes of {kind}, {speech['duration_ms'] / 1000:.1f} s long"
    )
    return speech


def _ensure_provider(client: httpx.Client, admin: Mapping[str, str], expected_providers: str) -> None:
    provider = read_json(client.get("/speech/capabilities", headers=dict(admin)))["provider"]
    if provider not in [*map(str.strip, expected_providers.split(","))]:
        raise SystemExit(
            f"{provider} scores in this run. Start another: SPEECH_PROVIDER={expected_providers} make run"
        )


def _speak(client: httpx.Client) -> dict[str, Any]:
    print_step("sends a silent recording", _send_recording(client, "silent.m4a").json()["detail"])
    wrong = read_json(_send_recording(client, "wrong-word.mp3"))
    worst = min(wrong["word_scores"], key=lambda word: word["score"] if word["score"] is not None else 101)
    print_step(
        "says a wrong word", f"{wrong['pronunciation_score']:.0f} of 100, weakest word: {worst['word']}"
    )
    good_score = read_json(_send_recording(client, "good.wav"))
    words = " ".join(f"{word['word']} {_format_score(word['score'])}" for word in good_score["word_scores"])
    print_step(
        "says it well", f"{good_score['pronunciation_score']:.0f} of 100 by {good_score['provider']}: {words}"
    )
    return {key: good_score[key] for key in ("pronunciation_score", "recognized_text", "receipt")}


def _send_recording(client: httpx.Client, recording: str) -> httpx.Response:
    files = {"audio": (recording, (RECORDINGS / recording).read_bytes())}
    return client.post("/speech/score", files=files, data={"reference_text": REFERENCE})


def _format_score(score: float | None) -> str:
    return "-" if score is None else f"{score:.0f}"


def _save(client: httpx.Client, speech: Mapping[str, Any], receipt: Mapping[str, Any]) -> None:
    now = datetime.now(UTC)
    result = {"speech_id": speech["id"], "sequence_number": 1, "user_response": "correct"}
    game = {
        "mode": "listen_and_repeat",
        "level": "A2",
        "selected_tags": [],
        "duration_seconds": 42,
        "started_at": (now - timedelta(seconds=42)).isoformat(),
        "completed_at": now.isoformat(),
        "results": [{**result, "response_time_ms": 3100, **receipt}],
    }
    key = {"Idempotency-Key": uuid4().hex}
    saved = read_json(client.post("/game/sessions", json=game, headers=key))
    again = client.post("/game/sessions", json=game, headers=key)
    print_step("saves the game", f"session {saved['session_id']}")
    print_step(
        "sends it a second time", f"replayed: {again.headers['Idempotency-Replayed']}, the same session"
    )


def _count_plays(client: httpx.Client, admin: Mapping[str, str], speech: Mapping[str, Any]) -> int:
    speech_stats = read_json(client.get(f"/admin/speeches/{speech['id']}", headers=dict(admin)))
    return int(speech_stats["statistics"]["plays"])


def _wait_for_the_event(
    client: httpx.Client, admin: Mapping[str, str], speech: Mapping[str, Any], before: int
) -> None:
    started = time.monotonic()
    while (plays := _count_plays(client, admin, speech)) == before:
        if time.monotonic() - started > 15:
            raise SystemExit("SessionCompleted did not arrive within 15 s: see `make logs`")
        time.sleep(0.05)
    seconds = time.monotonic() - started
    print_step(
        "SessionCompleted arrives", f"{seconds:.1f} s later; the play count rises from {before} to {plays}"
    )


def _show_progress(client: httpx.Client) -> None:
    history = read_json(client.get("/game/sessions"))
    session = read_json(client.get(f"/game/sessions/{history['sessions'][0]['id']}"))
    result = session["results"][0]
    checked = "verified by its receipt" if result["verified"] else "unverified"
    print_step(
        "opens the history",
        f"{result['speech']['text']} {_format_score(result['pronunciation_score'])}, {checked}",
    )
    stats = read_json(client.get("/game/stats", params={"tz": "Europe/Berlin"}))
    streak, sentences = stats["current_streak_days"], stats["sentences"]
    print_step(
        "opens the statistics",
        f"day {streak} of a streak, {sentences} sentence, {stats['correct_rate']:.0%} correct",
    )


def to_bearer_header(tokens: Mapping[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def read_json(response: httpx.Response) -> Any:
    if response.is_error:
        problem = response.json()
        raise SystemExit(f"{response.request.url.path}: {problem['status']} {problem['detail']}")
    return response.json()


def print_step(label: str, outcome: str) -> None:
    print(f"{BOLD}{label:>24}{RESET}  {DIM}{outcome}{RESET}", flush=True)
