"""Preview and quicklooks (spec 10 section 8), made from the DN that have just been encoded.

`Previews` keeps a reduced copy of every band it needs, so nothing is read back. Reducing follows what GDAL's bilinear
read of a file with overviews does: means of whole blocks of pixels, of the coarsest overview that is not more than
`OVERSAMPLING` times coarser than the picture, then a triangle kernel as wide as the remaining ratio. Pixels without data
(DN 0) take no part in either.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import rasterio
from affine import Affine
from lxml import etree
from rasterio.crs import CRS

from sen2like.errors import PackagingError
from sen2like.grid.mgrs import MGRSTile
from sen2like.packaging.names import ProductNames
from sen2like.packaging.output import WrittenFile
from sen2like.record import ProcessingRecord
from sen2like.science.means import block_means
from sen2like.science.resample import blocks_of
from sen2like.science.scratch import Arrays

log = logging.getLogger(__name__)

OVERVIEWS: Mapping[int, tuple[int, ...]] = {10: (2, 6, 12, 36), 15: (2, 4, 8, 24), 20: (3, 6, 18), 30: (2, 4, 12), 60: (2, 6)}
"""Overview factors by pixel size, metres; any other pixel size has those of 10 m (spec 10 section 6.1)."""
QUICKLOOK_PIXEL_M, PREVIEW_PIXEL_M = 30.0, 320.0
NATURAL, INFRARED = ("B04", "B03", "B02"), ("B12", "B11", "B8A")
PICTURES: Mapping[str, tuple[str, ...]] = {"B432": NATURAL, "B12118A": INFRARED}
"""Quicklooks of several bands: red, green, blue."""
STRETCH = {"B432": 0.25, "B12118A": 0.40}
"""Reflectance that becomes 255; 0 becomes 0. Other pictures are stretched as B432."""
SITE_STRETCH: Mapping[str, Mapping[str, float]] = {"34RGS": {"B432": 0.40, "B12118A": 1.00}}
"""Tiles of bright desert that are stretched otherwise."""
PERCENTILES = (2, 98)
"""Of the DN of a band that is no reflectance: they become 0 and 255."""
OVERSAMPLING = 1.2
"""GDAL up to 3.8, which made the previews of the reference, takes an overview that is so much coarser than asked for."""
_OUTPUTS_AT_ONCE = 32
_HALVES_UP = 1e-4
"""Added to grey levels: OpenCV rounds halves to even."""
_LEAST_WEIGHT = 1e-6


def factors(resolution: float, pixels: Iterable[float]) -> list[int]:
    """Blocks of pixels of `resolution` metres whose means `reduced_to` needs."""
    overviews = OVERVIEWS.get(round(resolution), OVERVIEWS[10])
    coarsest = {_coarsest((1, *overviews), pixel / resolution) for pixel in pixels}
    return sorted(coarsest - {1})


def reduced(dn: np.ndarray, resolution: float, pixel: float) -> np.ndarray:
    """`dn` (y, x), uint16, of `resolution` metres on a grid of `pixel` metres with the same upper left corner.

    The result has floor(extent / pixel) pixels a side; a remainder at the right and bottom is cut off. DN 0 is no data:
    a pixel is 0 only where no pixel under its kernel has data. `pixel` finer than `resolution` is a `ValueError`.
    """
    return reduced_to(dn, resolution, (pixel,))[0]


def reduced_to(
    dn: np.ndarray, resolution: float, pixels: Sequence[float], means: Mapping[int, np.ndarray] | None = None
) -> list[np.ndarray]:
    """`reduced` to several pixel sizes; `means` of blocks of `dn` holds those of `factors`, if they are known."""
    if min(pixels) / resolution < 1 - 1e-9:
        raise ValueError(f"a picture of {min(pixels):g} m cannot be made from pixels of {resolution:g} m")
    wanted = factors(resolution, pixels)
    averages = {1: dn, **(means if means is not None else block_means(dn, wanted))}
    out = []
    for pixel in pixels:
        ratio = pixel / resolution
        rows, columns = shape = tuple(int(n / ratio + 1e-6) for n in dn.shape)
        if min(shape) < 1:
            raise ValueError(f"an image of {dn.shape} pixels of {resolution:g} m does not fill one pixel of {pixel:g} m")
        factor = _coarsest((1, *wanted), ratio)
        finest, step = averages[factor], ratio / factor
        out.append(finest[:rows, :columns].copy() if abs(step - 1) < 1e-9 else _triangle(finest, step, (rows, columns)))
    return out


def _coarsest(overviews: Iterable[int], ratio: float) -> int:
    """The overview that a picture `ratio` times coarser than the image is made of."""
    return max(factor for factor in overviews if factor <= OVERSAMPLING * ratio)


def stretched(dn: np.ndarray, offset: float, high: float) -> np.ndarray:
    """DN to bytes, uint8: DN `offset` -> 0, `offset` + `high` -> 255, linear and rounded to nearest; no data (0) -> 0."""
    scale = 255 / high
    levels = cv2.addWeighted(dn, scale, dn, 0, _HALVES_UP - offset * scale, dtype=cv2.CV_8U)
    if offset < 0:
        levels[dn == 0] = 0
    return np.asarray(levels).reshape(dn.shape)


def percentile_range(dn: np.ndarray) -> tuple[float, float]:
    """(low, high - low) of `PERCENTILES` of the DN with data; at least 1 apart."""
    known = dn[dn != 0]
    low, high = np.percentile(known, PERCENTILES) if known.size else (0, 1)
    return float(low), float(max(high - low, 1))


def write_picture(
    path: Path, bands: Sequence[np.ndarray], transform: Affine, epsg: int, scale: float | None = None, quality: int | None = None
) -> None:
    """Write one (grey) or three (red, green, blue) uint8 arrays of one shape.

    As JPEG of that `quality` (1 to 100), with a ``.aux.xml`` beside it that holds grid and scale, or without `quality` as LZW
    GeoTIFF. `scale`: reflectance per grey level, kept in the file.
    """
    if quality is not None:
        _write_jpeg(path, bands, quality)
        _write_beside(path, len(bands), transform, epsg, scale)
        return
    height, width = bands[0].shape
    options = {"driver": "GTiff", "compress": "LZW", "interleave": "pixel", "height": height, "width": width}
    with rasterio.open(
        path, "w", dtype="uint8", count=len(bands), transform=transform, crs=f"EPSG:{epsg}", **options
    ) as out:
        for index, band in enumerate(bands, 1):
            out.write(band, index)
        if scale is not None:
            out.scales, out.offsets = (scale,) * len(bands), (0.0,) * len(bands)


def _write_jpeg(path: Path, bands: Sequence[np.ndarray], quality: int) -> None:
    """By OpenCV: the encoder that GDAL brings takes five times as long."""
    pixels = cv2.merge(bands[::-1]) if len(bands) > 1 else bands[0]
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise PackagingError(f"cannot make a JPEG of {pixels.shape[1]} x {pixels.shape[0]} pixels for {path}")
    path.write_bytes(data.tobytes())


def _write_beside(path: Path, count: int, transform: Affine, epsg: int, scale: float | None) -> None:
    """What a JPEG cannot hold, where GDAL looks for it (its persistent auxiliary metadata)."""
    root = etree.Element("PAMDataset")
    etree.SubElement(root, "SRS", dataAxisToSRSAxisMapping="1,2").text = CRS.from_epsg(epsg).to_wkt()
    etree.SubElement(root, "GeoTransform").text = ", ".join(f"{value:.16e}" for value in transform.to_gdal())
    for number in range(1, count + 1):
        band = etree.SubElement(root, "PAMRasterBand", band=str(number))
        if scale is not None:
            etree.SubElement(band, "Offset").text = "0"
            etree.SubElement(band, "Scale").text = f"{scale:.17g}"
    content = etree.tostring(root, pretty_print=True, encoding="UTF-8")
    path.with_name(f"{path.name}.aux.xml").write_bytes(content)


@dataclass(frozen=True)
class Kept:
    """What is kept of a band for the pictures."""

    band: str
    pixels: Mapping[str, tuple[np.ndarray, float]]
    """By purpose: DN and pixel size, metres."""
    reflectance: bool


@dataclass
class Previews:
    """Collects reduced bands of one product while they are encoded, and makes its pictures. Safe to use from threads."""

    tile: MGRSTile
    gain: float
    offset: float
    single: bool = False
    """True: the product will have one band only, which is kept whatever it is."""
    _reduced: dict[str, tuple[np.ndarray, float]] = field(default_factory=dict, repr=False)
    _came: set[str] = field(default_factory=set, repr=False)
    """Bands of which something was kept."""
    _own: set[str] = field(default_factory=set, repr=False)
    """Those of them that were added, not adopted."""
    _other: set[str] = field(default_factory=set, repr=False)
    """Bands that are no reflectance."""
    _made: dict[str, list[WrittenFile]] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def factors(self, band: str, resolution: float, native: bool = False) -> list[int]:
        """Sizes of the blocks of pixels whose means :meth:`add` takes of a band."""
        return factors(resolution, self._pixels(band, resolution, native).values())

    def add(
        self,
        band: str,
        dn: np.ndarray,
        resolution: float,
        native: bool = False,
        reflectance: bool = True,
        means: Mapping[int, np.ndarray] | None = None,
    ) -> Kept | None:
        """Keep `band` (output name) for the pictures if one shows it. `dn` (y, x) uint16 is reduced at once and not kept.

        Native bands are in no picture but that of a product of one band; in Landsat products their names clash with others.
        A band that is no `reflectance` is stretched between `PERCENTILES` of its DN. `means`: of :meth:`factors`.
        """
        pixels = self._pixels(band, resolution, native)
        if not pixels:
            return None
        pictures = reduced_to(dn, resolution, tuple(pixels.values()), means)
        found = {key: (picture, pixel) for (key, pixel), picture in zip(pixels.items(), pictures, strict=True)}
        kept = Kept(band, found, reflectance)
        self._keep(kept, own=True)
        return kept

    def adopt(self, kept: Kept | None) -> None:
        """Take over what another product keeps of a band whose pixels are the same in both."""
        if kept is not None:
            self._keep(kept, own=False)

    def _keep(self, kept: Kept, own: bool) -> None:
        with self._lock:
            self._reduced.update(kept.pixels)
            self._came.add(kept.band)
            if own:
                self._own.add(kept.band)
            if not kept.reflectance:
                self._other.add(kept.band)

    def _pixels(self, band: str, resolution: float, native: bool) -> dict[str, float]:
        """Pixel sizes of what is kept of a band, by purpose."""
        if not self.single and (native or band not in NATURAL + INFRARED):
            return {}
        pixels = {band: max(QUICKLOOK_PIXEL_M, resolution)}
        if band in NATURAL:
            pixels[f"{band} preview"] = max(PREVIEW_PIXEL_M, resolution)
        return pixels

    def write_complete(self, folder: Path, names: ProductNames, quality: int = 75) -> None:
        """Write those pictures below `folder` whose bands have all come, and forget the bands.

        Pictures of nothing but adopted bands are left to :meth:`write`: they may be those of the other product.
        """
        if self.single:
            return
        for kind, order in PICTURES.items():
            with self._lock:
                complete = kind not in self._made and self._came.issuperset(order) and not self._own.isdisjoint(order)
                if complete:
                    self._made[kind] = []  # nobody else makes it
            if complete:
                self._make(folder, names, kind, quality)

    def write(self, folder: Path, names: ProductNames, record: ProcessingRecord, quality: int = 75) -> tuple[WrittenFile, ...]:
        """Write PVI, thumbnail and quicklooks of `names` that are still missing below `folder`, and say what was written.

        A picture that lacks a band is left out with a warning. A product of exactly one band has a grey quicklook of it.
        """
        if self.single and self._came:
            (single,) = self._came
            self._skipped(names, record, ("PVI", "QL_B432", "QL_B12118A"), f"the product has only {single}")
            return (self._quicklook(folder, names, single, (single,), quality),)
        for kind, order in PICTURES.items():
            missing = [band for band in order if band not in self._came]
            if missing:
                pictures = ("PVI", f"QL_{kind}") if order == NATURAL else (f"QL_{kind}",)
                self._skipped(names, record, pictures, f"no band {', '.join(missing)}")
            elif kind not in self._made:
                self._make(folder, names, kind, quality)
        return tuple(file for kind in PICTURES for file in self._made.get(kind, ()))

    def _make(self, folder: Path, names: ProductNames, kind: str, quality: int) -> None:
        order = PICTURES[kind]
        previews = self._preview(folder, names, quality) if order == NATURAL else []
        self._made[kind] = [*previews, self._quicklook(folder, names, kind, order, quality)]
        with self._lock:
            for key in [key for key in self._reduced if key.split()[0] in order]:
                del self._reduced[key]

    def _preview(self, folder: Path, names: ProductNames, quality: int) -> list[WrittenFile]:
        bands, transform = self._bytes([f"{band} preview" for band in NATURAL], "B432")
        path, small = names.preview, names.quality_file("THUMBNAIL", "jpg")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_picture(folder / path, bands, transform, self.tile.epsg, self._scale("B432"))
        write_picture(folder / small, bands, transform, self.tile.epsg, self._scale("B432"), quality)
        shape = bands[0].shape
        return [
            WrittenFile(path, "PVI", "GTIFF", {}, shape, transform, (folder / path).stat().st_size),
            WrittenFile(small, "THUMBNAIL", "JPEG", {}, shape, transform, (folder / small).stat().st_size),
        ]

    def _quicklook(self, folder: Path, names: ProductNames, kind: str, order: Sequence[str], quality: int) -> WrittenFile:
        bands, transform = self._bytes(order, kind)
        path = names.quicklook(kind)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        scale = None if self._other.intersection(order) else self._scale(kind)
        write_picture(folder / path, bands, transform, self.tile.epsg, scale, quality)
        return WrittenFile(path, f"QL_{kind}", "JPEG", {}, bands[0].shape, transform, (folder / path).stat().st_size)

    def _bytes(self, keys: Sequence[str], kind: str) -> tuple[list[np.ndarray], Affine]:
        """The bands of a picture on the coarsest grid among them, stretched."""
        pixel = max(self._reduced[key][1] for key in keys)
        bands = []
        for key in keys:
            dn, own = self._reduced[key]
            dn = dn if own == pixel else reduced(dn, own, pixel)
            low, span = percentile_range(dn) if key in self._other else (self.offset, self._high(kind) * self.gain)
            bands.append(stretched(dn, low, span))
        rows, columns = np.min([band.shape for band in bands], axis=0)  # what all have: a cut remainder differs with the pixel
        bands = [np.ascontiguousarray(band[:rows, :columns]) for band in bands]
        return bands, Affine(pixel, 0, self.tile.ulx, 0, -pixel, self.tile.uly)

    def _high(self, kind: str) -> float:
        stretch = SITE_STRETCH.get(self.tile.id, STRETCH)
        return stretch.get(kind, stretch["B432"])

    def _scale(self, kind: str) -> float:
        return self._high(kind) / 255

    @staticmethod
    def _skipped(names: ProductNames, record: ProcessingRecord, pictures: Sequence[str], why: str) -> None:
        message = f"{', '.join(pictures)} not made: {why}"
        log.warning("%s: %s", names.stem, message)
        record.warn(message)


def _triangle(dn: np.ndarray, step: float, shape: tuple[int, int]) -> np.ndarray:
    """`dn` resampled with a triangle kernel of half-width `step` pixels, at least 1; output pixel j lies at (j + 0.5) step.

    As products of matrices of some outputs by the inputs near them: those of sparse matrices hold up all other threads.
    """
    out = np.empty(shape, np.uint16)
    across = [(block, *_weights(block, dn.shape[1], step)) for block in blocks_of(slice(0, shape[1]), _OUTPUTS_AT_ONCE)]
    scratch = Arrays()

    def along(values: np.ndarray, name: str) -> np.ndarray:
        result = scratch.array(name, (len(values), shape[1]))
        for block, first, weights in across:
            np.matmul(values[:, first : first + weights.shape[1]], weights.T, out=result[:, block])
        return result

    def down(weights: np.ndarray, values: np.ndarray, name: str) -> np.ndarray:
        return np.matmul(weights, values, out=scratch.array(name, (len(weights), values.shape[1])))

    for block in blocks_of(slice(0, shape[0]), _OUTPUTS_AT_ONCE):
        first, weights = _weights(block, dn.shape[0], step)
        strip = dn[first : first + weights.shape[1]]
        values = scratch.array("values", strip.shape)
        np.copyto(values, strip)
        if strip.min():
            total = along(down(weights, values, "part"), "total")
        else:
            # as GDAL does: mean along the rows of what has data, then along the columns of the rows that had any
            wide, share = along(values, "wide"), along((strip != 0).astype(np.float32), "share")
            known = share > _LEAST_WEIGHT
            wide = np.divide(wide, share, out=np.zeros_like(wide), where=known)
            total, share = down(weights, wide, "total"), down(weights, known.astype(np.float32), "known")
            total = np.divide(total, share, out=np.zeros_like(total), where=share > _LEAST_WEIGHT)
        np.rint(total, out=out[block], casting="unsafe")
    return out


def _weights(outputs: slice, n_in: int, step: float) -> tuple[int, np.ndarray]:
    """(first, float32 matrix): outputs are the matrix times the inputs from `first` on; the weights of each sum to 1."""
    centre = (np.arange(outputs.start, outputs.stop) + 0.5) * step
    reach = max(step, 1)
    first, last = max(0, int(centre[0] - reach)), min(n_in, int(centre[-1] + reach) + 1)
    weight = np.maximum(0, 1 - np.abs(np.arange(first, last) + 0.5 - centre[:, None]) / reach)
    return first, (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
