"""The same products on a Dask cluster of two worker processes, one of which is killed while it works."""

import os
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from end_to_end.modes import contents, differences, inputs, offer, outputs, report, search, statuses
from end_to_end.running import PATIENCE, TILE, Bench

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster() -> Iterator["distributed.LocalCluster"]:
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as made:
        yield made


def words(bench: Bench, root: Path, *options: object) -> list[str]:
    return search(bench, root, "single-tile-mode", TILE, "--bands", "B04,B8A", *options)


def pids(cluster: "distributed.LocalCluster") -> list[int]:
    return [worker.pid for worker in cluster.workers.values() if worker.pid is not None]


def partial(bench: Bench) -> set[int]:
    """Processes that are writing products."""
    return {int(path.name.rpartition("-")[2]) for path in bench.archive.glob("*/.*.partial-*")}


def same_with_a_worker_killed(cluster, root: Path, bench: Bench, alone: Bench, count: int) -> None:
    """Run `root` in one process and on the cluster, kill the first worker that writes; both archives are the same."""
    local = alone.run(*words(alone, root))
    assert local.code == 0 and len(outputs(local)) == 2 * count, local.err
    process = bench.process(*words(bench, root, "--scheduler", cluster.scheduler_address, "--jobs", "2"))
    deadline = time.monotonic() + PATIENCE
    while not (busy := partial(bench) & set(pids(cluster))):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[1]
        time.sleep(0.005)
    os.kill(min(busy), signal.SIGKILL)
    run = bench.ended(process)
    assert run.code == 0, run.err
    assert any("again from its beginning" in line for line in run.warnings())
    told = statuses(report(run))
    assert len(told) == count and set(told.values()) == {"done"}
    assert differences(contents(bench.archive), contents(alone.archive)) == []
    assert not any(bench.archive.rglob(".*"))


def test_a_killed_worker_changes_nothing(cluster, simulate_scenario, module_bench, tmp_path):
    made = inputs(simulate_scenario("standard"))
    root = offer(tmp_path / "three", [made[date] for date in ("S2A 0602", "S2B 0612", "LS8 0615")])
    same_with_a_worker_killed(cluster, root, module_bench(), module_bench(), 3)


@pytest.mark.long
def test_a_killed_worker_changes_nothing_in_six_products(cluster, simulate_scenario, simulate, module_bench, tmp_path):
    more = simulate(sensor="S2B", when=datetime(2021, 6, 7, 10, 46, 25, 578000), cover=0.02)
    root = offer(tmp_path / "six", [*inputs(simulate_scenario("standard")).values(), more.path])
    same_with_a_worker_killed(cluster, root, module_bench(), module_bench(), 6)
