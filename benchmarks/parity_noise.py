"""The sensor noise in our products of the standard scenario, pixel by pixel.

The simulator draws the noise of a pixel from a hash of its place, so the noise of an input is known exactly. A product
carries it through the slope of the parabola, the c-factor and the band adjustment, and through the 16 weights of the
interpolation (specs 05 section 6.2, 07 section 4.4, 09); a fused image adds that of the past products' details (spec 06).
Taking it off leaves, in a comparison with products of other noise, only the other noise. The formulas are those of the
specifications and of the simulator; of the program only the `Detail` of past products is used.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import rasterio
from numba import njit, prange

from benchmarks.accuracy import DN, OFFSET, ROUNDING, catmull_rom
from benchmarks.parity_data import band_of
from sen2like.science.fusion import Detail, Fusion
from simulator import brdf
from simulator.acquisition import Acquisition
from simulator.figures import TILE_SIZE, tile
from simulator.landsat import MULT
from simulator.landsat import NOISE as LANDSAT_NOISE
from simulator.radiometry import _random_bits
from simulator.scene import BAND_ID, S2_BAND, Scene
from simulator.sentinel2_bands import NOISE

NOISE_OF = {"S2": lambda band: NOISE[band], "LS": lambda band: LANDSAT_NOISE}
LANDSAT_BAND = {s2: own for own, s2 in S2_BAND.items()}
STRIP = 720
"""Rows that are computed together."""
MARGIN = 3
"""Pixels along the edges of the tile where interpolation lacks samples."""
THIN = 3
"""Standard deviations are taken of one of so many pixels along each axis."""
DETAIL_GAIN = 200.0
"""Steps per DN with which noise goes through the 16 bits of `Detail`."""
DETAIL_ZERO = 32768
DETAIL_FULL = 65535.0


@njit(inline="always")
def _hash_noise(x, y, salt):
    h = _random_bits(x, y, salt)
    m = (
        np.int64(h & np.uint64(65535))
        + np.int64((h >> np.uint64(16)) & np.uint64(65535))
        + np.int64((h >> np.uint64(32)) & np.uint64(65535))
        + np.int64(h >> np.uint64(48))
    )
    return (m - 131070) * 2.6428712e-5


@njit(parallel=True)
def _draw(x0, y0, pixel, salt, out):
    """Noise of unit variance of pixels whose first centre is (x0, y0)."""
    for r in prange(out.shape[0]):
        y = np.int64(math.floor(y0 - r * pixel))
        for c in range(out.shape[1]):
            out[r, c] = _hash_noise(np.int64(x0 + c * pixel), y, salt)


@njit(parallel=True)
def _interpolate(noise, weights_y, weights_x, out):
    """4 x 4 weights of `noise`, which has three more rows and columns than `out`."""
    for r in prange(out.shape[0]):
        line = np.zeros(noise.shape[1], np.float32)
        for k in range(4):
            for c in range(noise.shape[1]):
                line[c] += np.float32(weights_y[k]) * noise[r + k, c]
        for c in range(out.shape[1]):
            total = np.float32(0)
            for k in range(4):
                total += np.float32(weights_x[k]) * line[c + k]
            out[r, c] = total


@dataclass(frozen=True)
class Noise:
    """Noise of one image of a product at chosen pixels, DN of the output."""

    known: np.ndarray
    """Ours."""
    expected: np.ndarray
    """Standard deviation of the noise of any other realisation, rounding of both products included."""
    mean_sigma: float
    """Standard deviation of the difference between the means of the whole image of two realisations."""


@dataclass(frozen=True)
class _Field:
    """Noise of a whole image."""

    known: np.ndarray
    slope: np.ndarray
    spread: float
    """Standard deviation of the noise for a slope of 1."""
    mean_sigma: float


class NoisyProduct:
    """An L2H or L2F product made of the standard scenario."""

    def __init__(self, product: Path, inputs: Path):
        """`inputs`: root of the scenario, with scenario.json."""
        item = json.loads((product / f"{product.name.removesuffix('.SAFE')}.json").read_text())
        self.path, self.inputs = product, inputs
        self.steps = {step["block"]: step for step in item["properties"]["s2l:lineage"]}
        self.acquisition = acquisition_of(product.name, inputs / "scenario.json")
        self.fused = "Fusion" in self.steps and "L2F_" in product.name
        self.shift = self.steps["Geometry"]["dx"], self.steps["Geometry"]["dy"]

    def noise(self, raster: str, image: np.ndarray, resolution: float, pixels: tuple[np.ndarray, np.ndarray]) -> Noise:
        """At `pixels` (rows, columns) of `image` (uint16), the raster of that name."""
        band = band_of(raster)
        if band is None:
            raise ValueError(f"{raster} of {self.path.name} is not a band: it has no known noise")
        if self.fused and resolution < 30 and "NATIVE" not in raster:
            return self._fused(band, image.shape, resolution, pixels)
        own = self._own(band, image, resolution)
        expected = np.hypot(own.slope[pixels] * own.spread, self.rounding(1))
        return Noise(own.known[pixels].astype(float), expected, own.mean_sigma)

    def _own(self, band: str, image: np.ndarray, resolution: float) -> _Field:
        sensor = self.acquisition.sensor[:2]
        own = band if sensor == "S2" else {"B08": "B8"}.get(band) or LANDSAT_BAND[band]
        slope = self._slope(own, band, image)
        known, kept = self._filtered(own, image.shape, resolution)
        sigma = NOISE_OF[sensor](own) * self.acquisition.noise * DN
        known *= slope
        known *= np.float32(sigma)
        spread = math.hypot(sigma, ROUNDING * input_step(sensor, self.scene))
        square = float(np.square(slope).mean(dtype=np.float64))
        mean = math.sqrt(2 * (square * spread**2 + ROUNDING**2) / image.size)
        return _Field(known, slope, kept * spread, mean)

    def rounding(self, images: float) -> float:
        """Standard deviation of what truncation adds to the difference of two products, of `images` images each and the input
        of ours."""
        return ROUNDING * math.sqrt(2 * images)

    @cached_property
    def scene(self) -> Scene:
        epsg, ulx, uly = tile(self.acquisition.tile)
        centre = ulx + TILE_SIZE / 2, uly - TILE_SIZE / 2
        if self.acquisition.is_sentinel2:
            return Scene(self.acquisition, ulx, uly, TILE_SIZE, TILE_SIZE, epsg, centre)
        with rasterio.open(self._landsat_file("B4")) as src:
            left, top, width = src.transform.c, src.transform.f, src.width * src.transform.a
        return Scene(self.acquisition, left, top, width, width, epsg, centre)

    def _landsat_file(self, band: str) -> Path:
        number = self.acquisition.sensor[-1]
        day = f"{self.acquisition.when:%Y%m%d}"
        (found,) = self.inputs.glob(f"Landsat{number}/*/*/LC0{number}_*_{day}_*/*_{band}.TIF")
        return found

    def _filtered(self, own: str, shape: tuple[int, int], pixel: float) -> tuple[np.ndarray, float]:
        """Unit noise of the input as interpolated onto the tile, and what is left of its standard deviation."""
        _, ulx, uly = tile(self.acquisition.tile)
        dx, dy = self.shift
        left, top = ulx, uly
        if not self.acquisition.is_sentinel2:
            with rasterio.open(self._landsat_file(own)) as src:
                left, top = src.transform.c, src.transform.f
        column, weights_x = catmull_rom_any((ulx - left + dx) / pixel)
        row, weights_y = catmull_rom_any((top - uly + dy) / pixel)
        counterpart = own if self.acquisition.is_sentinel2 else S2_BAND.get(own, "B03")
        acq = self.acquisition
        salt = 1000003 * acq.seed + 31 * acq.day_of_year + 977 * BAND_ID[counterpart]
        out = np.empty(shape, np.float32)
        x0 = left + (column - 1 + 0.5) * pixel
        for first in range(0, shape[0], STRIP):
            strip = out[first : first + STRIP]
            drawn = np.empty((strip.shape[0] + 3, strip.shape[1] + 3), np.float32)
            _draw(x0, top - (row - 1 + first + 0.5) * pixel, float(pixel), salt, drawn)
            _interpolate(drawn, weights_y, weights_x, strip)
        return out, math.sqrt(np.square(weights_x).sum() * np.square(weights_y).sum())

    def _slope(self, own: str, band: str, image: np.ndarray) -> np.ndarray:
        """Change of the output with the reflectance at the top of the atmosphere, of each pixel, float32."""
        a, t, s = (float(table.mean()) for table in self.scene.tables(own)[:3])
        rho = np.linspace(0, 1, 101)
        parabola = np.polynomial.polynomial.polyfit(rho, (rho - a) / (t + s * (rho - a)), 2)
        factor, add = self._linear("pan" if own == "B8" else band)
        surface = (image.astype(np.float32) - np.float32(OFFSET + DN * add)) / np.float32(DN * factor)
        toa = np.float32(a) + np.float32(t) * surface / (1 - np.float32(s) * surface)
        return np.float32(factor) * (np.float32(parabola[1]) + np.float32(2 * parabola[2]) * toa)

    def _linear(self, band: str) -> tuple[float, float]:
        """(factor, summand) by which NBAR and the band adjustment change surface reflectance; NBAR's mean over the tile."""
        scene, factor, add = self.scene, 1.0, 0.0
        if "Nbar" in self.steps and band in brdf.ROY:
            detectors = range(scene.detector_first, scene.detector_last + 1)
            seen = [brdf.c_factor(band, scene.sza, scene.saa, *scene.view(k, BAND_ID[band]), scene.lat) for k in detectors]
            factor = float(np.mean(1 / np.array(seen)))
        if not self.acquisition.is_sentinel2 and "Sbaf" in self.steps and band in brdf.OLI_FROM_S2A:
            slope, offset = brdf.OLI_FROM_S2A[band]
            factor, add = factor / slope, -offset / slope
        return factor, add

    def _fused(self, band: str, shape: tuple[int, int], resolution: float, pixels: tuple[np.ndarray, np.ndarray]) -> Noise:
        """Landsat's own, enlarged, and the details of the past products by the weights of the method."""
        own = self._own(band, read(_image(self.path.with_name(_twin(self.path)), band)), 30)
        known = enlarged(own.known, shape)
        weights, squares = [], 0.0
        for past, weight in self._past(shape):
            theirs = NoisyProduct(past, self.inputs)._own(band, read(_image(past, band)), resolution).known
            theirs *= np.float32(DETAIL_GAIN)
            theirs += np.float32(DETAIL_ZERO + 0.5)
            detail = Detail.of_band(theirs.astype(np.uint16), resolution, gain=DETAIL_FULL)
            del theirs
            alone = Fusion(np.zeros(detail.low_shape, np.float32), np.ones(detail.low_shape, np.uint8), [detail])
            for first in range(0, shape[0], STRIP):
                rows = slice(first, min(first + STRIP, shape[0]))
                known[rows] += alone.rows(rows.start, rows.stop) * weight[rows] * np.float32(DETAIL_FULL / DETAIL_GAIN)
            squares += float(np.square(weight[::16, ::16]).mean())
            weights.append(weight)
        expected = _by_class(known, weights, pixels, self.rounding(1 + squares))
        return Noise(known[pixels].astype(float), expected, own.mean_sigma)

    def _past(self, shape: tuple[int, int]) -> Iterator[tuple[Path, np.ndarray]]:
        """(past product, its weight at every pixel): spec 06 section 6."""
        names = [name.strip() for name in self.steps["Fusion"]["products"].split(",")]
        folders = [self.path.with_name(name) for name in names]
        usable = [_mask(folder, shape) for folder in folders]
        if self.steps["Fusion"]["method"] == "composite" or len(folders) == 1:
            newer = np.zeros(shape, bool)
            weights = []
            for mask in reversed(usable):
                weights.append((mask & ~newer).astype(np.float32))
                newer |= mask
            yield from zip(folders, reversed(weights), strict=True)
            return
        older, newer = usable
        first, second, target = (_year(name) for name in (*names, self.path.name))
        w = (target - first) / (second - first)
        both = older & newer
        yield folders[0], np.where(both, np.float32(1 - w), older.astype(np.float32))
        yield folders[1], np.where(both, np.float32(w), newer.astype(np.float32))


