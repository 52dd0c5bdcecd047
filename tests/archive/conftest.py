"""A web server, a client without waiting, and queries on 31TFJ."""

from collections.abc import Iterator
from datetime import date

import pytest
from archive.web import Web

from sen2like.archive.http import Http
from sen2like.archive.model import Query
from sen2like.grid.mgrs import tile

TODAY = date(2018, 1, 1)


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    yield server
    server.close()


@pytest.fixture
def slept() -> list[float]:
    """Pauses that `http` was told to make, seconds."""
    return []


@pytest.fixture
def http(slept) -> Iterator[Http]:
    client = Http(timeout=5, sleep=slept.append, clock=lambda: 1_000_000_000.0)
    yield client
    client.close()


@pytest.fixture
def today():
    return lambda: TODAY


@pytest.fixture
def year_2017() -> Query:
    """The query of the worked examples of spec 02 section 2.2."""
    return Query("Sentinel2", tile("31TFJ"), date(2017, 1, 1), date(2017, 12, 31), cloud_cover=20, level="LEVEL1C")


@pytest.fixture
def scene_2017() -> Query:
    return Query("Landsat8", tile("31TFJ"), date(2017, 1, 1), date(2017, 12, 31), 20, path=196, row=30, coverage=0.76)
