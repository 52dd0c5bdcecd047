"""One run at a time per tile, also when runs die."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sen2like.execution import locks
from sen2like.execution.locks import Owner, TileLock, TileLocked, holder

CONTENDER = Path(__file__).with_name("lock_contender.py")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(CONTENDER.parents[2])}


@pytest.fixture
def lock_file(tmp_path):
    folder = tmp_path / "31TFJ"
    folder.mkdir()
    return folder / ".lock"


def lock(tmp_path, run="run-2", **options):
    return TileLock(tmp_path, "31TFJ", run, **{"poll": 0.01, **options})


def held_by(path, age=0.0, **changes):
    """Writes a lock of another owner, touched `age` seconds ago."""
    owner = replace(Owner.here("run-1"), **changes)
    path.write_text(json.dumps(asdict(owner)))
    os.utime(path, (time.time() - age, time.time() - age))
    return owner


def dead_pid():
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_lock_is_there_while_held_and_gone_afterwards(tmp_path, lock_file):
    with lock(tmp_path) as held:
        owner = json.loads(lock_file.read_text())
        assert (owner["pid"], owner["run"]) == (os.getpid(), "run-2")
        assert holder(tmp_path, "31TFJ") == held.owner
    assert list(lock_file.parent.iterdir()) == []
    assert holder(tmp_path, "31TFJ") is None


def test_folder_of_the_tile_is_made(tmp_path):
    with TileLock(tmp_path / "new", "31TFJ", "run"):
        assert (tmp_path / "new/31TFJ/.lock").exists()


def test_tiles_do_not_disturb_each_other(tmp_path):
    with lock(tmp_path), TileLock(tmp_path, "31TGJ", "run-3", if_held="exit"):
        pass


def test_released_when_the_work_fails(tmp_path, lock_file):
    with pytest.raises(ZeroDivisionError), lock(tmp_path):
        _ = 1 / 0
    assert not lock_file.exists()


def test_second_run_exits_and_says_who_holds_the_tile(tmp_path, lock_file):
    with lock(tmp_path, "run-1"), pytest.raises(TileLocked, match=rf"31TFJ.*run-1.*process {os.getpid()} on .*try again"):
        lock(tmp_path, if_held="exit").acquire()
    assert not lock_file.exists()


def test_second_run_waits_and_says_so_once(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    first = lock(tmp_path, "run-1")
    first.acquire()
    threading.Timer(0.2, first.release).start()
    begin = time.monotonic()
    with lock(tmp_path):
        assert time.monotonic() - begin >= 0.15
    said = [r.message for r in caplog.records if "waiting" in r.message]
    assert len(said) == 1
    assert "run-1" in said[0]


def test_waiting_can_be_stopped(tmp_path):
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    with lock(tmp_path, "run-1"):
        with pytest.raises(TileLocked, match="stopped while waiting for run run-1"):
            lock(tmp_path, stop=stop, poll=10).acquire()
        assert holder(tmp_path, "31TFJ").run == "run-1"


def test_lock_of_a_dead_process_is_taken_over_at_once(tmp_path, lock_file, caplog):
    held_by(lock_file, pid=dead_pid())
    with lock(tmp_path, if_held="exit") as mine:
        assert holder(tmp_path, "31TFJ") == mine.owner
    assert "took over the lock of run run-1" in caplog.text
    assert list(lock_file.parent.iterdir()) == []


def test_lock_of_a_process_number_used_again_is_taken_over(tmp_path, lock_file):
    held_by(lock_file, pid=os.getpid(), born="1")
    with lock(tmp_path, if_held="exit"):
        pass


def test_lock_of_a_living_process_is_respected_however_old(tmp_path, lock_file):
    held_by(lock_file, age=1e6)
    with pytest.raises(TileLocked):
        lock(tmp_path, if_held="exit").acquire()


@pytest.mark.parametrize("machine", ["another boot/pid:[1]", ""])
def test_lock_of_another_machine_is_judged_by_its_last_touch(tmp_path, lock_file, machine):
    held_by(lock_file, age=500, pid=dead_pid(), machine=machine)
    with pytest.raises(TileLocked):
        lock(tmp_path, if_held="exit").acquire()
    held_by(lock_file, age=700, machine=machine)
    assert holder(tmp_path, "31TFJ") is None
    with lock(tmp_path, if_held="exit"):
        pass
    assert list(lock_file.parent.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{", '{"pid": 1}', "[1]"])
def test_unreadable_lock_is_respected_until_it_is_old(tmp_path, lock_file, content):
    lock_file.write_text(content)
    with pytest.raises(TileLocked, match="did not write its name"):
        lock(tmp_path, if_held="exit").acquire()
    os.utime(lock_file, (time.time() - 700, time.time() - 700))
    with lock(tmp_path, if_held="exit"):
        pass


def test_process_hidden_by_the_system_is_not_taken_for_dead(tmp_path, lock_file, monkeypatch):
    def hidden(pid, number):
        raise PermissionError

    held_by(lock_file, pid=dead_pid())
    monkeypatch.setattr(locks.os, "kill", hidden)
    with pytest.raises(TileLocked):
        lock(tmp_path, if_held="exit").acquire()


def test_heir_that_lives_is_left_to_finish(tmp_path, lock_file):
    dead = held_by(lock_file, pid=dead_pid())
    held_by(lock_file.with_name(f".lock-{dead.token}-heir"))
    with pytest.raises(TileLocked, match="stopped while waiting"):
        stop = threading.Event()
        threading.Timer(0.1, stop.set).start()
        lock(tmp_path, stop=stop).acquire()
    assert lock_file.exists()


def test_heir_that_died_is_followed_by_the_next(tmp_path, lock_file):
    dead = held_by(lock_file, pid=dead_pid())
    held_by(lock_file.with_name(f".lock-{dead.token}-heir"), pid=dead_pid())
    with lock(tmp_path, if_held="exit"):
        pass
    assert list(lock_file.parent.iterdir()) == []


def test_what_dead_runs_left_is_swept(tmp_path, lock_file):
    held_by(lock_file.with_name(".lock-0123-heir"), pid=dead_pid())
    lock_file.with_name(".lock-4567-now").touch()
    with lock(tmp_path):
        assert list(lock_file.parent.iterdir()) == [lock_file]


def test_heartbeat_touches_the_lock(tmp_path, lock_file):
    with lock(tmp_path, heartbeat=0.05, stale_after=1):
        os.utime(lock_file, (0, 0))
        end = time.monotonic() + 5
        while lock_file.stat().st_mtime < time.time() - 10:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_owner_of_a_lost_lock_is_told_and_leaves_the_new_owner_alone(tmp_path, lock_file):
    lost = threading.Event()
    with lock(tmp_path, heartbeat=0.02, stale_after=1, lost=lost.set):
        other = held_by(lock_file, run="thief")
        assert lost.wait(5)
    assert json.loads(lock_file.read_text())["token"] == other.token


def test_lock_is_released_when_the_interpreter_ends(tmp_path, lock_file):
    code = "import sys; from pathlib import Path; from sen2like.execution.locks import TileLock as Lock; "
    code += "Lock(Path(sys.argv[1]), '31TFJ', 'run').acquire()"
    subprocess.run([sys.executable, "-c", code, tmp_path], check=True, env=ENVIRONMENT, timeout=20)
    assert not lock_file.exists()


def test_forked_child_does_not_release_the_lock_of_its_parent(tmp_path, lock_file):
    with lock(tmp_path) as held:
        pid = os.fork()
        if pid == 0:
            held.release()
            os._exit(0)
        os.waitpid(pid, 0)
        assert lock_file.exists()


def test_impatient_staleness_is_refused(tmp_path):
    with pytest.raises(ValueError, match="three heartbeats"):
        lock(tmp_path, heartbeat=10, stale_after=20)


def test_folder_that_cannot_be_written_is_an_error_and_not_a_wait(tmp_path):
    (tmp_path / "31TFJ").write_text("a file")
    with pytest.raises(OSError):
        lock(tmp_path).acquire()


@pytest.mark.parametrize(("chance", "rounds"), [(0, 20), (60, 30)])
def test_many_processes_never_hold_the_lock_together(tmp_path, chance, rounds):
    """With chance 60 most owners die holding it, and the lock is inherited."""
    command = [sys.executable, str(CONTENDER), str(tmp_path), str(rounds), str(chance)]
    processes = [subprocess.Popen(command, env=ENVIRONMENT) for _ in range(6)]
    assert [process.wait(60) for process in processes] == [0] * 6
    assert not (tmp_path / "overlaps").exists()
    assert len((tmp_path / "rounds").read_text()) == 6 * rounds
    with lock(tmp_path, if_held="exit"):
        pass
    assert list((tmp_path / "31TFJ").iterdir()) == []
