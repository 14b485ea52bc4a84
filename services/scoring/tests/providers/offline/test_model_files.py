from pathlib import Path

import numpy as np
import pytest
from scoring.providers.offline.model_files import (
    SHA256,
    ModelFilesUnusable,
    load_model_files,
    verify_files,
)


def test_the_installed_files_are_the_expected_ones() -> None:
    files = load_model_files()
    assert len(files.encoder) > 10_000_000
    assert len(files.decoder) > 10_000_000


def test_a_missing_file_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesUnusable) as excinfo:
        load_model_files(tmp_path)
    assert "encoder_model.ort: No such file" in str(excinfo.value)
    assert "\n" not in str(excinfo.value)


def test_an_altered_file_is_reported_in_one_line(tmp_path: Path) -> None:
    for name in SHA256:
        (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(ModelFilesUnusable, match=r"was altered: .*encoder_model\.ort has another SHA-256"):
        load_model_files(tmp_path)


def test_a_missing_package_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scoring.providers.offline.model_files.PACKAGE", "no_such_package")
    with pytest.raises(ModelFilesUnusable, match="is missing: run `make setup`"):
        load_model_files()


def test_missing_weights_are_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesUnusable) as excinfo:
        verify_files(weights=tmp_path / "scorer.npz")
    assert f"The weights are unusable: {tmp_path}" in str(excinfo.value)
    assert "\n" not in str(excinfo.value)


def test_altered_weights_are_reported_in_one_line(tmp_path: Path) -> None:
    weights = tmp_path / "scorer.npz"
    np.savez(weights, first=np.arange(1000), second=np.arange(1000))
    content = bytearray(weights.read_bytes())
    content[len(content) // 4] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelFilesUnusable, match=r"were altered: .*first\.npy"):
        verify_files(weights=weights)
