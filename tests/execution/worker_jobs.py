"""Jobs that tests send to worker processes; they must be importable there."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path


def add(a, b, emit, stop):
    emit(("adding", a, b))
    emit(("pid", os.getpid()))
    return a + b


def many_events(n, emit, stop):
    threads = [threading.Thread(target=lambda k=k: [emit((k, i)) for i in range(n)]) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return n


class Awkward(Exception):
    """Cannot be made again from its message alone."""

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


def fail(kind, emit, stop):
    raise {"value": ValueError("no such thing"), "awkward": Awkward("this", "that"), "exit": SystemExit(3)}[kind]


def unsendable(emit, stop):
    return threading.Lock()


def until_stopped(emit, stop):
    emit("waiting")
    if stop.wait(20):
        return "stopped"
    return "never stopped"


def deaf(seconds, emit, stop):
    emit(("pid", os.getpid()))
    time.sleep(seconds)
    return "done"


def die_once(flag: Path, emit, stop):
    """Kills its own process the first time."""
    emit(("pid", os.getpid()))
    try:
        flag.touch(exist_ok=False)
    except FileExistsError:
        return "survived"
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGKILL)


def die(emit, stop):
    os.kill(os.getpid(), signal.SIGKILL)


def transient_until(count: Path, n, emit, stop):
    """Raises a transient error until it was called n times."""
    with count.open("a") as file:
        file.write("x")
    if count.stat().st_size < n:
        raise TimeoutError("the server sleeps")
    return count.stat().st_size


def spans(folder: Path, name, seconds, emit, stop):
    """Writes when it ran."""
    begin = time.time()
    time.sleep(seconds)
    (folder / name).write_text(f"{begin} {time.time()}")
    return name


def set_variable(name, value):
    os.environ[name] = value


def get_variable(name, emit, stop):
    return os.environ.get(name)


def signals_to_self(emit, stop):
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.05)
    return os.getpgid(0) == os.getpid()


def emit_lock(emit, stop):
    emit(threading.Lock())


def leave_traces(folder: Path, emit, stop):
    """Says who it is and that of a program it started, then waits to be stopped, and says so."""
    child = subprocess.Popen(["sleep", "30"])
    (folder / "pids").write_text(f"{os.getpid()} {child.pid}")
    emit("running")
    if stop.wait(20):
        child.kill()
        (folder / "stopped").touch()
