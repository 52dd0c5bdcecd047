"""The three executors behave alike: results, events, errors, stopping, dying workers."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from execution import worker_jobs as jobs

from sen2like.errors import UsageError
from sen2like.execution.dask_cluster import DaskCluster
from sen2like.execution.executors import InProcess, WorkerLost
from sen2like.execution.graph import Node
from sen2like.execution.process_pool import ProcessPool
from sen2like.execution.runner import Emitted, Ended, Policy, Retried, run

TESTS = Path(__file__).resolve().parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture(scope="module")
def local_cluster():
    """A Dask cluster of two worker processes of one thread each."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=logging.ERROR
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def scheduler(local_cluster):
    return local_cluster.scheduler_address


@pytest.fixture(scope="module")
def pool():
    with ProcessPool() as executor:
        yield executor


@pytest.fixture(scope="module")
def dask_cluster(scheduler):
    with DaskCluster(scheduler) as executor:
        yield executor


@pytest.fixture(params=["in-process", "pool", "dask"])
def executor(request):
    if request.param == "in-process":
        with InProcess() as executor:
            yield executor
    else:
        yield request.getfixturevalue({"pool": "pool", "dask": "dask_cluster"}[request.param])


@pytest.fixture(params=["pool", "dask_cluster"])
def elsewhere(request):
    """Executors whose jobs run in other processes."""
    return request.getfixturevalue(request.param)


