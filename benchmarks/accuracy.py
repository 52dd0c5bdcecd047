"""An L2H product of a simulated Level-1C, against its truth and against the errors it is bound to have.

The simulator knows the surface everywhere, so each error the chain cannot avoid is predicted without looking at the
output, by code that shares nothing with the chain but the coefficients (`Prediction`): sensor noise, rounding of the input,
truncation of the output, the parabola in place of SMAC, interpolation by a fraction of a pixel, and BRDF that is not or not
rightly corrected. Bias and RMSE of the output minus truth must be the predicted ones, and so must be what remains when
the errors that can be computed pixel by pixel are taken off: otherwise something else is wrong. docs/accuracy.md tells more.

    python -m benchmarks.accuracy --work DIR [--coarse K] [--brdf] [--nbar-kernel reference|modis]
    python -m benchmarks.accuracy --product SAFE --truth DIR --l2h PRODUCT

The first form simulates and processes below DIR (kept and used again); `--coarse 10` makes pixels ten times as large and
takes seconds, true size about ten minutes. Only ``--physics mean`` without clouds and gradients can be predicted.
"""

import argparse
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

import numpy as np
import rasterio
from rich.console import Console
from rich.table import Table
from scipy import ndimage

from sen2like.config import load
from sen2like.data import roy_coefficients
from sen2like.events import ProductFinished
from sen2like.orchestrator import run
from sen2like.products.model import Angles
from sen2like.products.registry import open_product
from sen2like.request import Request
from sen2like.science import brdf

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT / "tests") not in sys.path:
    sys.path.append(str(ROOT / "tests"))

from simulator.acquisition import Acquisition  # noqa: E402
from simulator.figures import TILE_SIZE, tile  # noqa: E402
from simulator.scene import Scene  # noqa: E402
from simulator.sentinel2_bands import NOISE, RESOLUTION  # noqa: E402

TILE = "31TFJ"
BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
SHIFT_PIXELS = 0.43, -0.27
"""East and north, pixels of 10 m (times the coarse factor)."""
ATMOSPHERE = {"aot": 0.2, "h2o": 2.0, "o3": 0.331, "pressure": 1013.095}
"""The default atmosphere: no CAMS file is needed."""
DN = 1e4
"""Digital numbers per unit of reflectance, input and output."""
OFFSET = 1000
ROUNDING = 1 / math.sqrt(12)
"""Standard deviation of what rounding to whole numbers takes away."""
MARGIN = 4
"""Pixels left out along the edges of the tile and of the blocks, more than interpolation reaches."""
BIAS_LIMIT, RMSE_LIMIT, REST_LIMIT = 0.2, 0.03, 0.02
"""Allowed: difference of bias, DN; relative difference of RMSE; relative difference of what remains."""
SHIFT_LIMIT = 0.02
"""Allowed error of the estimated displacement, pixels of the reference band (10 m)."""
NODE_STEP = 5000.0
"""Metres between the nodes of angles and atmosphere."""


@dataclass(frozen=True)
class Part:
    """One source of error: mean and standard deviation, DN of the output."""

    bias: float
    sigma: float


@dataclass(frozen=True)
class Result:
    """Error of one band of an L2H product over all pixels but the edges, measured and predicted, DN."""

    band: str
    pixels: int
    missing: int
    """Pixels without data where there should be some."""
    measured: Part
    parts: dict[str, Part]
    """By source of error; they add up to the prediction."""
    joint: Part
    """Parabola, interpolation and BRDF together, pixel by pixel: they are not quite independent of each other."""
    rest: Part
    """Measured minus `joint`, pixel by pixel: should be noise and rounding only."""

    @property
    def rmse(self) -> float:
        return math.hypot(self.measured.bias, self.measured.sigma)

    @property
    def predicted_bias(self) -> float:
        return sum(part.bias for part in self.parts.values())

    @property
    def predicted_rmse(self) -> float:
        """Biases summed, standard deviations in quadrature, those of `joint` as one."""
        return math.hypot(self.predicted_bias, self.joint.sigma, self.random.sigma)

    @property
    def quadrature(self) -> float:
        """`predicted_rmse` as if all parts were independent."""
        return math.hypot(self.predicted_bias, *(part.sigma for part in self.parts.values()))

    @property
    def random(self) -> Part:
        """Noise and rounding."""
        parts = [self.parts[name] for name in ("noise", "input", "output")]
        return Part(sum(p.bias for p in parts), math.hypot(*(p.sigma for p in parts)))

    def failures(self) -> list[str]:
        """What is not as predicted."""
        found = []
        if self.missing:
            found.append(f"{self.missing} pixels missing")
        if abs(self.measured.bias - self.predicted_bias) > BIAS_LIMIT:
            found.append("bias")
        if abs(self.rmse / self.predicted_rmse - 1) > RMSE_LIMIT:
            found.append("RMSE")
        if abs(self.rest.bias - self.random.bias) > BIAS_LIMIT or abs(self.rest.sigma / self.random.sigma - 1) > REST_LIMIT:
            found.append("rest")
        return found


