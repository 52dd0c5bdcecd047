"""`TileLock`: one run at a time per tile of an archive, on one machine or on several that share the file system.

The lock is the file ``<archive_dir>/<tile>/.lock``, created with O_EXCL (which network file systems keep their word on,
unlike advisory locks) and touched by its owner while it lives. It says who holds it. A lock whose owner is dead is
inherited: the right to remove the lock with the token T belongs to whoever creates ``.lock-T-heir``, a name that is never
used twice, so two runs that find the same dead lock never remove each other's new one.
"""

import atexit
import json
import logging
import os
import random
import secrets
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal

from sen2like.errors import Sen2LikeError

log = logging.getLogger(__name__)

NAME = ".lock"
HEARTBEAT = 20.0
"""Seconds between two touches of a lock by its owner."""
STALE_AFTER = 600.0
"""Seconds without a touch after which a lock of another machine counts as dead. Longer than any hiccup of a file server."""
_POLL = 2.0


class TileLocked(Sen2LikeError):
    """Another run works on the same tile of the same archive."""


@dataclass(frozen=True)
class Owner:
    """Who holds a lock."""

    token: str
    """Of this one lock; never used twice."""
    host: str
    machine: str
    """Boot and process-number space: only with equal ones can a process number be looked up."""
    pid: int
    born: str
    """Start of the process, in clock ticks since boot: a process number alone may be used again."""
    run: str
    since: str

    @classmethod
    def here(cls, run: str) -> "Owner":
        """This process, with a new token."""
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return cls(secrets.token_hex(12), socket.gethostname(), _machine(), os.getpid(), _born(os.getpid()) or "", run, now)

    def dead(self) -> bool | None:
        """Whether its process has ended; None: cannot be told from here."""
        if not self.machine or self.machine != _machine():
            return None
        born = _born(self.pid)
        if born is None:
            return None
        return born != self.born

    def __str__(self) -> str:
        if not self.run:
            return "a run that did not write its name"
        return f"run {self.run} (process {self.pid} on {self.host}, since {self.since})"


class TileLock:
    """``with TileLock(archive_dir, "31TFJ", run_id):`` holds the lock of the tile, released on every way out.

    `if_held`: ``wait`` for the other run, or ``exit`` with `TileLocked` at once. `stop` ends the waiting, with `TileLocked`.
    `lost` is called, once and from another thread, if the lock is found to be somebody else's (this machine slept longer
    than `stale_after`, or a hand removed the file): what is being done should then stop.
    """

    def __init__(
        self,
        archive_dir: Path,
        tile: str,
        run: str,
        if_held: Literal["wait", "exit"] = "wait",
        stop: threading.Event | None = None,
        lost: Callable[[], None] | None = None,
        heartbeat: float = HEARTBEAT,
        stale_after: float = STALE_AFTER,
        poll: float = _POLL,
    ):
        if stale_after < 3 * heartbeat:
            raise ValueError(f"stale_after = {stale_after} s must be at least three heartbeats of {heartbeat} s")
        self.path = archive_dir / tile / NAME
        self.tile = tile
        self.owner: Owner | None = None
        """This process while it holds the lock."""
        self._run, self._if_held, self._stop, self._lost = run, if_held, stop or threading.Event(), lost
        self._heartbeat, self._stale_after, self._poll = heartbeat, stale_after, poll
        self._released = threading.Event()
        self._beating: threading.Thread | None = None

    def __enter__(self) -> "TileLock":
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    def acquire(self) -> None:
        """Take the lock. OSError: the folder of the tile cannot be created or written to."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        me, told = Owner.here(self._run), False
        while not _create(self.path, me):
            held = _read(self.path)
            if held is None:
                continue  # released in between
            if _stale(self.path, held, self._stale_after):
                if _inherit(self.path, held, me, self._stale_after):
                    log.warning("tile %s: took over the lock of %s, which has ended without releasing it", self.tile, held)
                    continue
            elif self._if_held == "exit":
                raise TileLocked(f"tile {self.tile} is in use by {held}; try again when it has ended. The lock is {self.path}")
            elif not told:
                log.info("tile %s is in use by %s; waiting until it has ended. The lock is %s", self.tile, held, self.path)
                told = True
            if self._stop.wait(self._poll * random.uniform(0.5, 1.0)):
                raise TileLocked(f"tile {self.tile}: stopped while waiting for {held}")
        self.owner = me
        _sweep(self.path)
        self._released.clear()
        self._beating = threading.Thread(target=self._beat, args=(me,), name="lock", daemon=True)
        self._beating.start()
        atexit.register(self.release)

    def release(self) -> None:
        """Give the lock back; nothing happens if this process does not hold it (any more)."""
        me, self.owner = self.owner, None
        if me is None or me.pid != os.getpid():
            return
        self._released.set()
        if self._beating is not None and self._beating is not threading.current_thread():
            self._beating.join()
        atexit.unregister(self.release)
        held = _read(self.path)
        if held is not None and held.token == me.token:
            with suppress(FileNotFoundError):
                self.path.unlink()

    def _beat(self, me: Owner) -> None:
        while not self._released.wait(self._heartbeat):
            try:
                held = _read(self.path)
                if held is not None and held.token == me.token:
                    os.utime(self.path)  # no times given: a file server puts its own clock's
                    continue
            except OSError as e:
                log.warning("the lock %s cannot be kept alive now (%s); trying again", self.path, e)
                continue
            log.error("the lock %s is not ours any more: %s", self.path, held or "the file is gone")
            if self._lost is not None:
                self._lost()
            return


def holder(archive_dir: Path, tile: str, stale_after: float = STALE_AFTER) -> Owner | None:
    """The run that works on a tile now; None: nobody, or a dead one."""
    path = archive_dir / tile / NAME
    held = _read(path)
    return None if held is None or _stale(path, held, stale_after) else held


def _create(path: Path, owner: Owner) -> bool:
    """Create a lock file; False: there is one already."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return False
    try:
        with open(fd, "w") as file:
            json.dump(asdict(owner), file)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True