def wait_for(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_result_comes_after_all_events(executor):
    events = []
    running = executor.submit(jobs.many_events, 100, emit=events.append)
    assert running.future.result(20) == 100
    assert [i for k, i in events if k == 0] == list(range(100))
    assert [i for k, i in events if k == 1] == list(range(100))
    assert running.started is not None


def test_jobs_of_elsewhere_run_in_other_processes(elsewhere):
    events = []
    assert elsewhere.submit(jobs.add, 1, 2, emit=events.append).future.result(20) == 3
    assert events[0] == ("adding", 1, 2)
    assert events[1][1] != os.getpid()


def test_error_comes_back(executor):
    with pytest.raises(ValueError, match="no such thing"):
        executor.submit(jobs.fail, "value", emit=print).future.result(20)


def test_error_of_a_worker_carries_its_traceback(elsewhere):
    error = elsewhere.submit(jobs.fail, "value", emit=print).future.exception(20)
    assert "in worker P-" in error.__notes__[0]
    assert "worker_jobs.py" in error.__notes__[0]


def test_error_that_cannot_travel_comes_back_as_its_text(elsewhere):
    with pytest.raises(RuntimeError, match="Awkward: this and that"):
        elsewhere.submit(jobs.fail, "awkward", emit=print).future.result(20)


def test_exit_in_a_job_ends_only_the_job(executor):
    with pytest.raises(SystemExit):
        executor.submit(jobs.fail, "exit", emit=print).future.result(20)
    assert executor.submit(jobs.add, 1, 1, emit=lambda _: None).future.result(20) == 2


def test_result_that_cannot_travel_is_an_error(elsewhere):
    with pytest.raises(ValueError, match=r"unsendable.* cannot be sent"):
        elsewhere.submit(jobs.unsendable, emit=print).future.result(20)


def test_job_that_cannot_travel_is_refused(elsewhere):
    with pytest.raises(ValueError, match="cannot be sent to another process"):
        elsewhere.submit(lambda emit, stop: 1, emit=print)


def test_event_that_cannot_travel_is_an_error_of_the_job(elsewhere):
    with pytest.raises(TypeError, match="pickle"):
        elsewhere.submit(jobs.emit_lock, emit=print).future.result(20)


def test_stop_reaches_the_one_job(executor):
    begun = {1: threading.Event(), 2: threading.Event()}
    one = executor.submit(jobs.until_stopped, emit=lambda _: begun[1].set())
    two = executor.submit(jobs.until_stopped, emit=lambda _: begun[2].set())
    assert begun[1].wait(20) and begun[2].wait(20)
    one.stop()
    assert one.future.result(5) == "stopped"
    assert not two.future.done()
    two.stop()
    assert two.future.result(5) == "stopped"
    third = executor.submit(jobs.add, 1, 1, emit=lambda _: None)
    assert third.future.result(5) == 2, "an old stop must not reach the next job"


def test_stop_right_after_submitting_is_heard(executor):
    running = executor.submit(jobs.until_stopped, emit=lambda _: None)
    running.stop()
    error = running.future.exception(10)
    assert isinstance(error, WorkerLost) if error else running.future.result() == "stopped"


def test_kill_ends_a_deaf_job(elsewhere):
    events = []
    running = elsewhere.submit(jobs.deaf, 30, emit=events.append)
    wait_for(lambda: events)
    assert running.kill()
    with pytest.raises(WorkerLost):
        running.future.result(10)
    wait_for(lambda: not _alive(events[0][1]))
    assert elsewhere.submit(jobs.add, 2, 3, emit=lambda _: None).future.result(20) == 5


def test_thread_cannot_be_killed():
    with InProcess() as executor:
        running = executor.submit(jobs.deaf, 0.2, emit=lambda _: None)
        assert not running.kill()
        assert running.future.result(5) == "done"


def test_run_completes_although_a_worker_is_killed(elsewhere, tmp_path):
    nodes = [
        Node("victim", jobs.die_once, (tmp_path / "flag",)),
        Node("bystander", jobs.deaf, (0.8,)),
        Node("after", jobs.add, (1, 2), needs=frozenset({"victim", "bystander"})),
    ]
    happenings = list(run(nodes, elsewhere, jobs=2))
    ended = {h.node.key: h for h in happenings if isinstance(h, Ended)}
    assert {key: (e.how, e.value) for key, e in ended.items()} == {
        "victim": ("returned", "survived"),
        "bystander": ("returned", "done"),
        "after": ("returned", 3),
    }
    assert [h.node.key for h in happenings if isinstance(h, Retried)] == ["victim"], "only the victim runs again"
    pids = [h.event[1] for h in happenings if isinstance(h, Emitted) and h.node.key == "victim"]
    assert len(set(pids)) == 2, "first attempt and second in different processes"


def test_node_that_always_kills_its_worker_is_lost_and_others_go_on(pool):
    nodes = [Node("fatal", jobs.die), Node("after", jobs.add, (1, 2), needs=frozenset({"fatal"}))]
    ended = {h.node.key: h for h in run(nodes, pool, 1, policy=Policy(lost_retries=1)) if isinstance(h, Ended)}
    assert ended["fatal"].how == "lost"
    assert ended["fatal"].attempts == 2
    assert isinstance(ended["fatal"].error, WorkerLost)
    assert ended["after"].value == 3


def test_job_that_dask_gives_up_is_lost(local_cluster, dask_cluster, monkeypatch):
    monkeypatch.setattr(local_cluster.scheduler, "allowed_failures", 0)
    with pytest.raises(WorkerLost, match="all those workers died"):
        dask_cluster.submit(jobs.die, emit=print).future.result(20)


def test_idle_worker_that_died_is_replaced():
    with ProcessPool() as executor:
        events = []
        executor.submit(jobs.add, 1, 2, emit=events.append).future.result(20)
        os.kill(events[1][1], signal.SIGKILL)
        wait_for(lambda: not _alive(events[1][1]))
        ended = [h for h in run([Node("a", jobs.add, (3, 4))], executor, 1) if isinstance(h, Ended)]
        assert ended[0].value == 7


def test_initializer_runs_first_in_each_worker(scheduler):
    with ProcessPool(jobs.set_variable, ("FOR_THE_POOL", "one")) as executor:
        assert executor.submit(jobs.get_variable, "FOR_THE_POOL", emit=print).future.result(20) == "one"
    with DaskCluster(scheduler, jobs.set_variable, ("FOR_DASK", "two")) as executor:
        assert executor.submit(jobs.get_variable, "FOR_DASK", emit=print).future.result(20) == "two"
    assert "FOR_THE_POOL" not in os.environ and "FOR_DASK" not in os.environ


def test_pool_workers_leave_signals_to_their_run(pool):
    assert pool.submit(jobs.signals_to_self, emit=print).future.result(20) is True, "lives, in a group of its own"


RUN_THAT_DIES = """
import os, signal, sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from execution import worker_jobs
from sen2like.execution.dask_cluster import DaskCluster
from sen2like.execution.process_pool import ProcessPool

if __name__ == "__main__":
    executor = {executor}
    executor.submit(worker_jobs.leave_traces, Path({folder!r}), emit=lambda e: os.kill(os.getpid(), signal.SIGKILL))
    time.sleep(20)
"""


def _run_and_die(folder, executor):
    script = folder / "run.py"
    script.write_text(RUN_THAT_DIES.format(tests=str(TESTS), executor=executor, folder=str(folder)))
    assert subprocess.run([sys.executable, script], env=ENVIRONMENT, timeout=30).returncode == -signal.SIGKILL


def test_pool_workers_die_with_their_run(tmp_path):
    _run_and_die(tmp_path, "ProcessPool()")
    pid, child = map(int, (tmp_path / "pids").read_text().split())
    wait_for(lambda: not _alive(pid) and not _alive(child), 5)
    assert not (tmp_path / "stopped").exists()


INTERRUPTED_RUN = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from execution import worker_jobs
from sen2like.execution.graph import Node
from sen2like.execution.process_pool import ProcessPool
from sen2like.execution.runner import Emitted, run

if __name__ == "__main__":
    with ProcessPool() as pool:
        for happening in run([Node("a", worker_jobs.leave_traces, (Path({folder!r}),))], pool, 1):
            if isinstance(happening, Emitted):
                print("running", flush=True)
"""


def test_interrupt_asks_jobs_to_stop_and_waits_for_them(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(INTERRUPTED_RUN.format(tests=str(TESTS), folder=str(tmp_path)))
    with subprocess.Popen([sys.executable, script], env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"running\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == -signal.SIGINT
        assert process.stderr.read().rstrip().endswith(b"KeyboardInterrupt")
    assert (tmp_path / "stopped").exists()
    pid, _ = map(int, (tmp_path / "pids").read_text().split())
    assert not _alive(pid)


def test_dask_job_is_asked_to_stop_when_its_run_dies(tmp_path, scheduler):
    _run_and_die(tmp_path, f"DaskCluster({scheduler!r})")
    wait_for((tmp_path / "stopped").exists)


def test_closing_ends_what_runs(scheduler):
    for make in (ProcessPool, InProcess, lambda: DaskCluster(scheduler)):
        begun = threading.Event()
        with make() as executor:
            running = executor.submit(jobs.until_stopped, emit=lambda _, begun=begun: begun.set())
            assert begun.wait(20)
        assert running.future.done()


def test_job_for_a_closed_connection_is_lost_and_not_waited_for(scheduler):
    with DaskCluster(scheduler) as executor:
        pass
    with pytest.raises(WorkerLost, match="connection to the Dask scheduler is lost"):
        executor.submit(jobs.add, 1, 2, emit=print).future.result(5)


def test_dask_capacity_is_that_of_the_workers(dask_cluster):
    wait_for(lambda: dask_cluster.threads() == 2)
    assert dask_cluster.memory_mb() > 100


def test_unreachable_scheduler_says_where_and_what_to_do():
    pytest.importorskip("distributed")
    with pytest.raises(UsageError, match=r"tcp://127\.0\.0\.1:9: cannot be reached .*dask scheduler"):
        DaskCluster("tcp://127.0.0.1:9", timeout=0.5)


def test_address_that_is_none_is_refused():
    pytest.importorskip("distributed")
    with pytest.raises(UsageError, match="nowhere"):
        DaskCluster("nowhere://x", timeout=0.5)


def test_missing_dask_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install 'sen2like\[dask\]'"):
        DaskCluster("tcp://127.0.0.1:9")


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