@dataclass(frozen=True)
class Applied:
    """What was done to an L2H product, from its STAC item."""

    dx: float
    """Displacement that was removed, metres to the east ..."""
    dy: float
    """... and to the south."""
    exact_smac: bool
    nbar_kernel: brdf.Kernel | None
    """None: NBAR was off."""

    @classmethod
    def to(cls, l2h: Path) -> "Applied":
        item = json.loads((l2h / f"{l2h.name.removesuffix('.SAFE')}.json").read_text())
        steps = {step["block"]: step for step in item["properties"]["s2l:lineage"]}
        geometry, nbar = steps.get("Geometry", {}), steps.get("Nbar")
        if nbar and nbar["sun_zenith"] != "latitude":
            raise ValueError(f"{l2h.name}: the truth is under the sun of the latitude, not the actual one")
        kernel = nbar["kernel"] if nbar else None
        return cls(geometry.get("dx", 0.0), geometry.get("dy", 0.0), steps["Atmcor"]["variant"] == "exact", kernel)


class Sums:
    """Mean and standard deviation of values that come in portions."""

    def __init__(self) -> None:
        self.count, self._sum, self._squares = 0, 0.0, 0.0

    def add(self, values: np.ndarray) -> None:
        self.count += values.size
        self._sum += float(values.sum(dtype=np.float64))
        self._squares += float(np.square(values, dtype=np.float64).sum())

    @property
    def square(self) -> float:
        """Mean of the squares."""
        return self._squares / self.count

    def part(self) -> Part:
        mean = self._sum / self.count
        return Part(mean, math.sqrt(max(self.square - mean**2, 0.0)))


class Prediction:
    """What has to happen to one band: the forward model of the simulator and the steps of the specifications, in float64."""

    def __init__(self, scene: Scene, band: str, applied: Applied, angles: Angles, limits: tuple[float, float]):
        """`limits`: range of the reflectance of the Level-1C."""
        self.scene, self.band, self.applied, self.limits = scene, band, applied, limits
        self.pixel = RESOLUTION[band] * scene.acq.coarse
        a, t, s, _ = scene.tables(band)
        if max(np.ptp(a), np.ptp(t), np.ptp(s)) > 1e-12:
            raise ValueError("the atmosphere changes within the scene: simulate with --physics mean and without gradients")
        self.a, self.t, self.s = (float(table.flat[0]) for table in (a, t, s))
        rho = np.linspace(0, 1, 101)
        self.parabola = np.polynomial.polynomial.polyfit(rho, self.exact(rho), 2)
        self._x, self._y = catmull_rom(applied.dx / self.pixel), catmull_rom(applied.dy / self.pixel)
        self._c = self._coarse_c(angles)

    def toa(self, surface: np.ndarray) -> np.ndarray:
        return self.a + self.t * surface / (1 - self.s * surface)

    def exact(self, toa: np.ndarray) -> np.ndarray:
        return (toa - self.a) / (self.t + self.s * (toa - self.a))

    def corrected(self, toa: np.ndarray) -> np.ndarray:
        """Surface reflectance as the chain has it: spec 07 section 4.4."""
        surface = self.exact(toa) if self.applied.exact_smac else np.polynomial.polynomial.polyval(toa, self.parabola)
        return np.maximum(surface, 0)

    def slope(self, toa: np.ndarray) -> np.ndarray:
        """Change of the corrected reflectance with that at the top of the atmosphere."""
        if self.applied.exact_smac:
            return self.t / np.square(self.t + self.s * (toa - self.a))
        return self.parabola[1] + 2 * self.parabola[2] * toa

    def moved(self, image: np.ndarray) -> np.ndarray:
        """`image` without its displacement, Catmull-Rom within the range of the input (spec 05 section 6.2), less `MARGIN`
        pixels on all sides."""
        for axis, (first, weights) in ((0, self._y), (1, self._x)):
            size = image.shape[axis] - 2 * MARGIN
            taken = [np.take(image, range(k, k + size), axis) for k in range(MARGIN + first - 1, MARGIN + first + 3)]
            image = sum(w * samples for w, samples in zip(weights, taken, strict=True))
        return np.clip(image, *self.limits)

    @property
    def kept_noise(self) -> float:
        """What interpolation leaves of the standard deviation of independent pixels."""
        return math.sqrt(np.square(self._x[1]).sum() * np.square(self._y[1]).sum())

    def seen(self, x: np.ndarray, y: np.ndarray) -> np.ndarray | float:
        """Reflectance in the geometry of the image over the true one at nadir, at places of the map."""
        scene = self.scene
        if not scene.acq.brdf:
            return 1.0
        table = scene.tables(self.band)[3]
        x0, y0, across_x, across_y, *_, half_swath, width = scene.track[:8]
        detector = np.floor(((x - x0) * across_x + (y - y0) * across_y + half_swath) / width).astype(int) - scene.detector_first
        place = [detector, (scene.uly - y) / NODE_STEP, (x - scene.ulx) / NODE_STEP]
        return ndimage.map_coordinates(table, np.broadcast_arrays(*place), order=1)

    def c_factor(self, x: np.ndarray, y: np.ndarray) -> np.ndarray | float:
        """The correction from the product's own angles (spec 09 sections 2.3, 2.4) at places of the map; 1: none."""
        if self._c is None:
            return 1.0
        u, v = (
            along * n / TILE_SIZE - 0.5 for along, n in zip((self.scene.uly - y, x - self.scene.ulx), self._c.shape, strict=True)
        )
        return np.clip(ndimage.map_coordinates(self._c, np.broadcast_arrays(u, v), order=1, mode="mirror"), 0.8, 1.2)

    def _coarse_c(self, angles: Angles) -> np.ndarray | None:
        """On the grid of the angles."""
        coefficients = roy_coefficients(self.band)
        if self.applied.nbar_kernel is None or coefficients is None:
            return None
        (sza, saa), (vza, vaa) = angles.sun(), angles.view(self.band)
        return brdf.c_factor(coefficients, sza, vza, saa - vaa, brdf.theta_norm(self.scene.lat), kernel=self.applied.nbar_kernel)


