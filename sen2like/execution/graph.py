"""What there is to run and in which order: `Node`, and `Schedule`, which knows the next one that may start.

No time, no threads, no processes: who runs the nodes is :mod:`sen2like.execution.runner`.
"""

import heapq
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from sen2like.execution.executors import Call


@dataclass(frozen=True)
class Node:
    """One job, ``call(*args, emit, stop)``, that starts when the nodes it needs have ended, well or badly."""

    key: Hashable
    call: Call
    args: tuple[Any, ...] = ()
    needs: frozenset[Hashable] = field(default_factory=frozenset)
    memory_mb: float = 0
    """Estimated peak memory while it runs."""
    group: str = ""
    """What it is part of (a tile); the end of a group is told when its last node has ended."""


class Schedule:
    """Order of nodes: of those whose needs have ended, the one given first is next.

    ValueError for a key given twice, a need nobody has, or needs that go in a circle.
    """

    def __init__(self, nodes: Sequence[Node]):
        self.nodes = tuple(nodes)
        index = {node.key: i for i, node in enumerate(self.nodes)}
        if len(index) < len(self.nodes):
            twice = [key for key, n in Counter(node.key for node in self.nodes).items() if n > 1]
            raise ValueError(f"nodes given twice: {twice}")
        for node in self.nodes:
            if unknown := [key for key in node.needs if key not in index]:
                raise ValueError(
                    f"node {node.key} needs {unknown}, which are not in the graph; leave needs out that are there already"
                )
        try:
            TopologicalSorter({node.key: node.needs for node in self.nodes}).prepare()
        except CycleError as e:
            raise ValueError(f"nodes that wait for each other: {e.args[1]}") from e
        self._waits_for = [len(node.needs) for node in self.nodes]
        self._dependants: list[list[int]] = [[] for _ in self.nodes]
        for i, node in enumerate(self.nodes):
            for key in node.needs:
                self._dependants[index[key]].append(i)
        self._ready = [i for i, count in enumerate(self._waits_for) if count == 0]
        self._open = set(range(len(self.nodes)))
        self._in_group = Counter(node.group for node in self.nodes)

    @property
    def open(self) -> frozenset[int]:
        """Nodes (by place) that have not ended."""
        return frozenset(self._open)

    @property
    def finished(self) -> bool:
        return not self._open

    def peek(self) -> int | None:
        """Place of the node to start next; None: none may start now."""
        return self._ready[0] if self._ready else None

    def take(self) -> int:
        """The node of :meth:`peek`, now in somebody's hands."""
        return heapq.heappop(self._ready)

    def put_back(self, place: int) -> None:
        """A node that was taken shall run again."""
        heapq.heappush(self._ready, place)

    def ended(self, place: int) -> bool:
        """A node has ended for good; what waited for it may become ready. True if it was the last of its group."""
        self._open.remove(place)
        for i in self._dependants[place]:
            self._waits_for[i] -= 1
            if self._waits_for[i] == 0:
                heapq.heappush(self._ready, i)
        group = self.nodes[place].group
        self._in_group[group] -= 1
        return self._in_group[group] == 0
