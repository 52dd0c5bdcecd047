"""Arrays for intermediate results, used again and again: fresh memory costs more than the arithmetic on it."""

import threading
from collections.abc import Callable
from math import prod

import numpy as np
from numpy.typing import DTypeLike

Empty = Callable[[tuple[int, ...], DTypeLike], np.ndarray]
"""``empty(shape, dtype)``: an array of any content, `np.empty` or one that is used again."""
NamedEmpty = Callable[[str, tuple[int, ...], DTypeLike], np.ndarray]
"""``empty(name, shape, dtype)``: the same by name, as `Arrays.array` gives it."""


class Arrays:
    """Arrays by name. What an array held is lost when the same name is asked for again."""

    def __init__(self) -> None:
        self._held: dict[str, np.ndarray] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> np.ndarray:
        """An array of any content."""
        size = prod(shape) * np.dtype(dtype).itemsize
        held = self._held.get(name)
        if held is None or held.size < size:
            held = self._held[name] = np.empty(size, np.uint8)
        return held[:size].view(dtype).reshape(shape)


class Scratch(Arrays, threading.local):
    """`Arrays` of which each thread has its own."""


class RowWindow:
    """Those rows of an image that are in memory: more are added below, others forgotten above, all in one array.

    ``empty(shape, dtype)`` gives the array; `rows`: how many it has room for at first.
    """

    def __init__(self, width: int, dtype: DTypeLike, rows: int, empty: Empty = np.empty) -> None:
        self._empty = empty
        self._held = empty((rows, width), dtype)
        self.start = self.stop = 0

    def clear(self) -> None:
        """Forget all rows; the first ones come next."""
        self.start = self.stop = 0

    def more(self, rows: int, keep: int) -> np.ndarray:
        """The place of the next `rows` rows, to be filled; rows before `keep` are forgotten, views of any are worthless."""
        keep = min(max(keep, self.start), self.stop)
        kept = self._held[keep - self.start : self.stop - self.start]
        needed = len(kept) + rows
        if needed > len(self._held):
            self._held = self._empty((needed, self._held.shape[1]), self._held.dtype)
        self._held[: len(kept)] = kept
        self.start, self.stop = keep, self.stop + rows
        return self._held[needed - rows : needed]

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows [start, stop), a view; `ValueError`: not all of them are there."""
        if not self.start <= start <= stop <= self.stop:
            raise ValueError(f"rows {start} to {stop} were asked for, {self.start} to {self.stop} are there")
        return self._held[start - self.start : stop - self.start]