def catmull_rom(offset: float) -> tuple[int, np.ndarray]:
    """(n, weights of samples n-1 ... n+2) for a displacement of `offset` pixels: spec 05 section 6.2."""
    n = math.floor(offset)
    t = offset - n
    weights = [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3]
    if abs(n) >= MARGIN - 2:
        raise ValueError(f"a displacement of {offset:g} pixels is more than the margin allows")
    return n, np.array(weights) / 2


class _Band:
    """Sums of one band while its pixels come block by block."""

    def __init__(self, prediction: Prediction, l2h: Path, truth: Path):
        self.prediction, self.missing = prediction, 0
        self._image, self._truth = rasterio.open(band_file(l2h, prediction.band)), rasterio.open(truth / f"{prediction.band}.tif")
        if self._image.shape != self._truth.shape or self._image.transform != self._truth.transform:
            raise ValueError(f"{self._image.name} is not on the grid of {self._truth.name}")
        self.sums = {name: Sums() for name in ("measured", "rest", "joint", "parabola", "resampling", "BRDF", "slope")}

    def add(self, lattice: np.ndarray, first: int, rows: int) -> None:
        p, scene = self.prediction, self.prediction.scene
        inside = (slice(MARGIN, -MARGIN),) * 2
        truth = scene.see(lattice, first, rows, p.pixel, shifted=False).astype(float)
        image = scene.see(lattice, first, rows, p.pixel).astype(float)
        top = round(first * scene.cell / p.pixel)
        x = scene.ulx + (np.arange(truth.shape[1]) + 0.5)[None] * p.pixel
        y = scene.uly - (top + np.arange(truth.shape[0]) + 0.5)[:, None] * p.pixel
        seen, c = p.seen(x, y), p.c_factor(x, y)
        window = ((top, top + truth.shape[0]), (0, truth.shape[1]))
        kept = self._truth.read(1, window=window)
        if np.abs(kept - truth).max() > 2e-5:
            raise ValueError(f"{self._truth.name} is not what this simulator makes of its truth.json")
        dn = self._image.read(1, window=window)[inside]

        image *= seen
        here = truth * seen
        parabola = (p.corrected(p.toa(here)) - here) * c
        toa = p.moved(p.toa(image))
        if isinstance(c, np.ndarray):
            parabola, c = parabola[inside], c[inside]
        else:
            parabola = parabola[inside]
        truth, here = truth[inside], here[inside]
        joint = p.corrected(toa) * c - truth
        measured = (dn.astype(float) - OFFSET) / DN - truth
        known = dn != 0
        self.missing += int(known.size - np.count_nonzero(known))
        found = {
            "measured": measured,
            "rest": measured - joint,
            "joint": joint,
            "parabola": parabola,
            "resampling": (p.exact(toa) - here) * c,
            "BRDF": here * c - truth,
            "slope": p.slope(toa) * c,
        }
        for name, values in found.items():
            self.sums[name].add(values[known] * DN)

    def result(self) -> Result:
        p, sums = self.prediction, self.sums
        self._image.close()
        self._truth.close()
        gain = p.kept_noise * math.sqrt(sums["slope"].square) / DN
        noise = NOISE[p.band] * p.scene.acq.noise * DN
        parts = {
            "noise": Part(0.0, noise * gain),
            "input": Part(0.0, ROUNDING * gain),
            "output": Part(-0.5, ROUNDING),
            **{name: sums[name].part() for name in ("parabola", "resampling", "BRDF")},
        }
        measured, joint, rest = (sums[name].part() for name in ("measured", "joint", "rest"))
        return Result(p.band, sums["measured"].count, self.missing, measured, parts, joint, rest)


