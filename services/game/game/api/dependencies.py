"""Dependencies of the routes, and responses that all of them describe."""

from typing import Annotated, Any

from shared.http.dependencies import from_state

from game.receipts import ReceiptVerifier

ReceiptVerifierDep = Annotated[ReceiptVerifier, from_state("receipt_verifier")]

type Responses = dict[int | str, dict[str, Any]]
DATABASE_RESPONSE: Responses = {
    503: {
        "description": "`database_unavailable`: try again in a moment.",
        "headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
    }
}