def _read(path: Path) -> Owner | None:
    """Who holds the lock; None: there is no such file. One that is being written, or broken, has an owner nobody knows."""
    try:
        with open(path) as file:
            text, number = file.read(), os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return None
    try:
        return Owner(**json.loads(text))
    except (ValueError, TypeError):
        return Owner(f"unreadable-{number}", "", "", 0, "", "", "")


def _stale(path: Path, held: Owner, stale_after: float) -> bool:
    """Its process is dead, or, where that cannot be told, it was not touched for too long by the clock of the file system."""
    dead = held.dead()
    if dead is not None:
        return dead
    probe = path.with_name(f"{NAME}-{secrets.token_hex(6)}-now")
    try:
        touched = path.stat().st_mtime
        probe.touch(exist_ok=False)
        now = probe.stat().st_mtime
    except FileNotFoundError:
        return False
    finally:
        probe.unlink(missing_ok=True)
    return now - touched > stale_after


def _inherit(path: Path, held: Owner, me: Owner, stale_after: float) -> bool:
    """Remove the lock of a dead owner; True if this process did it. The lock itself must then still be won."""
    heir = path.with_name(f"{NAME}-{held.token}-heir")
    heirs = [heir]
    while not _create(heir, me):
        other = _read(heir)
        if other is None or not _stale(heir, other, stale_after):
            return False
        heir = path.with_name(f"{NAME}-{other.token}-heir")  # an heir that died: its right goes on to its own heir
        heirs.append(heir)
    try:
        now = _read(path)
        if now is None or now.token != held.token:  # an earlier heir was faster
            heirs = heirs[-1:]
            return False
        path.unlink()
        return True
    finally:
        for file in heirs:
            file.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Remove what runs that died while they looked at a lock left; only for its owner, since no other lock can be valid now."""
    for file in path.parent.glob(f"{NAME}-*"):
        file.unlink(missing_ok=True)


def _machine() -> str:
    """Empty where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _born(pid: int) -> str | None:
    """Start of a process that lives; empty: there is none (a zombie has ended too); None: it is hidden from us."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None if process_exists(pid) else ""
    return "" if fields[0] in "ZX" else fields[19]


def process_exists(pid: int) -> bool:
    """Whether this machine has a process of that number, whoever owns it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
