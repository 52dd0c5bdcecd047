"""`run`: the nodes of a graph through an executor, so many at a time, whatever happens to one of them.

A node that fails, loses its worker or takes too long ends as such; those that need it go on with what exists. Closing the
iterator, or setting `stop`, asks running nodes to end, waits for them, and kills what does not listen.
"""

import heapq
import logging
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field
from typing import Any, Literal

from sen2like.execution.executors import Executor, Restarted, Running, WorkerLost
from sen2like.execution.graph import Node, Schedule
from sen2like.execution.retry import Backoff

log = logging.getLogger(__name__)

_GLANCE = 0.2
"""Seconds between two looks at the stop flag and at time limits."""


@dataclass(frozen=True)
class Started:
    """A node was handed to the executor; `attempt` counts from 1."""

    node: Node
    attempt: int


@dataclass(frozen=True)
class Emitted:
    """What a running node told."""

    node: Node
    event: Any


@dataclass(frozen=True)
class Retried:
    """A node will run again; what it told so far is void."""

    node: Node
    attempt: int
    """The one that failed."""
    reason: str
    pause: float = 0.0
    """Seconds until it may start again."""


@dataclass(frozen=True)
class Ended:
    """A node has ended for good."""

    node: Node
    how: Literal["returned", "raised", "lost", "timed out", "cancelled"]
    """``lost``: its worker died each time; ``timed out``: `value` is what it returned when asked to stop, if it did;
    ``cancelled``: it never started, or was killed because the run stops."""
    value: Any = None
    error: BaseException | None = None
    attempts: int = 1
    seconds: float = 0.0
    """Of the last attempt, waiting for a worker not counted."""


@dataclass(frozen=True)
class GroupEnded:
    """All nodes of a group have ended."""

    group: str


Happening = Started | Emitted | Retried | Ended | GroupEnded


def _never(_: Ended) -> bool:
    return False


def _raised(ended: Ended) -> bool:
    return ended.how != "returned"


@dataclass(frozen=True)
class Policy:
    """What to do when things go wrong."""

    fail_fast: bool = False
    """After the first failure start nothing more and stop what runs."""
    failed: Callable[[Ended], bool] = _raised
    """Which ends are failures for `fail_fast`; by default all but ``returned``."""
    transient: Callable[[Ended], bool] = _never
    """Which ends (``returned`` or ``raised``) are worth another attempt, after a pause of `backoff`."""
    backoff: Backoff = field(default_factory=Backoff)
    lost_retries: int = 2
    """How often a node comes back after its worker died."""
    timeout: float | None = None
    """Seconds one attempt may take once it has begun."""
    grace: float = 30.0
    """Seconds between asking a node to stop and killing it."""


def run(
    nodes: Sequence[Node],
    executor: Executor,
    jobs: int,
    memory_limit_mb: float | None = None,
    policy: Policy | None = None,
    stop: threading.Event | None = None,
) -> Generator[Happening, None, None]:
    """Run all nodes and tell what happens; every node ends with exactly one `Ended`, unless the iterator is closed before.

    At most `jobs` nodes run at a time, and as many as fit `memory_limit_mb` together, but always one. Ready nodes start
    strictly in the given order: a small one does not overtake a big one that waits for memory. ValueError: `jobs` < 1 or
    a graph that cannot be run (see `Schedule`).
    """
    if jobs < 1:
        raise ValueError(f"jobs = {jobs}: at least one node must be allowed to run")
    return _Run(Schedule(nodes), executor, jobs, memory_limit_mb, policy or Policy(), stop or threading.Event()).happenings()


@dataclass
class _Attempt:
    """A node that runs."""

    running: Running
    number: int
    memory_mb: float
    began: float
    asked: float | None = None
    """When it was asked to stop."""
    timed_out: bool = False
    killed: bool = False


