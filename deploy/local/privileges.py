"""Runs servers without root, as which PostgreSQL refuses to run, and which the others do not need."""

import functools
import os
import pwd
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
ACCOUNT = "nobody"
CAP_DAC_READ_SEARCH = 2
LIST_CLOSED_FOLDERS = 'for folder in "$@"; do [ -x "$folder" ] || echo "$folder"; done'


def take_ownership(path: Path) -> None:
    """Create a folder that only the servers' account may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    give_ownership(path)


def allow_traversal(path: Path) -> None:
    """Let other accounts traverse a folder without listing it."""
    path.chmod(path.stat().st_mode | 0o011)


def give_ownership(path: Path) -> None:
    """Give a file or folder to the account that the servers run as."""
    if os.geteuid() == 0:
        account = pwd.getpwnam(ACCOUNT)
        os.chown(path, account.pw_uid, account.pw_gid)


def write(path: Path, text: str) -> None:
    """Write a file that only the servers' account may read."""
    path.touch(mode=0o600)
    path.write_text(text)
    give_ownership(path)


def build_unprivileged_command(executable: Path, folder: Path) -> list[str]:
    """Return the command prefix that drops root's privileges; empty for an ordinary user."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise OSError("run this as an ordinary user: setpriv, which starts servers without root, is missing")
    return list(_build_prefix(executable, folder))


@functools.cache
def _build_prefix(executable: Path, folder: Path) -> tuple[str, ...]:
    account = pwd.getpwnam(ACCOUNT)
    identity = (f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--no-new-privs")
    command = ("setpriv", *identity, "--bounding-set=-all", "--")
    needed = (ROOT, folder, executable.parent, Path(sys.base_prefix))
    closed = _find_closed(command, needed)
    if not closed:
        return command
    # Another account cannot enter a clone in root's home, and that home should not be opened to everyone. The
    # process therefore sees a home with only the paths that it needs.
    masked = ("unshare", "--mount", "--", "/bin/sh", "-ec", _build_mask(closed, needed), "sh", *command)
    test: list[str | Path] = [*masked, "test", "-x", executable, "-a", "-x", folder]
    if subprocess.run(test, check=False, capture_output=True).returncode == 0:
        return masked
    return _build_reading_prefix(identity) if _is_capable(CAP_DAC_READ_SEARCH) else command


def _find_closed(command: tuple[str, ...], needed: Iterable[Path]) -> list[Path]:
    """List the outermost folders on the way to `needed` that the account cannot enter."""
    ancestors = sorted({str(folder) for path in needed for folder in (path, *path.parents)})
    result = subprocess.run(
        [*command, "/bin/sh", "-c", LIST_CLOSED_FOLDERS, "sh", *ancestors],
        check=True,
        capture_output=True,
        text=True,
    )
    closed = set(map(Path, result.stdout.splitlines()))
    return [path for path in sorted(closed) if not closed.intersection(path.parents)]


def _build_mask(closed: Iterable[Path], needed: Iterable[Path]) -> str:
    """Return a script that hides the closed folders behind empty ones that contain only the needed paths."""
    outer = [p for p in needed if any(p.is_relative_to(c) for c in closed)]
    outermost = [p for p in dict.fromkeys(outer) if not set(outer).intersection(p.parents)]
    # The descriptors still refer to the folders after the mount hides their paths.
    lines = [f"exec {number}< {shlex.quote(str(path))}" for number, path in enumerate(outermost, 3)]
    lines += [f"mount -t tmpfs -o mode=755,size=1m tmpfs {shlex.quote(str(path))}" for path in closed]
    for number, path in enumerate(outermost, 3):
        lines.append(f"mkdir -p {shlex.quote(str(path))}")
        lines.append(f"mount -c --rbind /proc/self/fd/{number} {shlex.quote(str(path))}")
        lines.append(f"exec {number}<&-")
    # The working directory still leads outside.
    lines += ['cd "$PWD"', 'exec "$@"']
    return "\n".join(lines)


def _build_reading_prefix(identity: Iterable[str]) -> tuple[str, ...]:
    """Return a prefix that keeps the right to read all files, where namespaces are not allowed."""
    kinds = ("inh-caps", "ambient-caps", "bounding-set")
    capabilities = (f"--{kind}=-all,+dac_read_search" for kind in kinds)
    # Erlang checks with access(2) before it writes, which counts the capability only with this security bit.
    return ("setpriv", *identity, "--securebits=+no_setuid_fixup", *capabilities, "--")


def _is_capable(capability: int) -> bool:
    status = Path("/proc/self/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> capability & 1)
