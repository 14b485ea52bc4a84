"""Imports docs/import-example into the running system, and undoes it: `make demo-import`."""

import csv
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from typing import Any

import httpx

from deploy.local.demo import ADMIN, print_step, read_json, to_bearer_header
from deploy.local.processes import ROOT

EXAMPLE = ROOT / "docs" / "import-example"
LEARNER = {"email": "learner@example.com", "password": "LearnerPass123"}
TAG = "import example"
"""All sentences of the example have it."""
TIMEOUT_SECONDS = 30


def play(url: str) -> None:
    """Import, draw and undo through the gateway at `url`. Ends with SystemExit when a step fails."""
    with httpx.Client(base_url=f"{url}/api/v1", timeout=60) as client:
        client.headers.update(to_bearer_header(read_json(client.post("/auth/login", json=ADMIN))))
        session = _upload(client)
        _show_problems(client, _import(client, session, "sentences-with-errors.csv"))
        job = _import(client, session, "sentences.csv")
        if job["state"] != "completed":
            raise SystemExit(f"the import ended as {job['state']}: {job['failure'] or job['errors']}")
        try:
            _draw(client, url)
        finally:
            _undo(client, job)


def _upload(client: httpx.Client) -> str:
    paths = sorted((EXAMPLE / "recordings").iterdir())
    with ExitStack() as stack:
        files = [("files[]", (path.name, stack.enter_context(path.open("rb")))) for path in paths]
        uploaded = read_json(client.post("/admin/import/audio", files=files))
    seconds = sum(file["duration_ms"] for file in uploaded["uploaded_files"]) / 1000
    print_step(
        "uploads recordings", f"{len(uploaded['uploaded_files'])} stored, {seconds:.0f} s of speech in total"
    )
    for rejected in uploaded["rejected"]:
        print_step("", f"{rejected['original_filename']}: {rejected['code']}, {rejected['detail']}")
    return str(uploaded["upload_session_id"])


def _import(client: httpx.Client, session: str, name: str) -> Any:
    fields, started = {"upload_session_id": session}, time.monotonic()
    files = {"file": (name, (EXAMPLE / name).read_bytes(), "text/csv")}
    accepted = read_json(client.post("/admin/import/csv", data=fields, files=files))
    states = list(dict.fromkeys(event["state"] for event in _follow(client, accepted["job_id"])))
    print_step(f"imports {name}", f"{' → '.join(states)}, {time.monotonic() - started:.1f} s")
    return read_json(client.get(f"/admin/import/jobs/{accepted['job_id']}"))


def _follow(client: httpx.Client, job_id: str) -> Iterator[dict[str, Any]]:
    """Yield the import each time that it has changed, until it has ended; connect again after a break."""
    last_state, deadline = "", time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        headers = {"Last-Event-ID": last_state} if last_state else {}
        with (
            suppress(httpx.TransportError),
            client.stream("GET", f"/admin/import/jobs/{job_id}/events", headers=headers) as stream,
        ):
            if stream.status_code == httpx.codes.NO_CONTENT:
                return
            stream.raise_for_status()
            for line in stream.iter_lines():
                field, _, value = line.partition(":")
                if field == "data":
                    yield json.loads(value)
                elif field == "id":
                    last_state = value.strip()
    raise SystemExit(f"the import has not ended within {TIMEOUT_SECONDS} s: see `make logs`")


def _show_problems(client: httpx.Client, job: Mapping[str, Any]) -> None:
    report = client.get(f"/admin/import/jobs/{job['id']}/errors.csv").raise_for_status()
    header, *rows = csv.reader(report.content.decode("utf-8-sig").splitlines(keepends=True))
    codes, errors = header.index("error_codes"), header.index("errors")
    print_step("downloads the report", f"{job['error_count']} errors, {job['warning_count']} warnings")
    for number, row in enumerate(rows, start=2):
        if row[codes]:
            print_step(f"row {number}", f"{row[codes]}: {row[errors]}".replace("\n", " "))


def _draw(client: httpx.Client, url: str) -> None:
    tags = read_json(client.get("/tags"))["tags"]
    tag = next(tag["id"] for tag in tags if tag["name"] == TAG)
    with httpx.Client(base_url=f"{url}/api/v1", timeout=20) as learner:
        learner.headers.update(to_bearer_header(read_json(learner.post("/auth/login", json=LEARNER))))
        started, request = time.monotonic(), {"level": "B1", "tags": [tag]}
        while (drawn := learner.post("/game/speeches/random", json=request)).status_code == 404:
            if time.monotonic() - started > TIMEOUT_SECONDS:
                break
            time.sleep(0.1)
        speech, seconds = read_json(drawn)["speeches"][0], time.monotonic() - started
    audio = httpx.get(speech["audio_url"]).raise_for_status()
    print_step(
        "a learner draws", f"{speech['text']} {len(audio.content):,} bytes of audio, after {seconds:.1f} s"
    )


def _undo(client: httpx.Client, job: Mapping[str, Any]) -> None:
    read_json(client.post(f"/admin/import/jobs/{job['id']}/undo"))
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (current := read_json(client.get(f"/admin/import/jobs/{job['id']}")))["state"] == "undoing":
        if time.monotonic() > deadline:
            raise SystemExit(f"the import was not undone within {TIMEOUT_SECONDS} s: see `make logs`")
        time.sleep(0.2)
    deleted, archived = current["deleted_count"], current["archived_count"]
    print_step("undoes the import", f"{current['state']}: {deleted} deleted, {archived} archived")
