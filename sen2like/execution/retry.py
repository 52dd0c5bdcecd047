"""Trying again what failed for a reason that passes: a network file system that hiccups, a connection that broke."""

import errno
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

TRANSIENT_ERRNO = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EINTR,
        errno.EIO,
        errno.ENETDOWN,
        errno.ENETRESET,
        errno.ENETUNREACH,
        errno.ENOLCK,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)
"""What network file systems and sockets answer while a server restarts or a link is down. EIO is among them because soft
NFS mounts give it on a time-out; on a broken disk the retries end with the same error."""


@dataclass(frozen=True)
class Backoff:
    """`attempts` in all; the pause before the second is `first` seconds, each next one `factor` times longer up to `longest`."""

    attempts: int = 4
    first: float = 1.0
    factor: float = 3.0
    longest: float = 60.0
    spread: float = 0.2
    """Each pause is drawn from this relative range around its length, so that many runs do not come back at once."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first < 0 or self.factor < 1 or not 0 <= self.spread < 1:
            raise ValueError(f"{self}: attempts >= 1, first >= 0, factor >= 1 and 0 <= spread < 1 are needed")

    def pauses(self) -> Iterator[float]:
        """Seconds to wait before each attempt but the first."""
        for n in range(self.attempts - 1):
            yield self.pause(n + 1)

    def pause(self, failures: int) -> float:
        """Seconds to wait after that many failures (1, 2, ...)."""
        exact = self.first
        for _ in range(failures - 1):  # not a power: that overflows long after `longest` is reached
            if exact >= self.longest:
                break
            exact *= self.factor
        return min(exact, self.longest) * random.uniform(1 - self.spread, 1 + self.spread)


def is_transient(error: BaseException | None) -> bool:
    """True if the error, or one it was raised from, is an I/O error that may pass."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and (error.errno in TRANSIENT_ERRNO or isinstance(error, TimeoutError | ConnectionError)):
            return True
        error = error.__cause__
    return False


def retrying(
    call: Callable[P, T],
    backoff: Backoff | None = None,
    transient: Callable[[BaseException], bool] = is_transient,
    told: Callable[[BaseException, float], None] | None = None,
    sleep: Callable[[float], object] = time.sleep,
) -> Callable[P, T]:
    """`call`, tried again after each transient error; the last error is raised as it is.

    `told(error, seconds)` hears of each pause. `sleep` may be the ``wait`` of a stop flag: when it returns True, waiting
    was cut short and the error is raised.
    """

    def patient(*args: P.args, **kwargs: P.kwargs) -> T:
        for pause in (backoff or Backoff()).pauses():
            try:
                return call(*args, **kwargs)
            except Exception as e:
                if not transient(e):
                    raise
                if told is not None:
                    told(e, pause)
                if sleep(pause) is True:
                    raise
        return call(*args, **kwargs)

    return patient
