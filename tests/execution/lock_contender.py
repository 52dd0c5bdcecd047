"""A process whose children take the lock of a tile one after the other; run by test_locks, several at a time.

Arguments: archive folder, number of rounds, chance in percent that a child dies holding the lock. Inside the lock a child
creates a file exclusively and removes it: whoever finds it there was not alone and says so in the file ``overlaps``.
"""

import os
import random
import sys
import time
from pathlib import Path

from sen2like.execution.locks import TileLock


def hold_once(archive: Path, chance: int) -> None:
    inside = archive / "inside"
    with TileLock(archive, "31TFJ", f"run-{os.getpid()}", poll=0.003):
        try:
            os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            with (archive / "overlaps").open("a") as file:
                file.write("two at a time\n")
        time.sleep(random.uniform(0, 0.002))
        inside.unlink(missing_ok=True)
        with (archive / "rounds").open("a") as file:
            file.write("x")
        if random.randrange(100) < chance:
            os._exit(9)


if __name__ == "__main__":
    for _ in range(int(sys.argv[2])):
        pid = os.fork()
        if pid == 0:
            random.seed(os.getpid())
            hold_once(Path(sys.argv[1]), int(sys.argv[3]))
            os._exit(0)
        os.waitpid(pid, 0)
