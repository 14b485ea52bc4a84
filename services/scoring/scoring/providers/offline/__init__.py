"""The `offline` provider, without key or network: a speech model, an aligner and score models."""

import os

PROVIDER, SCORER = "offline", "offline-2"

# onnxruntime reports its use to Microsoft unless this is set before it is imported. For that it opens a
# database in the home folder, connections and threads.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
