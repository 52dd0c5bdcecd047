"""`make demo`: simulate a small Sentinel-2 product, process it with the command line, compare the result with the truth.

The product has clouds, noise, a BRDF, an atmosphere that the CAMS file tells, and a known displacement. Its pixels are ten
times as large as genuine ones, so that everything takes seconds. It is processed twice: with the default configuration,
which reproduces ESA's program, and with the more accurate methods. The truth is nadir reflectance under the mean sun of
the latitude, so a perfect L2H product would show zeros.
"""

import argparse
import configparser
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import rasterio
from rich.console import Console
from rich.table import Table
from scipy import ndimage

ROOT = Path(__file__).resolve().parents[1]
TILE = "31TFJ"
COARSE = 10
SHIFT = 34.0, -41.0
"""East and north, metres: 0.34 and 0.41 of a 100 m pixel; displacements above 60 m are not trusted."""
ATMOSPHERE = dict(aot=0.12, h2o=1.8, o3=0.335, pressure=1016.5, aot_gx=0.02)
ADJUSTED = ("B02", "B03", "B04", "B08", "B8A", "B11", "B12")
NOT_ADJUSTED = ("B01", "B05", "B06", "B07")
"""There are no BRDF coefficients for B01 and the red edge: the effect of view and sun stays in their reflectance."""
BANDS = (*ADJUSTED, *NOT_ADJUSTED)
SCALE, OFFSET = 1e-4, -0.1
"""Reflectance = DN * SCALE + OFFSET in L2H and L2F products."""
CLEAR = 0
MARGIN = 3
"""Pixels of the truth mask left out around clouds, shadows and the edge of the data."""
RUNS = {
    "as ESA's program": {},
    "accurate methods": {
        "Atmcor": {"smac": "exact", "cams_interpolation": "accurate"},
        "Nbar": {"angles": "accurate"},
        "OutputFormat": {"rounding": "nearest", "clip_negative": "False", "mask_60m": "nearest"},
    },
}
"""Title of a run -> what differs from conf/config.ini."""
WORTH_A_LOOK = {
    "products": "*.SAFE",
    "quicklooks": "*L2H*.SAFE/GRANULE/*/QI_DATA/*_QL_*.jpg",
    "quality report": "*L2H*.SAFE/**/L2H_QUALITY.xml",
}
"""What a visitor may want to open -> where it is in the archive of a tile."""


@dataclass(frozen=True)
class BandError:
    """Difference of a band from its truth over clear pixels, reflectance."""

    band: str
    bias: float
    rmse: float
    pixels: int


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "demo-output", help="everything goes there; made anew each time")
    out = parser.parse_args().out.resolve()
    console = Console()
    if out.exists() and not (out / "truth").exists() and any(out.iterdir()):
        console.print(f"[red]{out} is not a folder of this demo: choose another --out")
        return 1
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with console.status("simulating a Sentinel-2 product (the first time its code is compiled, about 20 seconds)"):
        product = simulate(out)
    console.print(f"simulated  {shown(product)}", soft_wrap=True)
    errors, results = {}, {}
    for number, (title, changes) in enumerate(RUNS.items(), 1):
        archive = out / f"run{number}"
        configuration = write_configuration(out / f"demo{number}.ini", out, archive, changes)
        command = ["Sen2Like.py", "product-mode", str(product), "--tile", TILE, "--conf", str(configuration)]
        command += ["--wd", str(archive / "wd")]
        words = " ".join(shown(Path(w)) if "/" in w else w for w in command)
        console.print(f"\n[bold]{title}[/bold]\n$ python {words}", soft_wrap=True)
        code = subprocess.run([sys.executable, *command], cwd=ROOT, check=False).returncode
        if code:
            console.print(f"[red]sen2like failed with exit code {code}; its log is below {archive / 'wd'}")
            return code
        results[title] = product_of(archive / "archive" / TILE, "L2H")
        errors[title] = compare(results[title], out / "truth" / product.stem)
    console.print()
    console.print(truth_table(errors))
    for title, pattern in WORTH_A_LOOK.items():
        console.print(f"[bold]{title}[/bold]")
        for path in sorted((out / "run1" / "archive" / TILE).glob(pattern)):
            console.print(f"  {shown(path)}", soft_wrap=True)
    return 0


def simulate(out: Path) -> Path:
    """Product, truth, reference image and CAMS file below `out`; returns the product."""
    sys.path.insert(0, str(ROOT / "tests"))
    from simulator import cams, scenarios, sentinel2
    from simulator.acquisition import Acquisition

    acquisition = Acquisition("S2A", datetime(2021, 6, 2, 10, 46, 25, 578000), TILE, COARSE, dx=SHIFT[0], dy=SHIFT[1],
                              cover=0.04, brdf=True, **ATMOSPHERE)  # fmt: skip
    scenarios.write_reference(out / "reference" / f"{TILE}_B04.tif", TILE, COARSE)
    (out / "reference" / "references_map.json").write_text(f'{{"{TILE}": "{out / "reference" / f"{TILE}_B04.tif"}"}}\n')
    cams.write(out / "CAMS" / "monthly", acquisition.when.year, acquisition.when.month, [acquisition])
    return sentinel2.render(acquisition, out / "input", out / "truth", tci=True)


