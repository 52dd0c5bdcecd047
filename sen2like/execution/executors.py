"""Where jobs run, behind one small interface: `InProcess` here, `ProcessPool` and `DaskCluster` in modules of their own.

A job is ``call(*args, emit, stop)``: `emit` sends what happens inside to whoever submitted it, `stop` is a
`threading.Event` of this job alone that asks it to end soon. Result and events are the same wherever it runs; a job that
leaves this process is pickled, so its call must be importable and its arguments plain values.
"""

import pickle
import socket
import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from os import getpid
from types import TracebackType
from typing import Any

from sen2like.errors import Sen2LikeError

Call = Callable[..., Any]
Emit = Callable[[Any], None]


class WorkerLost(Sen2LikeError):
    """The process that ran a job ended before the job did."""


@dataclass(frozen=True)
class Restarted:
    """Emitted when the executor itself began a job anew elsewhere; what the job emitted before is void."""

    reason: str


class Running(ABC):
    """A submitted job. `future` ends after everything the job emitted was passed on; a dead worker gives `WorkerLost`."""

    def __init__(self, emit: Emit):
        self.emit = emit
        self.future: Future[Any] = Future()
        self.started: float | None = None
        """``time.monotonic()`` when the job began; None while it waits for a worker."""
        self._unreadable: ValueError | None = None

    def pass_on(self, packed: bytes) -> None:
        """An event that came from another process."""
        try:
            event = pickle.loads(packed)
        except Exception as e:
            self._unreadable = ValueError(f"an event of a job cannot be read in this process: {type(e).__name__}: {e}")
        else:
            self.emit(event)

    def settle(self, outcome: bytes) -> None:
        """End the future with what `perform` returned."""
        try:
            value, error = pickle.loads(outcome)
        except Exception as e:
            value, error = None, ValueError(f"the result of a job cannot be read in this process: {type(e).__name__}: {e}")
        if error := error or self._unreadable:
            self.future.set_exception(error)
        else:
            self.future.set_result(value)

    @abstractmethod
    def stop(self) -> None:
        """Ask the job to end soon; its future then ends with whatever it returns."""

    @abstractmethod
    def kill(self) -> bool:
        """End the job at once: its future gives `WorkerLost`. False: not possible here, wait for the job to end by itself."""


class Executor(ABC):
    """Runs jobs. As a context manager it is closed at the end."""

    @abstractmethod
    def submit(self, call: Call, *args: Any, emit: Emit) -> Running:
        """Start ``call(*args, emit, stop)``; `emit` here is called from other threads and must not block."""

    @abstractmethod
    def close(self) -> None:
        """End what still runs and free everything."""

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class InProcess(Executor):
    """A thread for each job. Nothing is pickled; a job that ignores its `stop` cannot be ended."""

    def __init__(self) -> None:
        self._jobs: set[_Thread] = set()

    def submit(self, call: Call, *args: Any, emit: Emit) -> Running:
        self._jobs = {job for job in self._jobs if not job.future.done()}
        job = _Thread(call, args, emit)
        self._jobs.add(job)
        return job

    def close(self) -> None:
        for job in self._jobs:
            job.stop()
        for job in self._jobs:
            job.thread.join()


class _Thread(Running):
    def __init__(self, call: Call, args: tuple, emit: Emit):
        super().__init__(emit)
        self._stop = threading.Event()
        self.started = time.monotonic()
        self.thread = threading.Thread(target=self._work, args=(call, args), name="job")
        self.thread.start()

    def _work(self, call: Call, args: tuple) -> None:
        try:
            value = call(*args, self.emit, self._stop)
        except BaseException as e:
            self.future.set_exception(e)
        else:
            self.future.set_result(value)

    def stop(self) -> None:
        self._stop.set()

    def kill(self) -> bool:
        return False


def pack(call: Call, args: tuple) -> bytes:
    """A job for another process. Not possible: ValueError that names the call."""
    try:
        return pickle.dumps((call, args))
    except Exception as e:
        raise ValueError(f"{call!r} cannot be sent to another process: {e}; give it importable functions and plain values") from e


def perform(job: bytes, emit: Emit, stop: threading.Event) -> bytes:
    """Run a packed job in a worker; returns its packed value or error, which carries the worker's traceback as a note."""
    try:
        call, args = pickle.loads(job)
        value = call(*args, emit, stop)
    except BaseException as e:
        return _packed_error(e, f"in worker P-{getpid()} on {socket.gethostname()}:\n{traceback.format_exc()}")
    try:
        return pickle.dumps((value, None))
    except Exception as e:
        return pickle.dumps((None, ValueError(f"{call!r} returned what cannot be sent between processes: {e}")))


def _packed_error(error: BaseException, note: str) -> bytes:
    """As RuntimeError if it cannot travel: its constructor takes more than a message, or it holds what cannot be pickled."""
    error.add_note(note)
    try:
        packed = pickle.dumps((None, error))
        pickle.loads(packed)
        return packed
    except Exception:
        plain = RuntimeError(f"{type(error).__name__}: {error}")
        plain.add_note(note)
        return pickle.dumps((None, plain))
