"""Dependencies of the routes."""

from typing import Annotated

from fastapi import Depends, Header, Query, Request
from shared.db import Database
from shared.storage import Storage

from game.receipts import ReceiptVerifier


async def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


async def _receipts(request: Request) -> ReceiptVerifier:
    receipts: ReceiptVerifier = request.app.state.receipt_verifier
    return receipts


async def _storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage


DatabaseDep = Annotated[Database, Depends(_database)]
ReceiptVerifierDep = Annotated[ReceiptVerifier, Depends(_receipts)]
StorageDep = Annotated[Storage, Depends(_storage)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="Makes repeating the request safe: visible ASCII, new for every session, yours alone.",
    ),
]
TimeZone = Annotated[str, Query(max_length=64, description="IANA name, such as Europe/Berlin.")]
