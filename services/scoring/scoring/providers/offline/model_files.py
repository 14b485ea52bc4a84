"""Finds the files of the speech model, Moonshine tiny (Jeffries 2024, arXiv 2410.15608; MIT licence).

They are part of the wheel of moonshine-voice, which is pinned by hash and never imported.
"""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from shared.errors import CannotStart

REPAIR_HINT = "run `make setup`, or build the image again"
WEIGHTS = Path(__file__).parent / "data" / "scorer.npz"
PACKAGE, FOLDER = "moonshine_voice", "assets/tiny-en"
SHA256 = {
    "encoder_model.ort": "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    "decoder_model_merged.ort": "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
    "tokenizer.bin": "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
}


class ModelFilesUnusable(CannotStart):
    """A file of the speech model, or the weights file, is missing or altered."""


@dataclass(frozen=True)
class ModelFiles:
    encoder: bytes
    decoder: bytes
    tokenizer: bytes


def load_model_files(folder: Path | None = None) -> ModelFiles:
    """Read and verify the files. Raises ModelFilesUnusable."""
    return ModelFiles(*(_read(folder or _find_folder(), name) for name in SHA256))


def verify_files(folder: Path | None = None, weights: Path = WEIGHTS) -> None:
    """Raise ModelFilesUnusable unless the speech model and the weights are intact."""
    load_model_files(folder)
    try:
        with ZipFile(weights) as archive:
            damaged = archive.testzip()
    except (OSError, BadZipFile) as error:
        raise ModelFilesUnusable(f"The weights are unusable: {weights}: {error}.") from error
    if damaged:
        raise ModelFilesUnusable(f"The weights were altered: {weights}: {damaged}.")


def _find_folder() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelFilesUnusable(f"The speech model ({PACKAGE}) is missing: {REPAIR_HINT}.")
    return Path(spec.origin).parent / FOLDER


def _read(folder: Path, name: str) -> bytes:
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        detail = f"The speech model is incomplete: {folder / name}: {error.strerror}; {REPAIR_HINT}."
        raise ModelFilesUnusable(detail) from error
    if hashlib.sha256(content).hexdigest() != SHA256[name]:
        detail = f"The speech model was altered: {folder / name} has another SHA-256; {REPAIR_HINT}."
        raise ModelFilesUnusable(detail)
    return content
