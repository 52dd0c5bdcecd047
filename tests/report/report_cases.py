"""Events of made-up runs with every way a product can end, and the products they leave."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from sen2like.config import Config
from sen2like.config.sections import Directories
from sen2like.events import Candidate, Event, Listed, ProductFinished, ProductStarted, RunFinished, StepDone
from sen2like.record import Atmosphere, ProcessingRecord, Shift
from sen2like.report.collect import RunReport
from sen2like.report.model import Report

STARTED = datetime(2026, 3, 12, 10, 15, tzinfo=UTC)
TILE, OTHER = "31TFJ", "31TFK"
COMMAND = ("sen2like", "single-tile-mode", TILE, "--confParams", "base_url=https://jane:s3cret@host.example/api")
STEPS = {
    "read": 71.5, "GeometryKLT preprocess": 18.2, "GeometryKLT": 21.9, "GeometryCheck": 6.5, "Toa": 2.0,
    "Atmcor preprocess": 0.4,    "Atmcor": 9.1, "Nbar": 14.2, "encode": 11.0, "write": 44.8, "previews": 3.9,
    "PackagerL2H postprocess": 8.1, "Toa postprocess": 0.0,
}  # fmt: skip
BANDS = ("B02", "B03", "B04", "B08", "B11")


def s2_name(day: datetime, satellite: str = "S2A", tile: str = TILE) -> str:
    return f"{satellite}_MSIL1C_{day:%Y%m%d}T104155_N0510_R008_T{tile}_{day:%Y%m%d}T164625.SAFE"


def landsat_name(day: datetime, number: int = 8) -> str:
    return f"LC0{number}_L1TP_196030_{day:%Y%m%d}_{day + timedelta(days=7):%Y%m%d}_02_T1"


def output_name(product: str, level: str, tile: str = TILE) -> str:
    fields = product.split("_")
    when = f"{fields[2]}" if product.startswith("S2") else f"{fields[3]}T103000"
    mission, instrument = (fields[0], "MSI") if product.startswith("S2") else (f"LS{product[3]}", "OLI")
    return f"{mission}_{instrument}{level}_{when}_N0100_R008_T{tile}_20260312T101500.SAFE"


def write_output(archive: Path, name: str, tile: str = TILE, colour: int = 90, side: int = 343) -> Path:
    """A product folder with nothing but its pictures: a ramp whose green is `colour`."""
    folder = archive / tile / name
    root = f"{name.split('_')[1][-3:]}_T{tile}_{name.split('_')[2]}_{name[:3]}_R008"
    pictures = folder / "GRANULE" / root / "QI_DATA"
    pictures.mkdir(parents=True)
    ramp = np.linspace(20, 220, side, dtype=np.uint8)[None, :].repeat(side, 0)
    natural = np.dstack([ramp // 2, np.full_like(ramp, colour), ramp.T])
    for kind, image in (("THUMBNAIL", natural), ("QL_B432", natural), ("QL_B12118A", natural[::-1])):
        assert cv2.imwrite(str(pictures / f"{root}_{kind}.jpg"), image)
    return folder


def good_record(dx: float = 34.0, dy: float = -41.0, factor: float = 1.0) -> ProcessingRecord:
    record = ProcessingRecord(shift=Shift(dx, dy), atmosphere=Atmosphere(0.12, 1.8, 0.335, 1016.5, "monthly CAMS_2021-06.nc"))
    record.set_quality(
        COREGISTRATION_BEFORE_CORRECTION="53.300", INPUT_RMSE_X="34.200", INPUT_RMSE_Y="41.100",
        COREGISTRATION_AFTER_CORRECTION=1.3, MEAN_X=0.4, MEAN_Y=-0.2, RMSE=1.7, NB_OF_POINTS=2878, REF_IMAGE="31TFJ_B04.tif",
        VALID_PIX_PERCENTAGE="80.000000", NODATA_PIX_PERCENTAGE="25.000000",
    )  # fmt: skip
    row = {"refImg": "31TFJ_B04.tif", "secImg": "B04.jp2", "total_valid_pixel": 2107, "mean_x": dx, "mean_y": dy}
    record.correlation.append(row)
    record.applied("Geometry", dx=dx, dy=dy, reference="31TFJ_B04.tif")
    record.applied("Atmcor", method="SMAC", variant="reference", atmosphere="monthly CAMS_2021-06.nc")
    for step, seconds in STEPS.items():
        record.timer(step).seconds = seconds * factor
    return record


def rejected_record() -> ProcessingRecord:
    record = good_record(0.0, 0.0)
    for name in ("COREGISTRATION_BEFORE_CORRECTION", "INPUT_RMSE_X", "INPUT_RMSE_Y"):
        del record.quality[name]
    record.quality |= {"SHIFT_REJECTED": "True", "MEAN_X": "71.2", "MEAN_Y": "-12.5", "RMSE": "74.6"}
    record.correlation[0] |= {"mean_x": 71.3, "mean_y": -12.4, "total_valid_pixel": 55}
    record.warn("co-registration rejected, the product stays where it is: the shift of 72.4 m is above the limit of 60 m")
    return record


def fused_record(references: list[str], method: str = "composite") -> ProcessingRecord:
    record = good_record(-8.2, 5.5, 0.3)
    record.applied("Fusion", method=method, products=", ".join(references))
    for name in references:
        record.add_reference(name)
    record.set_quality(PREDICTED_PIXELS_STATISTICS="2:81.20% 1:10.05% 0:8.75%", OVERALL_STATISTICS="B04 mean:0.00120")
    return record


@dataclass
class Run:
    """A run as it is told: add products, then `report`."""

    archive: Path
    tile: str = TILE
    side: int = 343
    """Of its pictures, pixels."""
    events: list[Event] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)

    def listed(self, path: str, decision: str = "selected", reason: str = "", cloud: float | None = 4.0) -> None:
        self.candidates.append(Candidate(self.tile, path, decision, reason, 1.0, cloud))

    def begin(self, product: str) -> None:
        self.listed(f"/data/PRODUCTS/{product}")
        self.events.append(ProductStarted(self.tile, product, BANDS))
        self.events.append(StepDone(self.tile, product, "Atmcor preprocess", None, 0.4))
        self.events.append(StepDone(self.tile, product, "band", "B04", 12.5))

    def done(self, product: str, record: ProcessingRecord | None = None, seconds: float = 95.0) -> tuple[Path, ...]:
        """An output of each level; that of L2F looks otherwise for Landsat."""
        self.begin(product)
        names = [output_name(product, level, self.tile) for level in ("L2H", "L2F")]
        colours = (90, 90) if product.startswith("S2") else (90, 140)
        outputs = tuple(write_output(self.archive, n, self.tile, c, self.side) for n, c in zip(names, colours, strict=True))
        self._finish(product, "done", seconds, outputs, "", record or good_record())
        return outputs

    def failed(self, product: str, reason: str, record: ProcessingRecord | None = None) -> None:
        self.begin(product)
        self._finish(product, "failed", 20.0, (), reason, record)

    def skipped(self, product: str, reason: str) -> None:
        self.listed(f"/data/PRODUCTS/{product}")
        self._finish(product, "skipped", 0.1, (), reason, None)

    def interrupted(self, product: str) -> None:
        self.begin(product)
        self._finish(product, "interrupted", 33.0, (), f"{product}: stopped on request", None)

    def _finish(self, product, status, seconds, outputs, reason, record) -> None:
        self.events.append(ProductFinished(self.tile, product, status, seconds, outputs, reason, record))

    def all_events(self) -> list[Event]:
        return [Listed(self.tile, tuple(self.candidates)), *self.events]


def config_of(archive: Path) -> Config:
    """Defaults, but for the archive."""
    return Config(directories=Directories(archive_dir=str(archive)))


def report_of(archive: Path, *runs: Run, ended: bool = True, command=COMMAND, config: Config | None = None) -> Report:
    collected = RunReport(config or config_of(archive), command, STARTED)
    for run in runs:
        for event in run.all_events():
            collected.add(event)
    if ended:
        collected.add(RunFinished(Path("/data/production/wd/20260312T101500-a1b2c3"), 3725.0))
    return collected.report(STARTED + timedelta(seconds=600))


def varied(archive: Path) -> Report:
    """Every case: done, fused, failed in and outside a block, skipped, refused shift, interrupted, not begun, dropped."""
    day = datetime(2021, 6, 2)
    run = Run(archive)
    past = [p.name for p in run.done(s2_name(day))][1:]
    past += [run.done(s2_name(day + timedelta(days=10), "S2B"), rejected_record())[1].name]
    run.done(landsat_name(day + timedelta(days=13)), fused_record(past))
    truncated = "Toa, band B04: tile.jp2: truncated after 10 of 40 MB; fetch it again"
    run.failed(s2_name(day + timedelta(days=20)), truncated, good_record())
    run.failed(landsat_name(day + timedelta(days=21), 9), "LC09_L1TP_196030: MTL.txt is missing; give the whole scene")
    run.skipped(s2_name(day + timedelta(days=25), "S2B"), "cloud cover 34.0 % > 20 %")
    run.listed("/data/PRODUCTS/S2A_MSIL1C_20210627_ürban <b>&amp; 雲\x07.SAFE", "dropped", "name of no known family", None)
    run.listed(f"/data/PRODUCTS/{s2_name(day, 'S2A').replace('N0510', 'N0209')}", "dropped", "superseded by N0510")
    other = Run(archive, OTHER)
    other.interrupted(s2_name(day, tile=OTHER))
    other.listed(f"/data/PRODUCTS/{s2_name(day + timedelta(days=10), 'S2B', OTHER)}")
    return report_of(archive, run, other, Run(archive, "60WWE"), ended=False)


def long_series(archive: Path, count: int = 60) -> Report:
    """A year and more of one tile, done all but a few; with small pictures."""
    run = Run(archive, side=64)
    for n in range(count):
        when = datetime(2020, 11, 3) + timedelta(days=7 * n)
        product = s2_name(when, "S2A" if n % 2 else "S2B") if n % 3 else landsat_name(when, 8 + n % 2)
        if n % 13 == 5:
            run.skipped(product, f"cloud cover {20 + n}.0 % > 20 %")
        elif n % 29 == 7:
            run.failed(product, "Nbar: its sun zenith grid holds no angle; NBAR needs one (doNbar=False goes on without)")
        else:
            run.done(product, good_record(10 - n / 3, n / 4, 0.5 + n / 60))
    return report_of(archive, run)
