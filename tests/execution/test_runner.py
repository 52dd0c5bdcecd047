"""Running a graph: limits, failures, retries, time limits, stopping. In threads; other executors in test_executors."""

import threading
import time

import pytest
from execution import worker_jobs as jobs
from hypothesis import given, settings
from hypothesis import strategies as st

from sen2like.execution.executors import Executor, InProcess, Restarted, Running, WorkerLost
from sen2like.execution.graph import Node
from sen2like.execution.retry import Backoff, is_transient
from sen2like.execution.runner import Emitted, Ended, GroupEnded, Policy, Retried, Started, run

SOON = Backoff(attempts=3, first=0.01)


def ends(happenings):
    return {h.node.key: h for h in happenings if isinstance(h, Ended)}


class Gauge:
    """Counts what runs at the same time."""

    def __init__(self):
        self.now, self.most, self.begun, self.lock = {}, 0, [], threading.Lock()
        self.most_memory = 0

    def job(self, key, memory, seconds, emit, stop):
        with self.lock:
            self.now[key] = memory
            self.begun.append(key)
            self.most = max(self.most, len(self.now))
            self.most_memory = max(self.most_memory, sum(self.now.values()))
        time.sleep(seconds)
        with self.lock:
            del self.now[key]
        return key


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_any_graph_runs_completely_within_its_limits(data):
    gauge = Gauge()
    n, at_once = data.draw(st.integers(1, 10)), data.draw(st.integers(1, 4))
    limit = data.draw(st.integers(1, 100))
    bad = data.draw(st.sets(st.integers(0, n - 1)))

    def job(key, memory, emit, stop):
        emit(key)
        gauge.job(key, memory, 0.001, emit, stop)
        if key in bad:
            raise ValueError(key)
        return key

    nodes = []
    for i in range(n):
        memory = data.draw(st.integers(0, 60))
        needs = data.draw(st.sets(st.integers(0, i - 1))) if i else set()
        nodes.append(Node(i, job, (i, memory), frozenset(needs), memory))
    with InProcess() as executor:
        happenings = list(run(nodes, executor, at_once, limit))
    ended: set[int] = set()
    for h in happenings:
        if isinstance(h, Started):
            assert h.node.needs <= ended
        elif isinstance(h, Emitted):
            assert h.event == h.node.key
            assert h.node.key not in ended
        elif isinstance(h, Ended):
            assert h.node.key not in ended
            assert (h.how, h.value) == (("raised", None) if h.node.key in bad else ("returned", h.node.key))
            ended.add(h.node.key)
    assert ended == set(range(n))
    assert gauge.most <= at_once
    assert gauge.most_memory <= max(limit, *(node.memory_mb for node in nodes), 0)


def test_nodes_start_in_the_order_given_and_small_ones_do_not_overtake():
    gauge = Gauge()
    memory = {"a": 60, "big": 80, "small": 10}
    nodes = [Node(key, gauge.job, (key, mb, 0.05), memory_mb=mb) for key, mb in memory.items()]
    with InProcess() as executor:
        list(run(nodes, executor, 3, memory_limit_mb=100))
    assert gauge.begun[:2] == ["a", "big"]
    assert gauge.most_memory <= 100


def test_node_bigger_than_the_limit_runs_alone():
    gauge = Gauge()
    nodes = [Node(key, gauge.job, (key, 500, 0.02), memory_mb=500) for key in "ab"]
    with InProcess() as executor:
        assert len(ends(run(nodes, executor, 2, memory_limit_mb=100))) == 2
    assert gauge.most == 1


def test_as_many_run_at_once_as_allowed():
    barrier = threading.Barrier(3)

    def meet(emit, stop):
        barrier.wait(5)

    with InProcess() as executor:
        ended = ends(run([Node(i, meet) for i in range(3)], executor, 3))
    assert [e.how for e in ended.values()] == ["returned"] * 3


def test_dependants_of_a_failed_node_go_on():
    nodes = [Node("bad", jobs.fail, ("value",)), Node("next", jobs.add, (1, 2), frozenset({"bad"}))]
    with InProcess() as executor:
        ended = ends(run(nodes, executor, 2))
    assert isinstance(ended["bad"].error, ValueError)
    assert ended["next"].value == 3


def test_fail_fast_stops_what_runs_and_starts_nothing_more():
    nodes = [Node("long", jobs.until_stopped), Node("bad", jobs.fail, ("value",)), Node("never", jobs.add, (1, 2))]
    with InProcess() as executor:
        happenings = list(run(nodes, executor, 2, policy=Policy(fail_fast=True)))
    ended = ends(happenings)
    assert (ended["long"].how, ended["long"].value) == ("returned", "stopped")
    assert ended["never"].how == "cancelled"
    assert "never" not in [h.node.key for h in happenings if isinstance(h, Started)]


def test_what_counts_as_failure_is_the_callers_word():
    nodes = [Node("a", jobs.add, (1, 2)), Node("b", jobs.add, (3, 4))]
    with InProcess() as executor:
        ended = ends(run(nodes, executor, 1, policy=Policy(fail_fast=True, failed=lambda end: end.value == 3)))
    assert ended["b"].how == "cancelled"


def test_stop_ends_the_run_soon_and_tells_of_every_node():
    stop = threading.Event()
    nodes = [Node("a", jobs.until_stopped), Node("b", jobs.add, (1, 2), frozenset("a"), group="tile")]
    seen = []
    with InProcess() as executor:
        for happening in run(nodes, executor, 1, stop=stop):
            seen.append(happening)
            if isinstance(happening, Emitted):
                stop.set()
    ended = ends(seen)
    assert ended["a"].value == "stopped"
    assert ended["b"].how == "cancelled"
    assert seen[-1] == GroupEnded("tile")


