"""A learner's journey through the gateway, on real servers, with real speech."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.journey import REFERENCE, Learner, build_scored_session, build_session

pytestmark = pytest.mark.journey


async def test_a_learner_signs_up_and_signs_in(gateway: httpx.AsyncClient, learner: Learner) -> None:
    user = (await learner.get("/users/me")).json()
    assert user == learner.user
    assert {"id", "email", "name", "avatar_url", "auth_provider", "email_verified"} <= set(user)
    account = {"email": user["email"].upper(), "password": "Correct4Horse"}
    response = await gateway.post("/api/v1/auth/login", json=account)
    tokens = response.json()
    assert (response.status_code, tokens["token_type"], tokens["expires_in"]) == (200, "Bearer", 900)
    fresh = await gateway.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert fresh.status_code == 200


async def test_tags_are_public_and_cached(gateway: httpx.AsyncClient) -> None:
    response = await gateway.get("/api/v1/tags")
    assert len(response.json()["tags"]) >= 20
    assert {"id", "name", "category"} <= set(response.json()["tags"][0])
    again = await gateway.get("/api/v1/tags", headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_speeches_have_audio_that_plays(learner: Learner) -> None:
    speeches = await learner.draw(limit=5, type="question")
    assert len({speech["id"] for speech in speeches}) == 5
    assert {(speech["level"], speech["type"]) for speech in speeches} == {("A2", "question")}
    async with httpx.AsyncClient() as anyone:
        audio = await anyone.get(speeches[0]["audio_url"])
        part = await anyone.get(speeches[0]["audio_url"], headers={"Range": "bytes=0-99"})
    assert (audio.status_code, audio.headers["content-type"]) == (200, "audio/mpeg")
    assert (part.status_code, part.content) == (206, audio.content[:100])
    assert part.headers["content-range"] == f"bytes 0-99/{len(audio.content)}"


async def test_tags_narrow_the_draw(learner: Learner) -> None:
    first_speech = (await learner.draw(limit=1))[0]
    tag_ids = {tag["id"] for tag in first_speech["tags"]}
    for speech in await learner.draw(tags=list(tag_ids), match="all", limit=50):
        assert tag_ids <= {tag["id"] for tag in speech["tags"]}
    none_left = await learner.post(
        "/game/speeches/random", {"level": "A2", "exclude": [s["id"] for s in await learner.draw(limit=50)]}
    )
    assert (none_left.status_code, none_left.json()["code"]) == (404, "no_speeches_match")


async def test_good_speech_scores_better_than_a_wrong_word_and_silence(learner: Learner) -> None:
    good_score = (await learner.score("good.wav")).json()
    wrong = (await learner.score("wrong-word.mp3")).json()
    assert good_score["status"] == "scored"
    assert good_score["pronunciation_score"] > wrong["pronunciation_score"] + 5
    weakest = min(wrong["word_scores"], key=lambda word: word["score"] if word["score"] is not None else 101)
    assert weakest["word"].lower() == "passport"
    assert [word["word"].lower() for word in good_score["word_scores"]][:3] == ["i", "lost", "my"]
    other = (await learner.score("good.wav", "Could you tell me where the museum is?")).json()
    assert other.get("pronunciation_score", 0) < good_score["pronunciation_score"] - 20
    silent = await learner.score("silent.m4a")
    assert (silent.status_code, silent.json()["code"]) == (422, "not_assessable")
    assert silent.json()["reason"] == "no_speech"


async def test_a_game_is_saved_published_and_shown_in_the_history(learner: Learner, admin: Learner) -> None:
    speech = next(s for s in await learner.draw(limit=50) if s["text"] == REFERENCE)
    before = await count_plays(admin, speech["id"])
    scored = (await learner.score("good.wav")).json()
    game = build_scored_session(speech, scored)
    saved = await learner.post("/game/sessions", game, **{"Idempotency-Key": "first-game"})
    assert saved.status_code == 201, saved.text
    again = await learner.post("/game/sessions", game, **{"Idempotency-Key": "first-game"})
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert again.json() == saved.json()

    history_page = (await learner.get("/game/sessions", limit=5)).json()
    assert [session["id"] for session in history_page["sessions"]] == [saved.json()["session_id"]]
    assert history_page["pagination"]["total"] == 1
    detail = (await learner.get(f"/game/sessions/{saved.json()['session_id']}")).json()
    assert detail["results"][0]["speech"]["text"] == REFERENCE
    assert detail["results"][0]["verified"] is True
    assert detail["results"][0]["scorer"] == scored["scorer"]
    stats = (await learner.get("/game/stats", tz="Asia/Tokyo")).json()
    assert (stats["current_streak_days"], stats["sessions"], stats["correct_rate"]) == (1, 1, 1.0)
    assert [(scorer["scorer"], scorer["sentences"]) for scorer in stats["scorers"]] == [(scored["scorer"], 1)]
    assert stats["freezes"] == {"available": 0, "next_in_days": 6, "used": []}
    assert (stats["goal"]["sentences_per_day"], stats["goal"]["reached_today"]) == (10, False)
    goal = {"sentences_per_day": 1}
    response = await learner.client.put("/api/v1/game/goal", json=goal, headers=learner.headers)
    assert (response.status_code, response.json()) == (200, goal)
    assert (await learner.get("/game/stats", tz="Asia/Tokyo")).json()["goal"]["reached_today"] is True
    assert {item["tag"]["id"] for item in stats["by_tag"]} == {tag["id"] for tag in speech["tags"]}
    assert stats["hardest_sentences"] == []

    async with asyncio.timeout(10):
        while await count_plays(admin, speech["id"]) != before + 1:  # noqa: ASYNC110 - another system's work
            await asyncio.sleep(0.1)


async def test_a_phone_that_was_offline_sends_its_sessions_together(learner: Learner) -> None:
    speeches = await learner.draw(limit=2)
    games = [build_session(speeches, id=str(uuid4())) for _ in range(3)]
    games[1]["level"] = "A7"
    response = await learner.post("/game/sessions:batch", {"sessions": games})
    assert response.status_code == 200, response.text
    results = response.json()["results"]
    assert [(item["id"], item["status"]) for item in results] == [
        (game["id"], status) for game, status in zip(games, (201, 422, 201), strict=True)
    ]
    assert results[1]["problem"]["errors"][0]["pointer"] == "#/level"
    again = (await learner.post("/game/sessions:batch", {"sessions": games})).json()["results"]
    assert [item["replayed"] for item in again] == [True, False, True]
    assert (await learner.get("/game/sessions")).json()["pagination"]["total"] == 2


async def count_plays(admin: Learner, speech_id: UUID) -> int:
    speech: dict[str, Any] = (await admin.get(f"/admin/speeches/{speech_id}")).json()
    return int(speech["statistics"]["plays"])


async def test_played_sentences_come_up_for_review_and_last_in_a_fresh_draw(learner: Learner) -> None:
    played = await learner.draw(limit=2)
    completed_at = datetime.now(UTC) - timedelta(days=3)
    times = dict.fromkeys(("started_at", "completed_at"), completed_at.isoformat())
    saved = await learner.post("/game/sessions", build_session(played, **times))
    assert saved.status_code == 201, saved.text
    reviews = (await learner.get("/game/reviews", level="A2", limit=50)).json()["reviews"]
    assert {review["speech"]["text"] for review in reviews} == {speech["text"] for speech in played}
    assert {review["last_result"]["user_response"] for review in reviews} == {"correct"}
    async with httpx.AsyncClient() as anyone:
        audio = await anyone.get(reviews[0]["speech"]["audio_url"])
    assert (audio.status_code, audio.headers["content-type"]) == (200, "audio/mpeg")

    ids = [speech["id"] for speech in played]
    async with asyncio.timeout(10):
        while await list_drawn_last(learner) != ids:  # noqa: ASYNC110 - another system's work
            await asyncio.sleep(0.1)


async def list_drawn_last(learner: Learner) -> list[str]:
    return [speech["id"] for speech in await learner.draw(limit=50, fresh=True)][-2:]


async def test_a_session_is_visible_only_to_its_learner(gateway: httpx.AsyncClient, learner: Learner) -> None:
    saved = await learner.post("/game/sessions", build_session(await learner.draw(limit=2)))
    other_learner = await Learner.sign_up(gateway)
    response = await other_learner.get(f"/game/sessions/{saved.json()['session_id']}")
    assert (response.status_code, response.json()["code"]) == (403, "not_your_session")
    assert (await other_learner.get("/game/sessions")).json()["sessions"] == []


async def test_a_learner_cannot_open_the_pages_of_admins(learner: Learner) -> None:
    speech = (await learner.draw(limit=1))[0]
    assert (await learner.get(f"/admin/speeches/{speech['id']}")).status_code == 403


async def test_one_document_describes_the_whole_api(gateway: httpx.AsyncClient) -> None:
    document = (await gateway.get("/openapi.json")).json()
    assert {"/api/v1/auth/login", "/api/v1/game/speeches/random", "/api/v1/speech/score"} <= set(
        document["paths"]
    )
    page = await gateway.get("/docs")
    assert (page.status_code, "swagger-ui" in page.text) == (200, True)
    assert (await gateway.get("/ready")).json()["status"] == "ready"
    assert (await gateway.get("/health")).status_code == 200