def assess(l2h: Path, truth: Path, product: Path, every: int = 1) -> tuple[list[Result], tuple[float, float]]:
    """Measured and predicted errors of all bands of an L2H product, and the error of its displacement (x, y), pixels of 10 m.

    `truth`: folder with truth.json and Bxx.tif. `product`: the Level-1C, for its angles and the range of its DN.
    `every`: 3 takes one of three blocks of 720 rows of 10 m. `ValueError`: the product was simulated in a way that cannot be
    predicted.
    """
    scene, applied, level1 = scene_of(truth), Applied.to(l2h), open_product(product)
    angles = level1.read_angles("reference")
    bands = {}
    for band in BANDS:
        dn = level1.read(band).data
        limits = (float(dn[dn != 0].min()) - OFFSET) / DN, (float(dn.max()) - OFFSET) / DN
        bands[band] = _Band(Prediction(scene, band, applied, angles, limits), l2h, truth)
    for first, rows in list(scene.blocks())[::every]:
        scene.open_block(first, rows, 60 * scene.acq.coarse)
        for band, sums in bands.items():
            sums.add(scene.mixed(scene.spectrum(band)), first, rows)
    shift = (applied.dx - scene.acq.dx) / scene.cell, (applied.dy + scene.acq.dy) / scene.cell
    return [band.result() for band in bands.values()], shift


def scene_of(truth: Path) -> Scene:
    """The simulated scene that `truth` (folder) tells of."""
    facts = json.loads((truth / "truth.json").read_text())
    known = {field.name: facts[field.name] for field in fields(Acquisition) if field.name in facts}
    acq = Acquisition(**known | {"when": datetime.fromisoformat(facts["when"]).replace(tzinfo=None)})
    if acq.physics != "mean" or any((acq.aot_gx, acq.aot_gy, acq.h2o_gx, acq.h2o_gy, acq.cover, acq.cirrus)):
        raise ValueError("only products simulated with --physics mean, without gradients and clouds can be predicted")
    epsg, ulx, uly = tile(acq.tile)
    return Scene(acq, ulx, uly, TILE_SIZE, TILE_SIZE, epsg, (ulx + TILE_SIZE / 2, uly - TILE_SIZE / 2))


def band_file(product: Path, band: str) -> Path:
    """Image of a band in IMG_DATA or its folder NATIVE."""
    found = [p for p in product.glob(f"GRANULE/*/IMG_DATA/**/*_{band}_*") if p.suffix in (".TIF", ".jp2")]
    if len(found) != 1:
        raise FileNotFoundError(f"expected one image of {band} in {product.name}, found {len(found)}")
    return found[0]


def simulated(work: Path, coarse: int, with_brdf: bool) -> tuple[Path, Path, Path]:
    """(product, truth, reference image) below `work`, made once."""
    base = work / f"accuracy_{coarse}{'_brdf' * with_brdf}"
    if not (base / "complete").exists():
        env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
        east, north = (f"{v * 10 * coarse:g}" for v in SHIFT_PIXELS)
        options = ["--physics", "mean", f"--dx={east}", f"--dy={north}", *["--brdf"] * with_brdf]
        options += [f"--{name}={value}" for name, value in ATMOSPHERE.items()]
        for words in (["s2", *options], ["reference"]):
            command = [sys.executable, "-m", "simulator", *words, "--out", str(base), "--coarse", str(coarse)]
            subprocess.run(command, check=True, env=env)
        (base / "complete").touch()
    product = next(base.glob("*.SAFE"))
    return product, base / "truth" / product.stem, base / f"{TILE}_B04.tif"