class _Run:
    def __init__(
        self, schedule: Schedule, executor: Executor, jobs: int, memory: float | None, policy: Policy, stop: threading.Event
    ):
        self._schedule, self._executor, self._jobs, self._memory = schedule, executor, jobs, memory
        self._policy, self._stop = policy, stop
        self._inbox: queue.SimpleQueue[tuple[int, int, Any, bool]] = queue.SimpleQueue()
        """(place, attempt, event, False) and, last of an attempt, (place, attempt, None, True)."""
        self._running: dict[int, _Attempt] = {}
        self._paused: list[tuple[float, int]] = []
        """Heap of (time to come back, place)."""
        self._attempts = [0] * len(schedule.nodes)
        self._losses = [0] * len(schedule.nodes)
        self._stopping = False

    def happenings(self) -> Generator[Happening, None, None]:
        try:
            while not self._schedule.finished:
                if self._stop.is_set() and not self._stopping:
                    self._stopping = True
                    self._ask_all()
                if self._stopping and not self._running:
                    yield from self._cancel_rest()
                    return
                if not self._stopping:
                    yield from self._start_what_may()
                self._watch_limits()
                try:
                    message = self._inbox.get(timeout=_GLANCE)
                except queue.Empty:
                    continue
                yield from self._handle(*message)
        finally:
            self._halt()

    def _start_what_may(self) -> Iterator[Happening]:
        now = time.monotonic()
        while self._paused and self._paused[0][0] <= now:
            self._schedule.put_back(heapq.heappop(self._paused)[1])
        while len(self._running) < self._jobs and (place := self._schedule.peek()) is not None:
            memory = self._memory_of(place)
            taken = sum(attempt.memory_mb for attempt in self._running.values())
            if self._running and self._memory is not None and taken + memory > self._memory:
                return
            self._schedule.take()
            self._attempts[place] += 1
            yield Started(self._schedule.nodes[place], self._attempts[place])
            if error := self._submit(place, memory):
                yield from self._end(
                    Ended(self._schedule.nodes[place], "raised", error=error, attempts=self._attempts[place]), place
                )

    def _memory_of(self, place: int) -> float:
        """A worker that dies was most likely killed for its memory, so its node comes back counting more."""
        return self._schedule.nodes[place].memory_mb * (1 + self._losses[place])

    def _submit(self, place: int, memory: float) -> Exception | None:
        node, number = self._schedule.nodes[place], self._attempts[place]
        try:
            running = self._executor.submit(
                node.call, *node.args, emit=lambda event: self._inbox.put((place, number, event, False))
            )
        except Exception as e:
            return e
        self._running[place] = _Attempt(running, number, memory, time.monotonic())
        running.future.add_done_callback(lambda _: self._inbox.put((place, number, None, True)))
        return None

    def _handle(self, place: int, number: int, event: Any, last: bool) -> Iterator[Happening]:
        attempt = self._running.get(place)
        if attempt is None or attempt.number != number:
            return
        node = self._schedule.nodes[place]
        if not last:
            yield Retried(node, number, event.reason) if isinstance(event, Restarted) else Emitted(node, event)
            return
        del self._running[place]
        ended = self._ended(node, attempt)
        if ended.how == "lost" and self._losses[place] < self._policy.lost_retries and not self._stopping:
            self._losses[place] += 1
            yield from self._again(place, number, str(ended.error), 0.0)
        elif self._worth_another(ended, place) and not self._stopping:
            reason = str(ended.error) if ended.error else "a transient failure"
            yield from self._again(place, number, reason, self._policy.backoff.pause(number - self._losses[place]))
        else:
            yield from self._end(ended, place)

    def _ended(self, node: Node, attempt: _Attempt) -> Ended:
        seconds = time.monotonic() - (attempt.running.started or attempt.began)
        value, error = None, attempt.running.future.exception()
        if error is None:
            value = attempt.running.future.result()
        how: Literal["returned", "raised", "lost", "timed out", "cancelled"]
        if attempt.timed_out:
            how = "timed out"
        elif isinstance(error, WorkerLost):
            how = "cancelled" if self._stopping else "lost"
        else:
            how = "returned" if error is None else "raised"
        return Ended(node, how, value, error, attempt.number, seconds)

    def _worth_another(self, ended: Ended, place: int) -> bool:
        tried = ended.attempts - self._losses[place]
        return ended.how in ("returned", "raised") and tried < self._policy.backoff.attempts and self._policy.transient(ended)

    def _again(self, place: int, number: int, reason: str, pause: float) -> Iterator[Happening]:
        heapq.heappush(self._paused, (time.monotonic() + pause, place))
        yield Retried(self._schedule.nodes[place], number, reason, pause)

    def _end(self, ended: Ended, place: int) -> Iterator[Happening]:
        last_of_group = self._schedule.ended(place)
        yield ended
        if last_of_group and ended.node.group:
            yield GroupEnded(ended.node.group)
        if self._policy.fail_fast and not self._stopping and self._policy.failed(ended):
            self._stopping = True
            self._ask_all()

    def _cancel_rest(self) -> Iterator[Happening]:
        for place in sorted(self._schedule.open):
            yield from self._end(Ended(self._schedule.nodes[place], "cancelled", attempts=self._attempts[place]), place)

    def _ask_all(self) -> None:
        for attempt in self._running.values():
            self._ask(attempt)

    def _ask(self, attempt: _Attempt) -> None:
        if attempt.asked is None:
            attempt.asked = time.monotonic()
            attempt.running.stop()

    def _watch_limits(self) -> None:
        """Ask those beyond the time limit to stop; kill those that were asked long ago."""
        now = time.monotonic()
        for place, attempt in self._running.items():
            started, key = attempt.running.started, self._schedule.nodes[place].key
            limit = self._policy.timeout
            if limit is not None and started is not None and attempt.asked is None and now - started > limit:
                log.warning("%s: stopped, it takes longer than the time limit of %g s", key, limit)
                attempt.timed_out = True
                self._ask(attempt)
            if attempt.asked is not None and not attempt.killed and now - attempt.asked > self._policy.grace:
                attempt.killed = True
                if not attempt.running.kill():
                    log.warning("%s: does not stop and cannot be ended from outside; waiting for it", key)

    def _halt(self) -> None:
        """Nothing runs any more when this returns."""
        self._ask_all()
        while self._running:
            self._running = {place: attempt for place, attempt in self._running.items() if not attempt.running.future.done()}
            self._watch_limits()
            futures = [attempt.running.future for attempt in self._running.values()]
            wait(futures, timeout=_GLANCE)
