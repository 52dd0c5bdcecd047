"""The order of nodes: needs first, then the order given."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sen2like.execution.graph import Node, Schedule


def nothing(emit, stop):
    pass


def node(key, *needs, group=""):
    return Node(key, nothing, needs=frozenset(needs), group=group)


@st.composite
def graphs(draw, largest=12):
    """Nodes in any order, without circles."""
    n = draw(st.integers(1, largest))
    nodes = [node(i, *draw(st.sets(st.integers(0, i - 1), max_size=3))) if i else node(i) for i in range(n)]
    return draw(st.permutations(nodes))


@given(graphs(), st.data())
def test_every_node_is_taken_once_after_its_needs_and_the_first_ready_one_first(nodes, data):
    schedule = Schedule(nodes)
    ended, taken, in_hand = set(), [], []
    while not schedule.finished:
        ready = [i for i, n in enumerate(nodes) if n.needs <= ended and n.key not in taken]
        assert schedule.peek() == (ready[0] if ready else None)
        if ready and (not in_hand or data.draw(st.booleans())):
            place = schedule.take()
            taken.append(nodes[place].key)
            in_hand.append(place)
        else:
            place = in_hand.pop(data.draw(st.integers(0, len(in_hand) - 1)))
            schedule.ended(place)
            ended.add(nodes[place].key)
    assert sorted(taken) == sorted(n.key for n in nodes)


def test_node_put_back_comes_in_its_old_place():
    schedule = Schedule([node("a"), node("b")])
    first = schedule.take()
    schedule.put_back(first)
    assert schedule.nodes[schedule.take()].key == "a"


def test_last_of_a_group_is_told():
    schedule = Schedule([node("a", group="31TFJ"), node("b", group="31TGJ"), node("c", "a", group="31TFJ")])
    assert [schedule.ended(schedule.take()) for _ in range(3)] == [False, True, True]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("a"), node("a")], "given twice: .*a"),
        ([node("a", "x")], "a needs .*x.* not in the graph"),
        ([node("a", "b"), node("b", "a")], "wait for each other"),
        ([node("a", "a")], "wait for each other"),
    ],
)
def test_graph_that_cannot_be_run_is_refused(nodes, message):
    with pytest.raises(ValueError, match=message):
        Schedule(nodes)


def test_empty_graph_is_finished():
    assert Schedule([]).finished


def test_ten_thousand_nodes_take_no_time():
    begin = time.perf_counter()
    schedule = Schedule([node(i, *range(max(0, i - 3), i)) for i in range(10_000)])
    while not schedule.finished:
        schedule.ended(schedule.take())
    assert time.perf_counter() - begin < 2
