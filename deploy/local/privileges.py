"""Running servers without root: PostgreSQL refuses to run as root, and the others do not need it."""

import functools
import os
import pwd
import shutil
import subprocess
from pathlib import Path

ACCOUNT = "nobody"
CAP_DAC_READ_SEARCH = 2


def own(path: Path) -> None:
    """Create a folder that only the servers' account may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    give(path)


def give(path: Path) -> None:
    """Give a file or folder to the account that the servers run as."""
    if os.geteuid() == 0:
        account = pwd.getpwnam(ACCOUNT)
        os.chown(path, account.pw_uid, account.pw_gid)


def write(path: Path, text: str) -> None:
    """Write a file that only the servers' account may read."""
    path.touch(mode=0o600)
    path.write_text(text)
    give(path)


def dropped(executable: Path, folder: Path) -> list[str]:
    """Return the command prefix that drops root's privileges; empty for an ordinary user.

    Another account cannot enter a clone inside root's home, and that home should not be opened to everyone.
    There the process keeps a single capability to read folders; it gains no right to write.
    """
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise OSError("run this as an ordinary user: setpriv, which starts servers without root, is missing")
    return list(_prefix(executable, folder))


@functools.cache
def _prefix(executable: Path, folder: Path) -> tuple[str, ...]:
    account = pwd.getpwnam(ACCOUNT)
    identity = (f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--no-new-privs")
    bare = ("setpriv", *identity, "--bounding-set=-all", "--")
    reach = subprocess.run([*bare, "test", "-x", executable, "-a", "-x", folder], check=False)
    if reach.returncode == 0 or not _capable(CAP_DAC_READ_SEARCH):
        return bare
    kinds = ("inh-caps", "ambient-caps", "bounding-set")
    capabilities = (f"--{kind}=-all,+dac_read_search" for kind in kinds)
    # Erlang checks with access(2) before it writes, which counts the capability only with this security bit.
    return ("setpriv", *identity, "--securebits=+no_setuid_fixup", *capabilities, "--")


def _capable(capability: int) -> bool:
    status = Path("/proc/self/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> capability & 1)
