"""The API process of the game service."""

from fastapi import FastAPI
from shared.http.admission import Lane, UserShares, WorkSlots
from shared.http.app import create_api

from game.api import routers
from game.api.session_batches import PATH as BATCH_PATH
from game.export import ExportBudget
from game.panel import add_panel
from game.receipts import ReceiptVerifier
from game.settings import ApiSettings

# A batch uses a connection for as long as fifty sessions. Three would leave too few of an embedded run's six
# connections for other requests.
MAX_BATCHES, MAX_WAITING_BATCHES, MAX_BATCH_WAIT_SECONDS = 2, 8, 5.0

# Room for fifty sessions of ten results with receipts, below the gateway's 1 MiB.
MAX_BATCH_BYTES = 983_040


def create_app(settings: ApiSettings) -> FastAPI:
    """Raise OSError, ValueError or KeyError if the receipt keys cannot be read."""
    lanes = {BATCH_PATH: _create_batch_lane()}
    app = create_api(settings, *routers, title="Parley game", lanes=lanes)
    app.state.export_budget = ExportBudget()
    app.state.receipt_verifier = ReceiptVerifier.from_file(settings.receipt_jwks_file)
    add_panel(app)
    return app


def _create_batch_lane() -> Lane:
    slots = WorkSlots(
        max_in_work=MAX_BATCHES, max_waiting=MAX_WAITING_BATCHES, max_wait_seconds=MAX_BATCH_WAIT_SECONDS
    )
    # The parsed body takes ten times its size in memory, so a second batch of a learner does not wait.
    shares = UserShares(max_in_work=1, max_waiting=0, max_wait_seconds=MAX_BATCH_WAIT_SECONDS)
    return Lane(slots=slots, shares=shares, max_body_bytes=MAX_BATCH_BYTES)