def acquisition_of(product: str, scenario: Path) -> Acquisition:
    """The acquisition of the scenario that a product was made of."""
    sensor, _, when = product.split("_")[:3]
    for facts in json.loads(scenario.read_text())["acquisitions"]:
        if facts["sensor"] == sensor and facts["when"][:10].replace("-", "") == when[:8]:
            known = {f.name: facts[f.name] for f in fields(Acquisition) if f.name in facts}
            return Acquisition(**known | {"when": datetime.fromisoformat(facts["when"]).replace(tzinfo=None)})
    raise ValueError(f"{scenario} has no acquisition of {sensor} on {when[:8]}: compare products of the scenario 'standard'")


def input_step(sensor: str, scene: Scene) -> float:
    """One step of the input's numbers, DN of the output per unit of slope."""
    return 1.0 if sensor == "S2" else MULT * DN / math.cos(math.radians(scene.mean_sza))


def catmull_rom_any(offset: float) -> tuple[int, np.ndarray]:
    """`catmull_rom` of a displacement of any length."""
    whole = math.floor(offset)
    return whole, catmull_rom(offset - whole)[1]


def enlarged(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bilinear, pixel i of n at (i + 0.5) m / n - 0.5 of m, mirrored at the edges (spec 06 section 4), float32."""

    def along(n_in: int, n_out: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        place = (np.arange(n_out) + 0.5) * n_in / n_out - 0.5
        low = np.floor(place).astype(int)
        index = np.stack([low, low + 1])
        index = np.where(index < 0, -index, np.where(index > n_in - 1, 2 * (n_in - 1) - index, index))
        return index[0], index[1], (place - low).astype(np.float32)

    (top, bottom, fy), (left, right, fx) = (along(*sizes) for sizes in zip(values.shape, shape, strict=True))
    out = np.empty(shape, np.float32)
    for first in range(0, shape[0], STRIP):
        rows = slice(first, first + STRIP)
        weight = fy[rows, None]
        lines = values[top[rows]] * (1 - weight) + values[bottom[rows]] * weight
        out[rows] = lines[:, left] * (1 - fx) + lines[:, right] * fx
    return out


def _by_class(noise: np.ndarray, weights: list[np.ndarray], pixels: tuple[np.ndarray, np.ndarray], rounding: float) -> np.ndarray:
    """Standard deviation of `noise` over pixels of the same place in a period of 3 and the same past products, at `pixels`."""

    def used(part: tuple) -> np.ndarray:
        return sum(((w[part] != 0).astype(np.uint8) << k for k, w in enumerate(weights)), np.zeros((), np.uint8))

    rows, columns = pixels
    expected, here = np.empty(rows.size), np.broadcast_to(used(pixels), rows.shape)
    for r in range(3):
        for c in range(3):
            thinned = (slice(r, None, 3 * THIN), slice(c, None, 3 * THIN))
            part, kind = noise[thinned], np.broadcast_to(used(thinned), noise[thinned].shape)
            for value in np.unique(here):
                chosen = (rows % 3 == r) & (columns % 3 == c) & (here == value)
                if chosen.any():
                    expected[chosen] = math.hypot(float(part[kind == value].std(dtype=np.float64)), rounding)
    return expected


def _twin(l2f: Path) -> str:
    """Name of the L2H product of an L2F product made by the same run."""
    name = l2f.name.replace("L2F_", "L2H_")
    if not l2f.with_name(name).is_dir():
        raise FileNotFoundError(f"{l2f.name} has no L2H product {name} beside it: keep both products of a run together")
    return name


def read(path: Path) -> np.ndarray:
    """The first band of a raster."""
    with rasterio.open(path) as src:
        return src.read(1)


def _image(product: Path, band: str) -> Path:
    """Image of a harmonised band."""
    (found,) = product.glob(f"GRANULE/*/IMG_DATA/*_{band}_*m.TIF")
    return found


def _mask(product: Path, shape: tuple[int, int]) -> np.ndarray:
    """Where a past product is clear, on the grid of `shape`, which is finer by a whole factor or the same."""
    (path,) = product.glob("GRANULE/*/QI_DATA/*_MSK.TIF")
    mask = read(path) != 0
    factor = shape[0] // mask.shape[0]
    return mask.repeat(factor, 0).repeat(factor, 1)


def _year(product: str) -> float:
    """Date of a product in years: 1 January counts 1 (spec 06 section 6.2)."""
    when = date(*(int(product.split("_")[2][a:b]) for a, b in ((0, 4), (4, 6), (6, 8))))
    days = (date(when.year + 1, 1, 1) - date(when.year, 1, 1)).days
    return when.year + when.timetuple().tm_yday / days
