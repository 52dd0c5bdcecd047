"""`DaskCluster`: jobs on the workers of a ``dask.distributed`` scheduler (extra ``sen2like[dask]``).

Events and results come back as messages of one topic, in order, so that a result that arrived cannot be lost with its
worker. Cancelling a key is how a job is asked to stop: its worker sees that the key is no longer wanted, which is also
what happens when the run that submitted it dies. Dask itself begins a job anew when its worker dies.
"""

import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sen2like.errors import UsageError
from sen2like.execution.executors import Call, Emit, Executor, Restarted, Running, WorkerLost, pack, perform

if TYPE_CHECKING:
    from distributed import Client, Future

_STARTED, _EVENT, _ENDED = "started", "event", "ended"
_LATE = 60.0
"""Seconds after Dask says that a job is done within which its last message must have come."""


class DaskCluster(Executor):
    """Runs jobs on the cluster of the scheduler at `address`, e.g. ``tcp://host:8786``.

    `initializer(*initargs)` runs once in every worker process before its first job. UsageError: Dask is not installed, or
    nobody answers at `address` within `timeout` seconds, or its workers have no sen2like.
    """

    def __init__(self, address: str, initializer: Callable[..., None] | None = None, initargs: tuple = (), timeout: float = 20.0):
        try:
            from distributed import Client
        except ImportError as e:
            raise UsageError(f"scheduler {address}: Dask is not installed; pip install 'sen2like[dask]'") from e
        try:
            self._client: Client = Client(address, timeout=timeout, set_as_default=False, name="sen2like")
        except (OSError, ValueError, TypeError) as e:
            raise UsageError(
                f"scheduler {address}: cannot be reached ({e}); start one with 'dask scheduler' and give its address, "
                "e.g. tcp://host:8786"
            ) from e
        try:
            self._client.run(_ready)
        except Exception as e:
            self._client.close()
            raise UsageError(f"scheduler {address}: its workers cannot run sen2like ({e}); install the same version there") from e
        self._setup = pack(initializer, initargs) if initializer is not None else None
        self._topic = f"sen2like-{uuid4().hex}"
        self._jobs: dict[str, _Job] = {}
        self._client.subscribe_topic(self._topic, self._hear)

    def submit(self, call: Call, *args: Any, emit: Emit) -> Running:
        packed, key = pack(call, args), f"{self._topic}-{uuid4().hex}"
        job = _Job(self._client, key, emit)
        self._jobs[key] = job
        job.future.add_done_callback(lambda _: self._jobs.pop(key, None))
        if self._client.status in ("closing", "closed"):  # it would take the job and never tell of it
            job.lost("the connection to the Dask scheduler is lost; start it again, then the run")
            return job
        try:
            job.follow(self._client.submit(_work, self._topic, key, self._setup, packed, key=key, pure=False))
        except Exception as e:
            job.lost(f"the Dask scheduler does not take jobs any more: {e}")
        return job

    def memory_mb(self) -> float:
        """Memory limits of all workers there are now, added."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        return sum(worker["memory_limit"] for worker in workers) / 1e6

    def threads(self) -> int:
        """Jobs the workers there are now can run at a time."""
        return sum(self._client.nthreads().values())

    def _hear(self, event: tuple[float, tuple[str, str, str, bytes]]) -> None:
        kind, key, attempt, content = event[1]
        if (job := self._jobs.get(key)) is not None:
            job.hear(kind, attempt, content)

    def close(self) -> None:
        for job in list(self._jobs.values()):
            job.stop()
            job.lost("the connection to the Dask scheduler was closed")
        with suppress(ValueError):
            self._client.unsubscribe_topic(self._topic)
        self._client.close()


class _Job(Running):
    def __init__(self, client: "Client", key: str, emit: Emit):
        super().__init__(emit)
        self.key = key
        self._client = client
        self._wanted: Future | None = None
        self._attempt = ""
        self._worker = ""
        self._stopped = False
        self._ending = threading.Lock()

    def follow(self, wanted: "Future") -> None:
        """`wanted` is held until the job ends: letting go of it would cancel the job."""
        self._wanted = wanted
        wanted.add_done_callback(self._done)

    def hear(self, kind: str, attempt: str, content: bytes) -> None:
        """A message of the job's worker; those of an attempt that Dask gave up are ignored."""
        if kind == _STARTED:
            if self._attempt:
                self.emit(Restarted(f"the Dask worker {self._worker} died or was lost"))
            self._attempt, self._worker, self.started = attempt, pickle.loads(content), time.monotonic()
        elif attempt == self._attempt:
            if kind == _EVENT:
                self.pass_on(content)
            else:
                self._end(lambda: self.settle(content))

    def stop(self) -> None:
        if not self._stopped and self._wanted is not None:
            self._stopped = True
            self._client.cancel([self._wanted])
            if not self._attempt:
                self.lost("stopped before a worker took it")

    def kill(self) -> bool:
        """The worker process is killed, with whatever else it runs (which Dask begins anew elsewhere)."""
        self.stop()  # else Dask would begin this job anew as well
        threading.Thread(target=self._kill, name="kill", daemon=True).start()
        return True

    def _kill(self) -> None:
        if self._worker and not self.future.done():
            with suppress(Exception):  # it dies while it is being asked, or is gone already
                self._client.run(_die, workers=[self._worker])
        self.lost("killed because it did not stop")

    def lost(self, reason: str) -> None:
        self._end(lambda: self.future.set_exception(WorkerLost(reason)))

    def _end(self, end: Callable[[], None]) -> None:
        with self._ending:
            if not self.future.done():
                end()

    def _done(self, wanted: "Future") -> None:
        """Dask says the job is done, broken or cancelled; its own last message normally came before."""
        if wanted.status == "error":
            self.lost(str(wanted.exception()))
        elif wanted.status == "finished":
            timer = threading.Timer(_LATE, self.lost, ("its result did not arrive",))
            timer.daemon = True
            self.future.add_done_callback(lambda _: timer.cancel())
            timer.start()
        elif not self._stopped:
            self.lost("the Dask scheduler is gone or dropped the job")


_prepared: set[bytes] = set()
_preparing = threading.Lock()


def _ready() -> str:
    """Proves that a worker has this module."""
    return __name__


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _work(topic: str, key: str, setup: bytes | None, job: bytes) -> None:
    """One job in a worker."""
    from distributed import get_worker

    worker, attempt = get_worker(), uuid4().hex

    def tell(kind: str, content: bytes) -> None:
        worker.log_event(topic, (kind, key, attempt, content))

    tell(_STARTED, pickle.dumps(worker.address))
    if setup is not None:
        with _preparing:
            if setup not in _prepared:
                initializer, initargs = pickle.loads(setup)
                initializer(*initargs)
                _prepared.add(setup)
    stop, over = threading.Event(), threading.Event()

    def watch() -> None:
        """Set the flag when the key is not wanted any more."""
        while not over.wait(0.2):
            task = worker.state.tasks.get(key)
            if task is None or task.state in ("cancelled", "resumed", "released"):
                stop.set()

    threading.Thread(target=watch, name="wanted", daemon=True).start()
    try:
        tell(_ENDED, perform(job, lambda event: tell(_EVENT, pickle.dumps(event)), stop))
    finally:
        over.set()
