"""A backup reads every column that holds the key of an object."""

import re
from pathlib import Path

import pytest

from deploy.backup.references import REFERENCES
from deploy.services import DATABASE_OWNERS

ROOT = Path(__file__).parents[3]
# Rows that only say that an object may exist have a column `key`.
KEY = re.compile(r"(\w+_key): Mapped\[.*\] = mapped_column\((?:String\(1024\)|Text)")


@pytest.mark.parametrize("service", [service.name for service in DATABASE_OWNERS])
def test_every_column_with_an_object_key_is_backed_up(service: str) -> None:
    folder = ROOT / "services" / service / service
    files = [*folder.glob("models.py"), *folder.glob("models/*.py")]
    columns = {column for file in files for column in KEY.findall(file.read_text())}
    assert bool(columns) is (service in REFERENCES)
    assert columns == {name for name in columns if name in REFERENCES.get(service, "")}
