"""An orchestrator that does nothing: it remembers what it was asked and tells the events it was given."""

from pathlib import Path

from sen2like.events import Candidate, ProductFinished
from sen2like.request import Request

S2 = "S2A_MSIL1C_20171030T104151_N0500_R008_T31TFJ_20231010T000000.SAFE"
LANDSAT = "LC08_L1TP_196030_20171011_20200903_02_T1"
CANDIDATES = (
    Candidate("31TFJ", "/data/LC08_A", "selected", "asked for", tile_coverage=0.76),
    Candidate("31TFJ", "/eodata/S2A_B", "selected", tile_coverage=1.0, cloud_cover=3.2),
    Candidate("31TFJ", "/eodata/S2A_C", "dropped", "cloud 34 > 20", tile_coverage=1.0, cloud_cover=34.0),
)


class Runs:
    """A fake orchestrator: remembers what it was asked, yields the events it was given."""

    def __init__(self):
        self.request: Request | None = None
        self.config = None
        self.events = []
        self.closed = False

    def __call__(self, request, config):
        self.request, self.config = request, config
        try:
            for event in self.events:
                if isinstance(event, BaseException):
                    raise event
                yield event() if callable(event) else event
        finally:
            self.closed = True


def finished(status, product=S2, reason=""):
    return ProductFinished("31TFJ", product, status, 1.25, (Path(f"/out/{product}.SAFE"),) if status == "done" else (), reason)
