"""Validate an import's table. If the process ends, the job starts over."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any
from uuid import UUID, uuid4

import structlog
from contracts.importer import ImportValidated, ValidatedBatch
from shared.clock import utc_now
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.data.storage import ObjectNotFound, Storage
from shared.errors import Unavailable
from shared.messaging.outbox import enqueue, record, spread_due_times
from sqlalchemy import Uuid, any_, delete, func, insert, literal, or_, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from importer.commands.claims import release_stale_claims
from importer.commands.imports import ValidateImport, apply_action, fail_import, lock_import
from importer.domain.imports import WITHOUT_SPEECHES, compute_turn_pause
from importer.domain.rows import CheckedRow, RowContext, check_row, shorten_cells, to_recording_key
from importer.domain.sentences import hash_sentence
from importer.models import ImportJob, RowError, UploadedFile
from importer.queries.imports import has_earlier_import
from importer.queries.recordings import find_recordings
from importer.queries.sentences import find_known_sentences
from importer.table import ReportWriter, Row, TableFacts, TableProblem, inspect_table, read_rows
from importer.table.object_writer import ObjectWriter

log = structlog.get_logger(__name__)

CHUNK_SIZE = 1_000
MAX_STORED_PROBLEMS = 1_000
"""Per import. The report contains all problems."""
DEFAULT_DELIMITER = ","
INTERNAL_ERROR = "Something went wrong on our side while checking the table: start the import again."


class _Ended(Exception):
    """The import was cancelled, or another attempt has taken over."""


@dataclass(frozen=True)
class _Attempt:
    import_id: UUID
    session_id: UUID
    owner_id: UUID
    dry_run: bool
    source_key: str
    batch_key: str
    report_key: str


async def validate_import(database: Database, storage: Storage, import_id: UUID, *, max_rows: int) -> None:
    """Check every row; then the import is rejected, or ready to be applied. Raises Unavailable."""
    attempt, stale_key = await _begin_attempt(database, import_id)
    if stale_key:
        await storage.delete([stale_key])
    if attempt is None:
        return
    try:
        await release_stale_claims(database, attempt.session_id)
        await _Validation(database, storage, attempt).run(max_rows=max_rows)
    except TableProblem as problem:
        await _fail_attempt(database, attempt, problem)
    except ObjectNotFound:
        await _fail_attempt(
            database,
            attempt,
            TableProblem("not_a_table", "The uploaded table no longer exists: upload it again."),
        )
    except _Ended:
        log.info("validation_ended", import_id=str(import_id))
    except Unavailable:
        raise
    except Exception:
        # Otherwise a bug would make the job a dead letter, and the import would never finish.
        log.exception("validation_failed", import_id=str(import_id))
        await _fail_attempt(database, attempt, TableProblem("not_checked", INTERNAL_ERROR))
    await _delete_unused_batch(database, storage, attempt)


@retry_conflicts
async def _begin_attempt(database: Database, import_id: UUID) -> tuple[_Attempt | None, str | None]:
    """Begin an attempt. Returns None if the import has ended or waits for an earlier one of its owner, and
    the batch of an earlier attempt.
    """
    folder = f"imports/{import_id}"
    batch_key, report_key = f"{folder}/batch-{uuid4()}.jsonl", f"{folder}/report.csv"
    values: dict[str, Any] = {"batch_key": batch_key, "report_key": report_key}
    values |= dict.fromkeys(("rows_checked", "success_count", "error_count", "warning_count"), 0)
    async with database.transaction() as session:
        earlier = await lock_import(session, import_id)
        if earlier.state == "queued" and await has_earlier_import(session, earlier):
            await _postpone(session, earlier)
            return None, None
        stale_key = earlier.batch_key
        job = await apply_action(session, import_id, "start", **values)
        if job is None:
            # An interrupted attempt may have written its batch after the import ended.
            return None, stale_key if earlier.state in WITHOUT_SPEECHES else None
        await session.execute(delete(RowError).where(RowError.job_id == import_id))
        attempt = _Attempt(
            import_id, job.session_id, job.owner_id, job.dry_run, job.source_key, batch_key, report_key
        )
    return attempt, stale_key


async def _postpone(session: AsyncSession, waiting: ImportJob) -> None:
    """Enqueue the job again, behind those of other owners."""
    job = ValidateImport(import_id=waiting.id)
    enqueue(session, job)
    pause = compute_turn_pause(utc_now() - waiting.created_at)
    await spread_due_times(session, [job.id], interval=pause)


@retry_conflicts
async def _fail_attempt(database: Database, attempt: _Attempt, problem: TableProblem) -> None:
    async with database.transaction() as session:
        job = await lock_import(session, attempt.import_id)
        if job.batch_key == attempt.batch_key:
            await fail_import(session, job.id, problem.code, problem.detail, row=problem.row)


@retry_conflicts
async def _delete_unused_batch(database: Database, storage: Storage, attempt: _Attempt) -> None:
    async with database.transaction() as session:
        job = await session.get_one(ImportJob, attempt.import_id)
        is_used = job.state in {"applying", "completed"} and job.batch_key == attempt.batch_key
    if not is_used or attempt.dry_run:
        await storage.delete([attempt.batch_key])


class _Validation:
    """The work of one attempt."""

    def __init__(self, database: Database, storage: Storage, attempt: _Attempt) -> None:
        self._database, self._storage, self._attempt = database, storage, attempt
        self._counts = Counter[str]()
        self._stored_problems = 0

    async def run(self, *, max_rows: int) -> None:
        attempt = self._attempt
        facts = await inspect_table(self._open, max_rows=max_rows)
        await self._store_facts(facts)
        # An incomplete batch is not stored, and content accepts a batch only with its digest.
        async with (
            ObjectWriter(self._storage, attempt.report_key, content_type="text/csv") as report,
            ObjectWriter(self._storage, attempt.batch_key, content_type="application/jsonl") as batch,
        ):
            await self._check(facts, report, batch)
        await self._finish(batch.sha256)

    @retry_conflicts
    async def _store_facts(self, facts: TableFacts) -> None:
        values = {"encoding": facts.dialect.encoding, "delimiter": facts.dialect.delimiter}
        async with self._database.transaction() as session:
            await self._update(session, rows_total=facts.rows_total, **values)

    def _open(self) -> AsyncIterator[bytes]:
        return self._storage.read_stream(self._attempt.source_key)

    async def _check(self, facts: TableFacts, report: ObjectWriter, batch: ObjectWriter) -> None:
        writer = ReportWriter(delimiter=facts.dialect.delimiter or DEFAULT_DELIMITER)
        writer.add_header([facts.header[position] for position in facts.report_columns])
        async for rows in read_rows(self._open, encoding=facts.encoding, size=CHUNK_SIZE):
            context = await self._build_context(facts, rows)
            checked = await asyncio.to_thread(_check_rows, rows, context)
            await report.write(await asyncio.to_thread(_write_report, writer, facts, rows, checked))
            self._count(checked)
            if not self._counts["error"]:
                await batch.write(await asyncio.to_thread(_write_batch, checked))
            await self._store(rows, checked)

    @retry_conflicts
    async def _build_context(self, facts: TableFacts, rows: Sequence[Row]) -> RowContext:
        keys, hashes = await asyncio.to_thread(_to_keys, rows)
        attempt = self._attempt
        async with self._database.transaction() as session:
            recordings = await find_recordings(
                session, session_id=attempt.session_id, import_id=attempt.import_id, name_keys=keys
            )
            known_sentences = await find_known_sentences(session, hashes)
        return RowContext(recordings, known_sentences, facts.repeated_names, facts.repeated_sentences)

    def _count(self, checked: Sequence[CheckedRow]) -> None:
        self._counts["rows"] += len(checked)
        self._counts["success"] += sum(row.speech is not None for row in checked)
        self._counts.update(problem.severity for row in checked for problem in row.problems)

    @retry_conflicts
    async def _store(self, rows: Sequence[Row], checked: Sequence[CheckedRow]) -> None:
        """Store a chunk's problems and the progress in one transaction. Raises _Ended."""
        problems = self._list_problems(rows, checked)
        async with self._database.transaction() as session:
            await self._update(
                session,
                rows_checked=self._counts["rows"],
                success_count=self._counts["success"],
                error_count=self._counts["error"],
                warning_count=self._counts["warning"],
            )
            if problems:
                await session.execute(insert(RowError), problems)
            if not self._attempt.dry_run and not self._counts["error"]:
                await self._claim(session, [row.recording_id for row in checked if row.recording_id])
        self._stored_problems += len(problems)

    def _list_problems(self, rows: Sequence[Row], checked: Sequence[CheckedRow]) -> list[dict[str, object]]:
        problems = (
            {
                "job_id": self._attempt.import_id,
                "row": row.number,
                "cells": shorten_cells(row.values),
                **problem._asdict(),
            }
            for row, row_problems in zip(rows, checked, strict=True)
            for problem in row_problems.problems
        )
        return list(islice(problems, MAX_STORED_PROBLEMS - self._stored_problems))

    async def _update(self, session: AsyncSession, **values: object) -> None:
        attempt = self._attempt
        current = update(ImportJob).where(
            ImportJob.id == attempt.import_id,
            ImportJob.state == "validating",
            ImportJob.batch_key == attempt.batch_key,
        )
        changed = current.values(version=ImportJob.version + 1, updated_at=func.now(), **values)
        if await session.scalar(changed.returning(ImportJob.id)) is None:
            raise _Ended

    async def _claim(self, session: AsyncSession, ids: Sequence[UUID]) -> None:
        import_id = self._attempt.import_id
        # This import's existing claims are those of an interrupted attempt.
        is_free = or_(UploadedFile.claimed_at.is_(None), UploadedFile.import_id == import_id)
        files = update(UploadedFile).where(UploadedFile.id == any_(literal(ids, ARRAY(Uuid))), is_free)
        claimed = files.values(claimed_at=func.now(), import_id=import_id).returning(UploadedFile.id)
        if len((await session.scalars(claimed)).all()) != len(ids):
            detail = "A recording has been removed or used elsewhere: start the import again."
            raise TableProblem("audio_changed", detail)

    @retry_conflicts
    async def _finish(self, batch_sha256: str) -> None:
        attempt = self._attempt
        async with self._database.transaction() as session:
            job = await lock_import(session, attempt.import_id)
            if job.state != "validating" or job.batch_key != attempt.batch_key:
                raise _Ended
            if job.error_count:
                await apply_action(session, job.id, "reject")
            elif job.dry_run:
                await apply_action(session, job.id, "complete")
            else:
                await apply_action(session, job.id, "apply")
                self._record_validated(session, batch_sha256)

    def _record_validated(self, session: AsyncSession, batch_sha256: str) -> None:
        attempt = self._attempt
        batch = ValidatedBatch(
            import_id=attempt.import_id,
            owner_id=attempt.owner_id,
            batch_key=attempt.batch_key,
            batch_sha256=batch_sha256,
            rows=self._counts["rows"],
        )
        record(session, ImportValidated, subject=str(attempt.import_id), data=batch)


