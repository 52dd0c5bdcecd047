"""One polite client for all catalogues: repeated attempts, ``Retry-After``, few requests at a time, and errors that tell."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from sen2like import __version__
from sen2like.errors import Sen2LikeError

if TYPE_CHECKING:  # most runs ask nobody, and do without the time it takes to import it
    import requests

ATTEMPTS = 4
TIMEOUT_S = 120.0
"""Longest time without a sign of the server, seconds."""
PAUSE_S = 5.0
"""Before the second attempt, seconds; doubled for each further one."""
LONGEST_PAUSE_S = 600.0
"""A server that asks for a longer pause is given up, seconds."""
AT_A_TIME = 4
"""Requests in flight."""
FINAL = frozenset({400, 401, 404, 405, 410, 414, 422})
"""Status codes that another attempt will not change."""
SHOWN = 200
"""Characters of an answer that an error shows."""


class Unreachable(Sen2LikeError):
    """A catalogue could not be read, so that nothing is known about what it holds."""


@dataclass(frozen=True)
class _Failure:
    """Why an attempt failed."""

    cause: str
    final: bool = False
    pause: float | None = None
    """Seconds that the server asks to wait."""


class Http:
    """JSON documents from the network. Shared by all sources and threads of a run; `close` also ends pauses."""

    def __init__(
        self,
        *,
        timeout: float = TIMEOUT_S,
        attempts: int = ATTEMPTS,
        pause: float = PAUSE_S,
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.time,
    ):
        self._timeout, self._attempts, self._pause, self._clock = timeout, attempts, pause, clock
        self._closed = threading.Event()
        self._sleep = sleep or self._closed.wait
        self._slots = threading.BoundedSemaphore(AT_A_TIME)
        self._held: requests.Session | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            if self._held is not None:
                self._held.close()

    def get_json(self, url: str) -> dict[str, Any]:
        """The JSON object at `url`; `Unreachable` after the last attempt."""
        return self._json(url, None)

    def post_json(self, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON object that `url` answers to `body`; `Unreachable` after the last attempt."""
        return self._json(url, body)

    def _json(self, url: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        for attempt in range(1, self._attempts + 1):
            if self._closed.is_set():
                raise Unreachable(f"{shown(url)}: not asked, the run is ending")
            with self._slots:
                answer = self._attempt(url, body)
            if not isinstance(answer, _Failure):
                return answer
            failure = answer
            pause = self._pause * 2 ** (attempt - 1) if failure.pause is None else failure.pause
            if failure.final or attempt == self._attempts:
                break
            if pause > LONGEST_PAUSE_S:
                failure = _Failure(f"{failure.cause}; the server asks to wait {pause:.0f} s")
                break
            self._sleep(pause)
        times = "1 attempt" if attempt == 1 else f"{attempt} attempts"
        remedy = "correct the address" if failure.final else "check the address and the network, or run again later"
        raise Unreachable(f"{shown(url)}: {failure.cause} ({times}); {remedy}")

    def _session(self) -> requests.Session:
        """One for all threads, made for the first request."""
        import requests
        from requests.adapters import HTTPAdapter

        with self._lock:
            if self._held is None:
                self._held = requests.Session()
                self._held.headers["User-Agent"] = f"sen2like/{__version__}"
                self._held.headers["Accept"] = "application/geo+json, application/json"
                for scheme in ("http://", "https://"):
                    self._held.mount(scheme, HTTPAdapter(pool_maxsize=AT_A_TIME))
            return self._held

    def _attempt(self, url: str, body: Mapping[str, Any] | None) -> dict[str, Any] | _Failure:
        import requests

        session = self._session()
        try:
            if body is None:
                response = session.get(url, timeout=self._timeout)
            else:
                response = session.post(url, json=body, timeout=self._timeout)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema) as error:
            return _Failure(f"not an address that can be asked ({error})", final=True)
        except requests.exceptions.Timeout:
            return _Failure(f"no answer within {self._timeout:g} s")
        except requests.exceptions.RequestException as error:
            return _Failure(f"{type(error).__name__}: {_cause(error)}")
        status = f"HTTP {response.status_code}"
        text = f"{status}, answer begins {_start(response)!r}"
        if response.status_code != requests.codes.ok:
            final = response.status_code in FINAL
            return _Failure(text, final, retry_after(response.headers.get("Retry-After"), self._clock()))
        try:
            answer = response.json()
        except requests.exceptions.JSONDecodeError:
            return _Failure(f"{text}, which is not complete JSON")
        return answer if isinstance(answer, dict) else _Failure(f"{text}, which is not a JSON object", final=True)


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait for a ``Retry-After`` header (RFC 9110 section 10.2.3: seconds or a date); None: it asks nothing."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def shown(url: str) -> str:
    """The address as messages show it: without a password in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _start(response: requests.Response) -> str:
    return " ".join(response.content[: 4 * SHOWN].decode("utf-8", "replace").split())[:SHOWN]


def _cause(error: BaseException) -> str:
    """The innermost reason of a network error, without the layers of the libraries."""
    while error.args and isinstance(reason := getattr(error.args[0], "reason", error.args[0]), BaseException):
        error = reason
    return str(error)[:SHOWN]
