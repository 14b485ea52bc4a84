"""What root does not run itself: PostgreSQL refuses to, and the other servers have no need to."""

import functools
import os
import pwd
import shutil
import subprocess
from pathlib import Path

ACCOUNT = "nobody"
CAP_DAC_READ_SEARCH = 2


def own(path: Path) -> None:
    """Make a folder that only the servers' account may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    give(path)


def give(path: Path) -> None:
    """Hand a file or folder to the account that the servers run as."""
    if os.geteuid() == 0:
        account = pwd.getpwnam(ACCOUNT)
        os.chown(path, account.pw_uid, account.pw_gid)


def write(path: Path, text: str) -> None:
    """Write a file that only the servers' account may read."""
    path.touch(mode=0o600)
    path.write_text(text)
    give(path)


def dropped(executable: Path, folder: Path) -> list[str]:
    """The words before a command that make it run without privileges; none when there are none to drop.

    A clone inside root's home cannot be entered by another account. Opening that home to everyone is no
    answer, so the process then keeps one capability, to look into folders; it still writes nowhere else.
    """
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise OSError("run this as an ordinary user: there is no setpriv to start servers without root")
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
    # access(2), by which Erlang asks before it writes, counts the capability only with this security bit.
    return ("setpriv", *identity, "--securebits=+no_setuid_fixup", *capabilities, "--")


def _capable(capability: int) -> bool:
    status = Path("/proc/self/status").read_text()
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> capability & 1)
