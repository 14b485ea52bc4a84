"""Dependencies of the routes, and responses that all of them describe."""

from typing import Annotated

from shared.http.dependencies import from_state
from shared.http.problems import RETRY_AFTER, Responses

from game.receipts import ReceiptVerifier

ReceiptVerifierDep = Annotated[ReceiptVerifier, from_state("receipt_verifier")]

DATABASE_RESPONSE: Responses = {
    503: {
        "description": "`database_unavailable`: try again in a moment.",
        "headers": RETRY_AFTER,
    }
}
