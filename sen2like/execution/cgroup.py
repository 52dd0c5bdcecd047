"""What the machine, or the control group this process is confined to (a container, a batch job), allows: memory, processors."""

import math
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/")
_NO_LIMIT = 1 << 60
"""Version 1 writes a number near 2^63 where there is no limit."""


def available_memory_mb(root: Path = _ROOT) -> float:
    """Memory (MB = 10^6 bytes) that can be used now without swapping: free on the machine and free in every control group."""
    free = [_meminfo(root, "MemAvailable")]
    for limit, used in _memory(root):
        free.append(max(0, limit - used))
    return min(free) / 1e6


def total_memory_mb(root: Path = _ROOT) -> float:
    """Memory (MB) of the machine, or of the smallest control group around this process."""
    return min([_meminfo(root, "MemTotal"), *(limit for limit, _ in _memory(root))]) / 1e6


def allowed_cores(root: Path = _ROOT) -> float:
    """Processors' worth of time the control groups allow (may be fractional); infinity: no limit."""
    return min(_quotas(root), default=math.inf)


def _meminfo(root: Path, name: str) -> int:
    """Bytes."""
    for line in (root / "proc/meminfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    raise OSError(f"{root / 'proc/meminfo'} has no {name}: the memory of this machine cannot be told; give a limit")


def _memory(root: Path) -> Iterator[tuple[int, int]]:
    """(limit, used) bytes of every memory group that has a limit. File cache the kernel can drop is not counted as used."""
    for folder in _groups(root, "memory"):
        limit = _number(folder / "memory.max") or _number(folder / "memory.limit_in_bytes")
        used = _number(folder / "memory.current") or _number(folder / "memory.usage_in_bytes")
        if limit is not None and limit < _NO_LIMIT:
            yield limit, max(0, (used or 0) - _inactive_file(folder))


def _inactive_file(folder: Path) -> int:
    """Bytes; with those of the groups below (version 1 calls that ``total_``)."""
    values = {}
    for line in (_text(folder / "memory.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        values[name] = int(value)
    return values.get("total_inactive_file", values.get("inactive_file", 0))


def _quotas(root: Path) -> Iterator[float]:
    for folder in _groups(root, "cpu"):
        quota, _, period = (_text(folder / "cpu.max") or "").partition(" ")
        if quota.isdigit():
            yield int(quota) / int(period)
        old_quota, old_period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        if old_quota is not None and old_period and old_quota > 0:
            yield old_quota / old_period


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Folders of the groups this process is in for that controller, the innermost first, in both versions.

    Inside a container the path may be the host's; what can be seen then is the mount's top.
    """
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        number, controllers, path = line.split(":", 2)
        top = root / "sys/fs/cgroup"
        if number == "0":
            tops = [top, top / "unified"]
        elif controller in controllers.split(","):
            tops = [top / controllers, top / controller]
        else:
            continue
        for top in dict.fromkeys(tops):
            folder = top / path.lstrip("/")
            yield from (folder, *(parent for parent in folder.parents if parent == top or top in parent.parents))


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text is not None and text.lstrip("-").isdigit() else None


def _text(path: Path) -> str | None:
    """None: this system or control group has no such file."""
    try:
        return path.read_text().strip()
    except OSError:
        return None