def _to_keys(rows: Sequence[Row]) -> tuple[set[str], set[int]]:
    keys = {to_recording_key(row.values["audio_filename"]) for row in rows}
    return keys - {""}, {hash_sentence(row.values["text"]) for row in rows}


def _check_rows(rows: Sequence[Row], context: RowContext) -> list[CheckedRow]:
    return [check_row(row.number, row.values, context, has_extra_cells=row.has_extra_cells) for row in rows]


def _write_report(
    writer: ReportWriter, facts: TableFacts, rows: Sequence[Row], checked: Sequence[CheckedRow]
) -> bytes:
    for row, row_problems in zip(rows, checked, strict=True):
        # Cells without a header are appended, so that they are not lost.
        problem_texts = [
            row.cells[position] if position < len(row.cells) else "" for position in facts.report_columns
        ]
        codes = dict.fromkeys(problem.code for problem in row_problems.problems)
        messages = dict.fromkeys(problem.message for problem in row_problems.problems)
        writer.add(problem_texts, codes=codes, messages=messages)
    return writer.drain()


def _write_batch(checked: Sequence[CheckedRow]) -> bytes:
    lines = (row.speech.model_dump_json() for row in checked if row.speech is not None)
    return "".join(chain.from_iterable((line, "\n") for line in lines)).encode()
