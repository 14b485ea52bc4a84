"""Dependencies of the routes, and responses that several of them describe."""

from typing import Annotated, Any

from fastapi import Depends, Request
from shared.db import Database
from shared.storage import Storage

from game.receipts import ReceiptVerifier


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _receipt_verifier(request: Request) -> ReceiptVerifier:
    verifier: ReceiptVerifier = request.app.state.receipt_verifier
    return verifier


async def _storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage


DatabaseDep = Annotated[Database, Depends(_database)]
ReceiptVerifierDep = Annotated[ReceiptVerifier, Depends(_receipt_verifier)]
StorageDep = Annotated[Storage, Depends(_storage)]

type Responses = dict[int | str, dict[str, Any]]
DATABASE_RESPONSE: Responses = {
    503: {
        "description": "`database_unavailable`: try again in a moment.",
        "headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
    }
}
