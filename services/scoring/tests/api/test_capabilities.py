import httpx
from fastapi import FastAPI

CODECS = ["pcm", "mp3", "aac", "alac", "opus", "vorbis", "flac"]
CAPABILITIES = "/api/v1/speech/capabilities"


async def test_capabilities_are_listed(client: httpx.AsyncClient) -> None:
    assert (await client.get(CAPABILITIES)).json() == {
        "provider": "offline",
        "scorer": "offline-2",
        "languages": ["en-US"],
        "phoneme_alphabet": "arpabet",
        "prosody": True,
        "max_seconds": 60,
        "validated_on": ["Mandarin Chinese"],
        "formats": ["wav", "mp3", "m4a", "aac", "ogg", "flac", "webm"],
        "codecs": {
            **dict.fromkeys(("wav", "m4a", "ogg", "webm"), CODECS),
            "mp3": ["mp3"],
            "aac": ["aac"],
            "flac": ["flac"],
        },
    }


async def test_an_invalid_token_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.get(CAPABILITIES, headers={"Authorization": "Bearer x.y.z"})
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")


def test_every_field_has_an_example(app: FastAPI) -> None:
    schema = app.openapi()["components"]["schemas"]["CapabilitiesRead"]
    assert all(field["examples"] for field in schema["properties"].values())