def write_configuration(path: Path, out: Path, archive: Path, changes: dict[str, dict[str, str]]) -> Path:
    """conf/config.ini with the folders of the demo and `changes` (section -> key -> value)."""
    config = configparser.ConfigParser(interpolation=None)
    config.optionxform = str  # type: ignore[assignment, method-assign]  # keep the case of the keys
    config.read(ROOT / "conf" / "config.ini")
    folders = {key: "None" for key in config["Directories"]}
    folders |= {"archive_dir": str(archive / "archive"), "cams_dir": str(out / "CAMS" / "monthly")}
    references = {"references_map": str(out / "reference" / "references_map.json")}
    for section, values in {"Directories": folders, "Geometry": references, **changes}.items():
        config[section].update(values)
    with open(path, "w") as file:
        config.write(file)
    return path


def product_of(folder: Path, level: str) -> Path:
    """The one product of a level in the archive of a tile."""
    found = sorted(folder.glob(f"*{level}_*.SAFE"))
    if len(found) != 1:
        raise FileNotFoundError(f"expected one {level} product in {folder}, found {len(found)}")
    return found[0]


def compare(product: Path, truth: Path, bands: tuple[str, ...] = BANDS) -> list[BandError]:
    """Differences of an L2H or L2F product from its truth (folder with Bxx.tif and mask.tif), over clear pixels."""
    with rasterio.open(truth / "mask.tif") as source:
        clear = ndimage.binary_erosion(source.read(1) == CLEAR, iterations=MARGIN, border_value=0)
    return [_band_error(band, band_file(product, band), truth / f"{band}.tif", clear) for band in bands]


def band_file(product: Path, band: str) -> Path:
    """Image of a band in IMG_DATA or its folder NATIVE."""
    found = [p for p in product.glob(f"GRANULE/*/IMG_DATA/**/*_{band}_*") if p.suffix in (".TIF", ".jp2")]
    if len(found) != 1:
        raise FileNotFoundError(f"expected one image of {band} in {product.name}, found {len(found)}")
    return found[0]


def _band_error(band, image, truth, clear):
    with rasterio.open(image) as source, rasterio.open(truth) as true:
        if source.shape != true.shape or source.transform != true.transform:
            raise ValueError(f"{image.name} is not on the grid of {truth.name}: {source.shape}, {true.shape}")
        dn, expected = source.read(1), true.read(1)
    use = on_grid(clear, dn.shape) & (dn != 0)
    difference = (dn * SCALE + OFFSET - expected)[use].astype(float)
    if difference.size == 0:
        raise ValueError(f"{image.name} has no clear pixel to compare")
    return BandError(band, float(difference.mean()), float(np.sqrt((difference**2).mean())), difference.size)


def on_grid(clear: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Mask on a finer grid (pixels repeated) or a coarser one (clear where all its pixels are)."""
    finer, coarser = shape[0] // clear.shape[0], clear.shape[0] // shape[0]
    if finer and clear.shape[0] * finer == shape[0]:
        return clear.repeat(finer, 0).repeat(finer, 1)
    if coarser and shape[0] * coarser == clear.shape[0]:
        return clear.reshape(shape[0], coarser, shape[1], coarser).all((1, 3))
    raise ValueError(f"mask of {clear.shape} pixels does not divide into {shape}")


def truth_table(errors: dict[str, list[BandError]]) -> Table:
    table = Table(
        title="L2H minus truth, reflectance x 10⁴, clear pixels",
        caption="RMSE is mostly the resampling by a fraction of a pixel (10 to 34), then sensor noise (6 to 8).\n"
        "The last four bands have no BRDF coefficients: what view and sun do to them stays in.",
        caption_justify="left",
    )
    table.add_column("band")
    for title in errors:
        table.add_column(f"{title}\nbias", justify="right")
        table.add_column("\nRMSE", justify="right")
    table.add_column("\npixels", justify="right")
    for rows in zip(*errors.values(), strict=True):
        figures = [text for row in rows for text in (f"{row.bias * 1e4:+.1f}", f"{row.rmse * 1e4:.1f}")]
        table.add_row(rows[0].band, *figures, f"{rows[0].pixels}", end_section=rows[0].band == ADJUSTED[-1])
    return table


def shown(path: Path) -> str:
    """`path` relative to the current folder where that is shorter."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


if __name__ == "__main__":
    sys.exit(main())
