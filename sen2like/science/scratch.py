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
