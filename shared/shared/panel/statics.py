"""Style sheets and scripts. Their URLs change with their content, so that browsers can cache them."""

import hashlib
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from stat import S_ISREG

from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from shared.errors import NotFound

STATICS = "/statics"
IMMUTABLE_CACHE_CONTROL = "public, max-age=31536000, immutable"
REVALIDATED = "public, no-cache"


class PanelStatics(StaticFiles):
    """Files of the panel, the service and installed packages, under one path."""

    def __init__(self, folders: Sequence[Path], packages: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(packages=list(packages), check_dir=False)
        self.all_directories = [*folders, *self.all_directories]

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        try:
            return super().lookup_path(path)
        except (ValueError, OSError):
            # A name with NUL, or one that is too long.
            return "", None

    async def get_response(self, path: str, scope: Scope) -> Response:
        full_path, stat = self.lookup_path(path)
        if stat is None or not S_ISREG(stat.st_mode):
            raise NotFound("There is no such file.")
        response = await super().get_response(path, scope)
        version = QueryParams(scope["query_string"]).get("v")
        is_current = version == _compute_digest(Path(full_path), stat.st_mtime)
        response.headers["Cache-Control"] = IMMUTABLE_CACHE_CONTROL if is_current else REVALIDATED
        return response

    def build_address(self, prefix: str, name: str) -> str:
        """Return a file's URL. Raises LookupError if a template misspells it."""
        full_path, stat = self.lookup_path(name)
        if stat is None:
            raise LookupError(name)
        return f"{prefix}{STATICS}/{name}?v={_compute_digest(Path(full_path), stat.st_mtime)}"


@cache
def _compute_digest(path: Path, changed_at: float) -> str:
    """Hash a file, again when it has changed."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
