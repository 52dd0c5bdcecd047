"""What the reference implementation made of the standard scenario (../shared/parity), and the same facts of our products."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from lxml import etree

SHARED = Path(__file__).resolve().parents[2] / "shared" / "parity"
TABLES = {"composite": "expected_standard.npz", "predict": "expected_predict.npz"}
"""Table by method of fusion."""
_CHANGING = re.compile(r"_N\d{4}(?=_)|_\d{8}T\d{6}(?=\.(?:SAFE|json|xml)$)")
"""Parts of a name that tell version and time of production."""


@dataclass(frozen=True)
class Raster:
    """One raster of the reference's product."""

    shape: tuple[int, ...]
    resolution: float
    dtype: str
    nodata: float | None
    zeros: int
    mean: float
    percentiles: tuple[float, ...]
    """1, 25, 50, 75, 99, of every seventh pixel of every seventh row."""
    index: np.ndarray = field(repr=False)
    """Where the samples were taken, in the raster written as one row."""
    values: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class ExpectedProduct:
    """One product of the reference."""

    name: str
    files: tuple[str, ...]
    """Relative to the product."""
    quality: Mapping[str, str]
    """Texts of the quality report, by the attribute ``name`` of the element or else its tag."""
    rasters: Mapping[str, Raster]
    """By name inside the product (`raster_name`)."""


def expected(method: str, folder: Path = SHARED) -> dict[str, ExpectedProduct]:
    """The reference's products of a method (composite, predict), by `identity`.

    `FileNotFoundError`: the table is not on this machine.
    """
    with np.load(folder / TABLES[method], allow_pickle=False) as arrays:
        table = json.loads(str(arrays["table"]))
        return {
            key: ExpectedProduct(
                facts["name"],
                tuple(facts["files"]),
                {name.partition(":")[2]: text for name, text in facts["quality"].items()},
                {name: _raster(r, arrays[f"{key}|{name}|i"], arrays[f"{key}|{name}|v"]) for name, r in facts["rasters"].items()},
            )
            for key, facts in table.items()
        }


def _raster(facts: dict, index: np.ndarray, values: np.ndarray) -> Raster:
    return Raster(
        tuple(facts["shape"]), facts["res"], facts["dtype"], facts["nodata"], facts["zeros"], facts["mean"], tuple(facts["p"]),
        index, values,
    )  # fmt: skip


def available() -> bool:
    """Whether both tables are on this machine."""
    return all((SHARED / name).is_file() for name in TABLES.values())


def identity(name: str) -> str:
    """Name of an L2H or L2F product without baseline and time of production."""
    parts = name.removesuffix(".SAFE").split("_")
    if len(parts) != 7:
        raise ValueError(f"{name!r} is not the name of an L2H or L2F product (seven parts)")
    return "_".join([*parts[:3], *parts[4:6]])


def products(tile_folder: Path) -> dict[str, Path]:
    """The L2H and L2F products of a tile, by `identity`."""
    return {identity(p.name): p for p in sorted(tile_folder.iterdir()) if p.suffix == ".SAFE" and not p.name.startswith(".")}


def images(product: Path) -> Iterator[tuple[str, Path]]:
    """(name, path) of every raster the tables know: bands, angles, masks of validity, preview."""
    for path in sorted(product.rglob("*")):
        if path.suffix.lower() in {".tif", ".jp2"} and not path.name.startswith("MSK_"):
            yield raster_name(path), path


def raster_name(path: Path) -> str:
    """B11 of a Landsat product is two bands: those in NATIVE keep their folder."""
    return ("NATIVE/" if "NATIVE" in path.parts else "") + path.stem


def band_of(raster: str) -> str | None:
    """``B8A`` of ``L2H_..._B8A_20m``; None for angles, masks and previews."""
    found = re.search(r"_(B\d[\dA])_\d+m$", raster)
    return found[1] if found else None


def quality_texts(product: Path) -> dict[str, str]:
    """Texts of the quality report, by the attribute ``name`` of the element or else its tag; the first of each."""
    texts: dict[str, str] = {}
    for path in sorted(product.rglob("*QUALITY.xml")):
        for element in etree.parse(str(path)).getroot().iter():
            text = (element.text or "").strip() if isinstance(element.tag, str) else ""
            if text and not len(element):
                texts.setdefault(element.get("name") or etree.QName(element).localname, text[:200])
    return texts


def file_names(product: Path) -> list[str]:
    """All files of a product, relative to it."""
    return sorted(str(path.relative_to(product)) for path in product.rglob("*") if path.is_file())


def lasting(name: str) -> str:
    """A file name without baseline and time of production."""
    return _CHANGING.sub("", name)


SHIFTS = {
    "S2A_20210602": (3.5015, 6.0922),
    "S2B_20210612": (-4.7254, -3.0199),
    "S2A_20210622": (1.4372, -5.5796),
    "LS8_20210615": (7.7816, 4.5118),
    "LS9_20210623": (-8.5168, -6.7265),
}
"""Displacements that the reference found, metres to the east and south (README of the tables)."""


@dataclass(frozen=True)
class Listed:
    """A difference that has to be: what it concerns, and why."""

    pattern: str
    """Regular expression of the whole name."""
    reason: str

    def covers(self, name: str) -> bool:
        return re.fullmatch(self.pattern, name) is not None


LISTED_FILES = (
    Listed(r"rep_info/.*\.xsd", "schemas of the metadata come with the product"),
    Listed(r".*/QI_DATA/.*_CORREL\.csv", "the correlation table belongs to the product too, not only to the folder QI"),
    Listed(r".*/QI_DATA/L2[HF]_QUALITY\.json", "the quality report for programs"),
    Listed(r".*/QI_DATA/.*_THUMBNAIL\.jpg(\.aux\.xml)?", "thumbnail of the STAC item"),
)
"""Files that only our products have; the reference has none that ours lack."""

LISTED_QUALITY = (
    Listed("File_Version|Creator_Version|Creation_Date|version", "version of the software and time of production"),
    Listed("AOT_RETRIEVAL_METHOD|OZONE_SOURCE", "the reference leaves NONE; ours name the source"),
    Listed("NB_OF_POINTS|MEAN_X|MEAN_Y", "of 10,000 points a few more or less: tracking depends on the last digit"),
    Listed("PREDICTED_PIXELS_STATISTICS|OVERALL_STATISTICS", "the reference leaves TBW; ours hold the figures of the fusion"),
)
"""Texts of the quality report that may differ."""

THERMAL = "the reference writes 1001 in every pixel (spec 07 section 2.2); ours hold the radiance of the input"
