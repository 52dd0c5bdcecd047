"""Retrying: what is worth it, how often, how long the pauses are."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sen2like.errors import PackagingError
from sen2like.execution.retry import Backoff, is_transient, retrying


def failing(errors):
    """Raises the errors one after the other, then returns how often it was called."""
    left, calls = list(errors), []

    def call():
        calls.append(1)
        if left:
            raise left.pop(0)
        return len(calls)

    return call


EXACT = Backoff(attempts=4, first=1, factor=3, longest=5, spread=0)


def test_pauses_grow_up_to_the_longest():
    assert list(EXACT.pauses()) == [1, 3, 5]


@given(st.integers(1, 10_000), st.floats(0, 0.9))
def test_pause_is_around_its_length_and_never_overflows(failures, spread):
    assert 0 < Backoff(longest=60, spread=spread).pause(failures) <= 60 * (1 + spread)


def test_transient_errors_are_retried_until_it_works():
    slept, told = [], []
    patient = retrying(
        failing([OSError(errno.ESTALE, "stale"), OSError(errno.EIO, "io")]),
        EXACT,
        sleep=slept.append,
        told=lambda e, pause: told.append((e.errno, pause)),
    )
    assert patient() == 3
    assert slept == [1, 3]
    assert told == [(errno.ESTALE, 1), (errno.EIO, 3)]


def test_last_error_is_raised_as_it_is():
    errors = [OSError(errno.EIO, str(n)) for n in range(4)]
    with pytest.raises(OSError, match="3") as caught:
        retrying(failing(errors), EXACT, sleep=lambda _: None)()
    assert caught.value is errors[3]


def test_other_errors_are_raised_at_once():
    slept = []
    with pytest.raises(FileNotFoundError):
        retrying(failing([FileNotFoundError(errno.ENOENT, "no")]), EXACT, sleep=slept.append)()
    assert slept == []


def test_stopping_while_waiting_ends_the_retries():
    call = failing([TimeoutError(), TimeoutError()])
    with pytest.raises(TimeoutError):
        retrying(call, EXACT, sleep=lambda _: True)()


def test_cause_of_our_own_error_counts():
    own = PackagingError("cannot write")
    own.__cause__ = OSError(errno.ENETDOWN, "down")
    assert is_transient(own)
    assert not is_transient(PackagingError("cannot write"))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.ENOENT, errno.EROFS])
def test_errors_that_stay_are_not_transient(number):
    assert not is_transient(OSError(number, ""))


def test_circle_of_causes_ends():
    a, b = ValueError(), ValueError()
    a.__cause__, b.__cause__ = b, a
    assert not is_transient(a)


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"first": -1}, {"factor": 0.5}, {"spread": 1}])
def test_impossible_backoff_is_refused(wrong):
    with pytest.raises(ValueError, match="are needed"):
        Backoff(**wrong)
