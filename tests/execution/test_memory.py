"""Memory and processors: what is allowed, what was used."""

import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from sen2like.execution.cgroup import allowed_cores, available_memory_mb, total_memory_mb
from sen2like.execution.memory import PROCESS_MB, PeakMemory, estimate_mb, resident_mb

MB = 1_000_000
HEAPS = Path(__file__).with_name("heaps.py")


@pytest.fixture
def machine(tmp_path):
    """A made-up machine of 16 GiB, 8 GiB of them free: ``machine(files)`` adds control groups."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal:  16777216 kB\nMemFree: 1 kB\nMemAvailable:    8388608 kB\n")

    def add(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
        return tmp_path

    return add


def test_machine_without_control_groups(machine):
    root = machine({})
    assert available_memory_mb(root) == pytest.approx(8 * 1024**3 / 1e6)
    assert total_memory_mb(root) == pytest.approx(16 * 1024**3 / 1e6)
    assert allowed_cores(root) == math.inf


def test_limits_of_version_2(machine):
    group = "sys/fs/cgroup/batch/job"
    root = machine(
        {
            "proc/self/cgroup": "0::/batch/job",
            f"{group}/memory.max": "max",
            f"{group}/memory.current": str(500 * MB),
            f"{group}/cpu.max": "max 100000",
            "sys/fs/cgroup/batch/memory.max": str(4000 * MB),
            "sys/fs/cgroup/batch/memory.current": str(3000 * MB),
            "sys/fs/cgroup/batch/memory.stat": f"anon 5\ninactive_file {1000 * MB}",
            "sys/fs/cgroup/batch/cpu.max": "150000 100000",
        }
    )
    assert available_memory_mb(root) == 2000, "file cache can be dropped; the limit is of the group above"
    assert total_memory_mb(root) == 4000
    assert allowed_cores(root) == 1.5


def test_limits_of_version_1(machine):
    root = machine(
        {
            "proc/self/cgroup": "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/x",
            "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": str(3000 * MB),
            "sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes": str(2900 * MB),
            "sys/fs/cgroup/memory/docker/abc/memory.stat": f"inactive_file 0\ntotal_inactive_file {400 * MB}",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "5",
            "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "200000",
            "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
        }
    )
    assert available_memory_mb(root) == 500
    assert total_memory_mb(root) == 3000
    assert allowed_cores(root) == 2


def test_container_sees_its_limit_at_the_top_although_its_path_is_the_hosts(machine):
    root = machine(
        {
            "proc/self/cgroup": "5:memory:/docker/abc",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": str(700 * MB),
            "sys/fs/cgroup/memory/memory.usage_in_bytes": str(100 * MB),
        }
    )
    assert available_memory_mb(root) == 600


def test_group_over_its_limit_has_nothing_left(machine):
    root = machine(
        {
            "proc/self/cgroup": "0::/",
            "sys/fs/cgroup/memory.max": str(100 * MB),
            "sys/fs/cgroup/memory.current": str(120 * MB),
        }
    )
    assert available_memory_mb(root) == 0


def test_machine_that_does_not_tell_its_memory_is_an_error(machine):
    root = machine({"proc/meminfo": "MemTotal: 5 kB"})
    with pytest.raises(OSError, match=r"meminfo has no MemAvailable.*give a limit"):
        available_memory_mb(root)


def test_this_machine_has_memory():
    assert 100 < available_memory_mb() <= total_memory_mb()


def test_estimate_is_process_plus_arrays():
    # spec 01 section 7: a 10 m band is 482 MB as float32
    assert estimate_mb((10980, 10980), 1) - PROCESS_MB == pytest.approx(482, abs=0.5)
    assert estimate_mb((10980, 10980), 2, 2) - PROCESS_MB == pytest.approx(482, abs=0.5)


@pytest.mark.parametrize("exact", [True, False])
def test_peak_counts_what_was_freed_before_the_end(exact, monkeypatch):
    if not exact:
        monkeypatch.setattr("sen2like.execution.memory._CLEAR_REFS", Path("/proc/no/such/file"))
    before = resident_mb()
    with PeakMemory() as peak:
        block = np.ones(200 * MB, np.uint8)
        threading.Event().wait(0.15)
        del block
    assert peak.exact == exact
    assert not peak.shared
    assert before + 180 < peak.mb < before + 300


def test_peak_of_an_earlier_measurement_does_not_count():
    with PeakMemory() as first:
        np.ones(200 * MB, np.uint8)
    with PeakMemory() as second:
        pass
    assert second.mb < first.mb - 150


def test_measurements_at_the_same_time_say_so_and_do_not_spoil_each_other():
    with PeakMemory() as outer:
        block = np.ones(200 * MB, np.uint8)
        del block
        with PeakMemory() as inner:
            pass
    assert outer.shared and inner.shared
    assert outer.exact and not inner.exact
    assert outer.mb > inner.mb + 150


@pytest.mark.parametrize(
    ("cores", "chosen", "heaps"),
    [
        (1, {}, 1),
        (2, {}, 1),
        (5, {}, 2),
        (2, {"MALLOC_ARENA_MAX": "3"}, 3),
        (2, {"GLIBC_TUNABLES": "glibc.malloc.arena_max=4"}, 4),
    ],
)
def test_threads_share_heaps_unless_the_user_has_chosen(cores, chosen, heaps):
    """By default glibc would make eight for each processor (mallopt(3), M_ARENA_MAX), so one for each of the threads."""
    environment = {name: value for name, value in os.environ.items() if name not in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES")}
    environment |= chosen | {"PYTHONPATH": str(HEAPS.parents[2])}
    program = [sys.executable, str(HEAPS), str(cores)]
    found = int(subprocess.run(program, env=environment, capture_output=True, text=True, check=True).stdout)
    if not found:
        pytest.skip("another C library than glibc")
    assert found == heaps