def test_closing_the_iterator_waits_until_nothing_runs():
    left = threading.Event()

    def slow_to_stop(emit, stop):
        emit("begun")
        stop.wait(10)
        time.sleep(0.2)
        left.set()

    with InProcess() as executor:
        happenings = run([Node("a", slow_to_stop)], executor, 1)
        assert isinstance(next(happenings), Started)
        assert isinstance(next(happenings), Emitted)
        happenings.close()
        assert left.is_set()


def test_node_over_its_time_is_stopped_and_others_are_not():
    nodes = [Node("slow", jobs.until_stopped), Node("quick", jobs.add, (1, 2))]
    begin = time.monotonic()
    with InProcess() as executor:
        ended = ends(run(nodes, executor, 2, policy=Policy(timeout=0.3)))
    assert (ended["slow"].how, ended["slow"].value) == ("timed out", "stopped")
    assert ended["slow"].seconds >= 0.3
    assert ended["quick"].how == "returned"
    assert time.monotonic() - begin < 5


def test_transient_failure_is_tried_again(tmp_path):
    policy = Policy(transient=lambda end: is_transient(end.error), backoff=SOON)
    with InProcess() as executor:
        happenings = list(run([Node("a", jobs.transient_until, (tmp_path / "count", 3))], executor, 1, policy=policy))
    assert [(h.attempt, h.reason) for h in happenings if isinstance(h, Retried)] == [
        (1, "the server sleeps"),
        (2, "the server sleeps"),
    ]
    assert (ends(happenings)["a"].value, ends(happenings)["a"].attempts) == (3, 3)


def test_transient_failure_that_stays_ends_as_failure(tmp_path):
    policy = Policy(transient=lambda end: is_transient(end.error), backoff=SOON)
    with InProcess() as executor:
        ended = ends(run([Node("a", jobs.transient_until, (tmp_path / "count", 9))], executor, 1, policy=policy))
    assert (ended["a"].how, ended["a"].attempts) == ("raised", 3)
    assert (tmp_path / "count").read_text() == "xxx"


def test_other_failures_are_not_tried_again():
    policy = Policy(transient=lambda end: is_transient(end.error), backoff=SOON)
    with InProcess() as executor:
        assert ends(run([Node("a", jobs.fail, ("value",))], executor, 1, policy=policy))["a"].attempts == 1


def test_others_run_during_the_pause_before_a_new_attempt(tmp_path):
    policy = Policy(transient=lambda end: is_transient(end.error), backoff=Backoff(attempts=2, first=0.4))
    nodes = [Node("a", jobs.transient_until, (tmp_path / "count", 2)), Node("b", jobs.add, (1, 2))]
    with InProcess() as executor:
        order = [h.node.key for h in run(nodes, executor, 1, policy=policy) if isinstance(h, Ended)]
    assert order == ["b", "a"]


class Losing(Executor):
    """Loses the worker of the first attempts of "a"; others run until "a" is done."""

    def __init__(self, losses):
        self.losses, self.submitted, self.held = losses, [], []

    def submit(self, call, *args, emit):
        running = _Given(emit)
        self.submitted.append(args[0])
        if args[0] == "a" and self.losses:
            self.losses -= 1
            running.future.set_exception(WorkerLost("killed"))
        elif args[0] == "restarted":
            emit("void")
            emit(Restarted("moved"))
            emit("valid")
            running.future.set_result(None)
        else:
            running.future.set_result(args[0])
        return running

    def close(self):
        pass


class _Given(Running):
    def stop(self):
        pass

    def kill(self):
        return False


def test_node_that_lost_its_worker_comes_back_counting_more_memory():
    nodes = [Node(key, jobs.add, (key,), memory_mb=40) for key in "ab"]
    executor = Losing(1)
    happenings = list(run(nodes, executor, 2, memory_limit_mb=100))
    assert executor.submitted == ["a", "b", "a"]
    assert ends(happenings)["a"].value == "a"
    kinds = [(type(h).__name__, h.node.key) for h in happenings]
    # 80 MB beside the 40 of "b" do not fit: "b" ends first
    assert kinds.index(("Ended", "b")) < [i for i, k in enumerate(kinds) if k == ("Started", "a")][1]


def test_node_is_lost_after_so_many_workers():
    executor = Losing(9)
    ended = ends(run([Node("a", jobs.add, ("a",))], executor, 1, policy=Policy(lost_retries=2)))
    assert (ended["a"].how, ended["a"].attempts) == ("lost", 3)


def test_restart_by_the_executor_is_told_as_a_retry():
    happenings = list(run([Node("r", jobs.add, ("restarted",))], Losing(0), 1))
    told = [h.event if isinstance(h, Emitted) else h.reason for h in happenings if isinstance(h, Emitted | Retried)]
    assert told == ["void", "moved", "valid"]


def test_executor_that_refuses_a_node_fails_that_node():
    class Refusing(Losing):
        def submit(self, call, *args, emit):
            raise ValueError("cannot be sent")

    ended = ends(run([Node("a", jobs.add, ("a",))], Refusing(0), 1))
    assert str(ended["a"].error) == "cannot be sent"


def test_no_jobs_at_all_is_refused():
    with pytest.raises(ValueError, match="jobs = 0"):
        run([], InProcess(), 0)


def test_empty_graph_ends_at_once():
    assert list(run([], InProcess(), 1)) == []