def processed(product: Path, reference: Path, work: Path, kernel: brdf.Kernel | None) -> Path:
    """L2H made by product-mode with the shipped configuration and the default atmosphere; `kernel` None: NBAR off."""
    directories = ("cams_dir", "cams_daily_dir", "cams_hourly_dir", "cams_climatology_dir", "scl_dir", "references_map")
    options: dict[str, object] = dict.fromkeys(directories)
    options |= {"archive_dir": work / f"archive_{kernel or 'no_nbar'}", "cloud_cover": 100}
    options |= {"doFusion": False, "doPackagerL2F": False, "doNbar": kernel is not None, "nbar_kernel": kernel or "reference"}
    config = load(ROOT / "conf" / "config.ini", options=options)
    (finished,) = (
        event
        for event in run(Request(product=product, ref_image=reference, wd=work / "wd"), config)
        if isinstance(event, ProductFinished)
    )
    if finished.status != "done":
        raise RuntimeError(f"{finished.product} {finished.status}: {finished.reason}")
    return finished.outputs[0]


def show(results: list[Result], shift: tuple[float, float], console: Console) -> bool:
    """Print the table; True when everything is as predicted."""
    table = Table(title="L2H minus truth and its predicted parts, DN (reflectance x 10⁴)")
    table.add_column("band")
    for title in ("bias\nmeasured", "\npredicted", "RMSE\nmeasured", "\npredicted", "noise\nσ", "rounding\nσ in, out",
                  "parabola\nbias, σ", "resampling\nbias, σ", "BRDF\nbias, σ", "rest σ\nmeasured", "\npredicted"):  # fmt: skip
        table.add_column(title, justify="right")
    table.add_column("verdict")
    good = max(map(abs, shift)) <= SHIFT_LIMIT
    for r in results:
        failures = r.failures()
        good = good and not failures
        parts = [f"{r.parts[name].bias:+.2f}  {r.parts[name].sigma:.2f}" for name in ("parabola", "resampling", "BRDF")]
        figures = [f"{r.measured.bias:+.2f}", f"{r.predicted_bias:+.2f}", f"{r.rmse:.2f}", f"{r.predicted_rmse:.2f}"]
        figures += [f"{r.parts['noise'].sigma:.2f}", f"{r.parts['input'].sigma:.2f} {r.parts['output'].sigma:.2f}", *parts]
        figures += [f"{r.rest.sigma:.2f}", f"{r.random.sigma:.2f}"]
        table.add_row(r.band, *figures, "[red]" + ", ".join(failures) if failures else "[green]pass")
    console.print(table)
    console.print("Truncation of the output adds a bias of -0.50 to the predictions.")
    console.print(f"displacement minus truth: {shift[0]:+.4f} east, {shift[1]:+.4f} south, pixels of 10 m; allowed {SHIFT_LIMIT}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=ROOT / "benchmarks" / "work")
    parser.add_argument("--coarse", type=int, default=1, help="pixel size of the simulated product, in units of 10 m")
    parser.add_argument("--brdf", action="store_true", help="surfaces with a BRDF, and NBAR on")
    parser.add_argument("--nbar-kernel", choices=("reference", "modis"), default="reference", help="with --brdf")
    parser.add_argument("--product", type=Path, help="Level-1C of the simulator")
    parser.add_argument("--truth", type=Path, help="its folder with truth.json")
    parser.add_argument("--l2h", type=Path, help="what was made of it")
    parser.add_argument("--every", type=int, default=1, help="compare one of so many blocks of rows only: quicker")
    args = parser.parse_args()
    if args.l2h and not (args.truth and args.product):
        parser.error("--l2h needs --truth and --product")
    if args.l2h:
        product, truth, l2h = args.product, args.truth, args.l2h
    else:
        args.work.mkdir(parents=True, exist_ok=True)
        product, truth, reference = simulated(args.work, args.coarse, args.brdf)
        l2h = processed(product, reference, args.work, args.nbar_kernel if args.brdf else None)
    results, shift = assess(l2h, truth, product, args.every)
    return 0 if show(results, shift, Console(width=max(Console().width, 170))) else 1


if __name__ == "__main__":
    sys.exit(main())
