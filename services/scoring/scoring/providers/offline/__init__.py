"""The `offline` provider: a speech model, an aligner and score models, which need no key and no network."""

import os

PROVIDER, SCORER = "offline", "offline-2"

# Must be set before onnxruntime is imported. Otherwise onnxruntime reports its use to Microsoft, and opens
# connections, threads, and a database in the home folder.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
