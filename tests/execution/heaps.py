"""``python heaps.py CORES``: how many heaps the C library makes for eight threads that live at the same time; 0: not glibc."""

import ctypes
import re
import sys
import tempfile
import threading
from pathlib import Path

from sen2like.execution.memory import share_heaps

THREADS = 8
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.fopen.restype = ctypes.c_void_p


def takes_memory(all_are_there: threading.Barrier) -> None:
    all_are_there.wait()
    library.malloc(10_000)
    all_are_there.wait()


def heaps() -> int:
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "heaps.xml"
        stream = ctypes.c_void_p(library.fopen(str(told).encode(), b"w"))
        library.malloc_info(0, stream)
        library.fclose(stream)
        return len(re.findall(r"<heap nr=", told.read_text()))


if __name__ == "__main__":
    if not hasattr(library, "malloc_info"):
        print(0)
        raise SystemExit
    share_heaps(int(sys.argv[1]))
    barrier = threading.Barrier(THREADS)
    threads = [threading.Thread(target=takes_memory, args=(barrier,)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(heaps())
