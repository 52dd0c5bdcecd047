"""`ProcessPool`: worker processes of this machine, one per job in flight, kept for the next job.

Every worker is a `ProcessPoolExecutor` of one process, so that a worker that dies takes no other job with it and it is
known whose it was. Beside it goes a pipe of its own: events come up, stop requests go down. A worker whose pipe closes
(its run died) kills itself and its children at once: nothing of a dead run goes on writing.
"""

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from sen2like.execution.executors import Call, Emit, Executor, Running, WorkerLost, pack, perform

_STARTED, _EVENT, _ENDED = "started", "event", "ended"


class ProcessPool(Executor):
    """Spawned worker processes, made when a job needs one. `initializer(*initargs)` runs first in each: logging, thread limits.

    Workers do not react to SIGINT and SIGTERM (their run tells them what to do) and form process groups of their own.
    """

    def __init__(self, initializer: Callable[..., None] | None = None, initargs: tuple = ()):
        self._setup = pack(initializer, initargs) if initializer is not None else None
        self._workers: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._lock = threading.Lock()

    def submit(self, call: Call, *args: Any, emit: Emit) -> Running:
        job = pack(call, args)
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is None:
            worker = _Worker(self._setup, self._free)
            with self._lock:
                self._workers.add(worker)
        return worker.start(job, emit)

    def _free(self, worker: "_Worker", usable: bool) -> None:
        with self._lock:
            if usable:
                self._idle.append(worker)
                return
            self._workers.discard(worker)
        worker.close()

    def close(self) -> None:
        with self._lock:
            workers = list(self._workers)
            self._workers.clear()
            self._idle.clear()
        for worker in workers:
            job = worker.job
            if job is not None:
                job.kill()
        for worker in workers:
            worker.close()


class _Worker:
    """One process with its pipe; runs one job at a time."""

    def __init__(self, setup: bytes | None, free: Callable[["_Worker", bool], None]):
        context = get_context("spawn")
        self._pipe, self._theirs = context.Pipe()
        self._pool = ProcessPoolExecutor(1, context, _enter, (self._theirs, setup))
        self._free = free
        self._sending, self._closing = threading.Lock(), threading.Lock()
        self._closed = False
        self._tickets = 0
        self._listener: threading.Thread | None = None
        self.job: _Job | None = None

    def start(self, job: bytes, emit: Emit) -> "_Job":
        self._tickets += 1
        running = _Job(self, self._tickets, emit)
        self.job = running
        try:
            outcome = self._pool.submit(_work, self._tickets, job)
        except RuntimeError:  # an idle worker died: the next one is a fresh process
            outcome = Future()
            outcome.set_exception(WorkerLost("the worker process had died before it got the job"))
        self._theirs.close()  # the process has it now; only then does a dead worker close the pipe
        self._listener = threading.Thread(target=self._listen, args=(running, outcome), name="worker-events", daemon=True)
        self._listener.start()
        return running

    def _listen(self, job: "_Job", outcome: Future) -> None:
        """Pass on what the worker tells until the job has ended or the pipe closed, then end the job's future."""
        with suppress(EOFError, OSError):
            while True:
                kind, ticket, content = self._pipe.recv()
                if ticket != job.ticket:
                    continue
                if kind == _ENDED:
                    break
                if kind == _STARTED:
                    job.began(content)
                else:
                    job.pass_on(content)
        self.job = None
        try:
            result = outcome.result()
        except Exception as e:
            self._free(self, False)
            job.future.set_exception(WorkerLost(f"the worker process {job.pid or ''} died: {e}"))
        else:
            self._free(self, True)
            job.settle(result)

    def tell_stop(self, ticket: int) -> None:
        with suppress(OSError), self._sending:
            self._pipe.send(ticket)

    def close(self) -> None:
        """Wait for the process and the listener to end; both the pool and the listener of a dead process call this."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._pool.shutdown(wait=True, cancel_futures=True)
        if self._listener is not None and self._listener is not threading.current_thread():
            self._listener.join()
        with self._closing:
            self._pipe.close()


class _Job(Running):
    def __init__(self, worker: _Worker, ticket: int, emit: Emit):
        super().__init__(emit)
        self.ticket, self.pid = ticket, 0
        self._worker = worker
        self._doomed = False

    def began(self, pid: int) -> None:
        self.pid, self.started = pid, time.monotonic()
        if self._doomed:
            self.kill()

    def stop(self) -> None:
        self._worker.tell_stop(self.ticket)

    def kill(self) -> bool:
        """The process and its children get SIGKILL, as soon as it has told its number."""
        self._doomed = True
        if self.pid and self._worker.job is self:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        return True


class _Inside:
    """The worker's end of the pipe."""

    def __init__(self, pipe: Connection):
        self._pipe = pipe
        self._sending, self._lock = threading.Lock(), threading.Lock()
        self._ticket = 0
        self._stop = threading.Event()
        self._stopped_early = 0
        threading.Thread(target=self._listen, name="run", daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                ticket = self._pipe.recv()
            except (EOFError, OSError):
                os.killpg(0, signal.SIGKILL)
            with self._lock:
                if ticket == self._ticket:
                    self._stop.set()
                self._stopped_early = max(self._stopped_early, ticket)

    def begin(self, ticket: int) -> threading.Event:
        """The stop flag of a new job; it may have been asked to stop before it came."""
        with self._lock:
            self._ticket, self._stop = ticket, threading.Event()
            if self._stopped_early >= ticket:
                self._stop.set()
            return self._stop

    def send(self, kind: str, ticket: int, content: object = None) -> None:
        with self._sending:
            self._pipe.send((kind, ticket, content))


_inside: _Inside | None = None


def _enter(pipe: Connection, setup: bytes | None) -> None:
    """First thing in a worker process."""
    global _inside
    os.setpgid(0, 0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which programs started from here would inherit
    if setup is not None:  # before there are threads: some settings of the C library are for those to come
        initializer, initargs = pickle.loads(setup)
        initializer(*initargs)
    _inside = _Inside(pipe)


def _work(ticket: int, job: bytes) -> bytes:
    inside = _inside
    assert inside is not None
    stop = inside.begin(ticket)
    inside.send(_STARTED, ticket, os.getpid())
    try:
        return perform(job, lambda event: inside.send(_EVENT, ticket, pickle.dumps(event)), stop)
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        inside.send(_ENDED, ticket)
