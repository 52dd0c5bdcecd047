"""Harmonised surface reflectance from Sentinel-2 and Landsat 8/9 on the Sentinel-2 tile grid.

As a library::

    from sen2like import Request, load, run

    request = Request(mode="single-tile-mode", tile="31TFJ", start_date="2021-06-01", wd="/data/wd")
    with closing(run(request, load("my.ini"))) as events:  # leaving the block stops the run, with nothing half-written
        for event in events:
            print(event)
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sen2like.config import Config
    from sen2like.events import Event
    from sen2like.request import Request

__version__ = "1.0.0.dev0"
__all__ = ["Request", "__version__", "load", "run"]


def run(request: Request, config: Config) -> Generator[Event, None, None]:
    """Carry out `request`: yields what happens (`sen2like.events`) as it happens. Closing the generator cancels the run.

    Raises what `sen2like.orchestrator.run` raises.
    """
    from sen2like import orchestrator

    return orchestrator.run(request, config)


def __getattr__(name: str) -> Any:
    """`Request` and `load` (of a configuration), imported when somebody asks: ``--version`` should not wait for GDAL."""
    if name == "Request":
        from sen2like.request import Request

        return Request
    if name == "load":
        from sen2like.config import load

        return load
    raise AttributeError(f"module 'sen2like' has no attribute {name!r}")
