"""`make demo`: simulate a small archive, process it with the command line, compare the results with the truth.

Three Sentinel-2 dates, one of Landsat 8 and one of Landsat 9 of tile 31TFJ, with clouds, noise, a BRDF, band differences, an
atmosphere that the CAMS file tells, and a displacement of each. Their pixels are ten times as large as genuine ones, so that
everything takes a minute. The archive is processed twice: with the default configuration, which reproduces ESA's program, and
with more accurate methods. The truth is nadir reflectance in the bands of Sentinel-2A under the mean sun of the latitude, so a
perfect L2H or L2F product would show zeros. Ends with code 1 when a fused Landsat band is no better than its enlargement.
"""

import argparse
import configparser
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import rasterio
from rasterio.warp import Resampling, reproject
from rich.console import Console
from rich.table import Table
from scipy import ndimage

ROOT = Path(__file__).resolve().parents[1]
TILE = "31TFJ"
COARSE = 10
SIMULATED = "simulated"
"""Folder of the archive, its truth, reference image and atmosphere."""
ADJUSTED = ("B02", "B03", "B04", "B08", "B8A", "B11", "B12")
NOT_ADJUSTED = ("B01", "B05", "B06", "B07")
"""There are no BRDF coefficients for B01 and the red edge: the effect of view and sun stays in their reflectance."""
BANDS = (*ADJUSTED, *NOT_ADJUSTED)
FUSED = ("B02", "B03", "B04", "B8A", "B11", "B12")
"""Bands of Landsat that Sentinel-2 has at 10 or 20 m."""
LANDSAT = (*FUSED, "B01")
SCALE, OFFSET = 1e-4, -0.1
"""Reflectance = DN * SCALE + OFFSET in L2H and L2F products."""
CLEAR, OUTSIDE = 0, 255
MARGIN = 3
"""Pixels of the truth mask left out around clouds, shadows and the edge of the data."""
RUNS = {
    "as ESA's program": {},
    "accurate methods": {
        "Atmcor": {"smac": "exact", "cams_interpolation": "accurate"},
        "Masks": {"landsat_quality": "bits"},
        "Nbar": {"angles": "accurate"},
        "OutputFormat": {"rounding": "nearest", "clip_negative": "False", "mask_60m": "nearest"},
    },
}
"""Title of a run -> what differs from conf/config.ini."""
MISSIONS = ("Sentinel2", "Landsat8", "Landsat9")


@dataclass(frozen=True)
class BandError:
    """Difference of a band from its truth over clear pixels, reflectance."""

    band: str
    bias: float
    rmse: float
    pixels: int


@dataclass(frozen=True)
class FusionError:
    """RMSE of a Landsat band against the true surface at 10 or 20 m: enlarged from its L2H image, and fused. Reflectance."""

    band: str
    bilinear: float
    fused: float
    pixels: int


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "demo-output", help="everything goes there; made anew each time")
    out = parser.parse_args().out.resolve()
    console = Console()
    if out.exists() and not (out / SIMULATED).exists() and any(out.iterdir()):
        console.print(f"[red]{out} is not a folder of this demo: choose another --out")
        return 1
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with console.status("simulating three Sentinel-2 and two Landsat products (10 to 20 seconds; the first time 20 more)"):
        simulate(out / SIMULATED)
    console.print(f"simulated  {shown(out / SIMULATED)}", soft_wrap=True)
    worse = []
    for number, (title, changes) in enumerate(RUNS.items(), 1):
        results = out / f"run{number}"
        configuration = write_configuration(out / f"demo{number}.ini", out / SIMULATED, results, changes)
        command = ["Sen2Like.py", "single-tile-mode", TILE]
        command += ["--conf", shown(configuration, ROOT), "--wd", shown(results / "wd", ROOT)]
        console.print(f"\n[bold]{title}[/bold]\n$ python {' '.join(command)}", soft_wrap=True)
        code = subprocess.run([sys.executable, *command], cwd=ROOT, check=False).returncode
        if code:
            console.print(f"[red]sen2like failed with exit code {code}; its log is below {results / 'wd'}")
            return code
        made = outputs(report_of(results))
        errors, fusion = against_truth(made, out / SIMULATED / "truth")
        console.print()
        console.print(truth_table(errors, title))
        console.print(fusion_table(fusion, title))
        worse += [f"{title}, {product}: {row.band}" for product, rows in fusion.items() for row in not_better(rows)]
    where_to_look(console, out / "run1")
    for line in worse:
        console.print(f"[red]fused is no better than enlarged: {line}")
    return 1 if worse else 0


def simulate(folder: Path) -> None:
    """Products, truth, reference image and CAMS file."""
    sys.path.insert(0, str(ROOT / "tests"))
    from simulator import scenarios

    scenarios.write("standard", folder, tile_id=TILE, coarse=COARSE, brdf=True, sbaf=True)


def write_configuration(path: Path, simulated: Path, results: Path, changes: Mapping[str, Mapping[str, str]]) -> Path:
    """conf/config.ini with the folders of the demo and `changes` (section -> key -> value)."""
    config = configparser.ConfigParser(interpolation=None)
    config.optionxform = str  # type: ignore[assignment, method-assign]  # keep the case of the keys
    config.read(ROOT / "conf" / "config.ini")
    folders = {key: "None" for key in config["Directories"]}
    folders |= {"archive_dir": str(results / "archive"), "cams_dir": str(simulated / "CAMS" / "monthly")}
    own: dict[str, Mapping[str, str]] = {
        "Directories": folders,
        "Geometry": {"references_map": str(simulated / "reference" / "references_map.json")},
        "InputProductArchive": {f"url_parameters_pattern_{mission}": "None" for mission in MISSIONS},
    }
    for mission in MISSIONS:
        own[f"Source {mission}"] = {"type": "index", "missions": mission, "folder": str(simulated / mission)}
    for section, values in [*own.items(), *changes.items()]:
        if not config.has_section(section):
            config.add_section(section)
        config[section].update(values)
    with open(path, "w") as file:
        config.write(file)
    return path


def report_of(results: Path) -> Path:
    """``report.json`` of the one run in the working folder."""
    return _only(sorted((results / "wd").glob("*/report.json")), f"report.json below {results / 'wd'}")


def outputs(report: Path) -> dict[str, dict[str, Path]]:
    """Input product -> level (``L2H``, ``L2F``) -> output, in order of date."""
    told = json.loads(report.read_text())
    products = [product for tile in told["tiles"] for product in tile["products"]]
    products.sort(key=lambda product: product["acquired"])
    archive = Path(told["archive"])
    return {p["product"]: {Path(o).name[7:10]: archive / o for o in p["outputs"]} for p in products}


def against_truth(
    made: Mapping[str, Mapping[str, Path]], truth: Path
) -> tuple[dict[str, list[BandError]], dict[str, list[FusionError]]]:
    """(L2H of all products, fused bands of Landsat) compared with the truth; by title of the product."""
    errors, fusion = {}, {}
    for product, levels in made.items():
        true = truth / product.removesuffix(".SAFE")
        landsat = product.startswith("LC")
        errors[titled(levels["L2H"])] = compare(levels["L2H"], true, LANDSAT if landsat else BANDS)
        if landsat:
            fusion[titled(levels["L2H"])] = [fusion_error(levels["L2H"], levels["L2F"], true, band) for band in FUSED]
    return errors, fusion


def titled(product: Path) -> str:
    """``S2A 2021-06-02`` of an output product."""
    day = product.name.split("_")[2]
    return f"{product.name[:3]} {day[:4]}-{day[4:6]}-{day[6:8]}"


def compare(product: Path, truth: Path, bands: Sequence[str] = BANDS) -> list[BandError]:
    """Differences of an L2H product from its truth (folder with images of the bands and a mask), over clear pixels."""
    clear = clear_pixels(truth)
    return [_band_error(band, band_file(product, band), true_band(truth, band), clear) for band in bands]


def fusion_error(l2h: Path, l2f: Path, truth: Path, band: str) -> FusionError:
    """How far the fused band, and the plain bilinear enlargement of the L2H band, are from the surface at 10 or 20 m."""
    before, fused, true = _reflectance(band_file(l2h, band)), _reflectance(band_file(l2f, band)), _image(truth / f"{band}.tif")
    if fused.shape != true.shape:
        raise ValueError(f"{band} of {l2f.name} is not on the grid of its truth: {fused.shape}, {true.shape}")
    enlarged = cv2.resize(before, true.shape[::-1], interpolation=cv2.INTER_LINEAR)
    use = on_grid(clear_pixels(truth), true.shape) & np.isfinite(enlarged) & np.isfinite(fused)
    if not use.any():
        raise ValueError(f"{band} of {l2f.name} has no clear pixel to compare")
    return FusionError(band, _rmse((enlarged - true)[use]), _rmse((fused - true)[use]), int(use.sum()))


def not_better(rows: Sequence[FusionError]) -> list[FusionError]:
    """Bands that fusion has not improved."""
    return [row for row in rows if not row.fused < row.bilinear]


def clear_pixels(truth: Path) -> np.ndarray:
    """Where nothing hides the surface, `MARGIN` pixels away from anything that does. That of Landsat is told for the scene."""
    if (truth / "mask.tif").exists():
        mask = _image(truth / "mask.tif")
    else:
        with rasterio.open(truth / "B04_30m.tif") as grid, rasterio.open(truth / "mask_scene.tif") as scene:
            mask = np.full(grid.shape, OUTSIDE, np.uint8)
            reproject(rasterio.band(scene, 1), mask, dst_transform=grid.transform, dst_crs=grid.crs, dst_nodata=OUTSIDE,
                      resampling=Resampling.nearest)  # fmt: skip
    return ndimage.binary_erosion(mask == CLEAR, iterations=MARGIN, border_value=0)


def true_band(truth: Path, band: str) -> Path:
    """The truth at the pixel size of L2H."""
    landsat = truth / f"{band}_30m.tif"
    return landsat if landsat.exists() else truth / f"{band}.tif"


def band_file(product: Path, band: str) -> Path:
    """Image of a band in IMG_DATA, else in its folder NATIVE, where Landsat bands have their own names."""
    for folder in ("IMG_DATA", "IMG_DATA/NATIVE"):
        found = [p for p in product.glob(f"GRANULE/*/{folder}/*_{band}_*") if p.suffix in (".TIF", ".jp2")]
        if found:
            break
    return _only(found, f"image of {band} in {product.name}")


def _only(found: Sequence[Path], what: str) -> Path:
    if len(found) != 1:
        raise FileNotFoundError(f"expected one {what}, found {len(found)}")
    return found[0]


def _image(path: Path) -> np.ndarray:
    with rasterio.open(path) as source:
        return source.read(1)


def _reflectance(path: Path) -> np.ndarray:
    """float32, NaN = no data."""
    dn = _image(path)
    return np.where(dn == 0, np.nan, dn * SCALE + OFFSET).astype(np.float32)


def _rmse(difference: np.ndarray) -> float:
    return float(np.sqrt((difference.astype(float) ** 2).mean()))


def _band_error(band: str, image: Path, truth: Path, clear: np.ndarray) -> BandError:
    with rasterio.open(image) as source, rasterio.open(truth) as true:
        if source.shape != true.shape or source.transform != true.transform:
            raise ValueError(f"{image.name} is not on the grid of {truth.name}: {source.shape}, {true.shape}")
    difference = _reflectance(image) - _image(truth)
    difference = difference[on_grid(clear, difference.shape) & np.isfinite(difference)].astype(float)
    if difference.size == 0:
        raise ValueError(f"{image.name} has no clear pixel to compare")
    return BandError(band, float(difference.mean()), _rmse(difference), difference.size)


def on_grid(clear: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Mask on another grid over the same ground: clear where everything below a pixel is."""
    common = math.lcm(clear.shape[0], shape[0])
    finer, coarser = common // clear.shape[0], common // shape[0]
    if max(finer, coarser) > 6:
        raise ValueError(f"mask of {clear.shape} pixels does not divide into {shape}")
    return clear.repeat(finer, 0).repeat(finer, 1).reshape(shape[0], coarser, shape[1], coarser).all((1, 3))


def truth_table(errors: Mapping[str, Sequence[BandError]], run: str) -> Table:
    table = Table(
        title=f"L2H minus truth, reflectance x 10⁴: bias, RMSE ({run})",
        caption="Clear pixels. RMSE: mostly resampling by a fraction of a pixel, and noise.\n"
        "The last four bands have no BRDF coefficients: view and sun stay in them.",
        caption_justify="left",
    )
    table.add_column("band", no_wrap=True)
    for title in errors:
        table.add_column(title.replace(" ", "\n"), justify="right", no_wrap=True)
    by_band = [{row.band: row for row in rows} for rows in errors.values()]
    for band in BANDS:
        rows = [known.get(band) for known in by_band]
        if any(rows):
            cells = ["–" if row is None else f"{row.bias * 1e4:+.1f} {row.rmse * 1e4:4.0f}" for row in rows]
            table.add_row(band, *cells, end_section=band == ADJUSTED[-1])
    return table


def fusion_table(fusion: Mapping[str, Sequence[FusionError]], run: str) -> Table:
    table = Table(
        title=f"RMSE x 10⁴ from the 10, 20 m surface ({run})",
        caption="bilinear: the L2H band enlarged\nfused: the L2F band",
        caption_justify="left",
    )
    table.add_column("band", no_wrap=True)
    for title in fusion:
        table.add_column(f"{title}\nbilinear", justify="right")
        table.add_column("\nfused", justify="right")
    for rows in zip(*fusion.values(), strict=True):
        figures = []
        for row in rows:
            style = "green" if row.fused < row.bilinear else "red"
            figures += [f"{row.bilinear * 1e4:.1f}", f"[{style}]{row.fused * 1e4:.1f}[/]"]
        table.add_row(rows[0].band, *figures)
    return table


def where_to_look(console: Console, results: Path) -> None:
    products = results / "archive" / TILE
    console.print("\n[bold]worth a look[/bold]")
    for what, path in (
        ("report", report_of(results).with_name("report.html")),
        ("products", products / "*.SAFE"),
        ("quicklooks", products / "*" / "GRANULE" / "*" / "QI_DATA" / "*_QL_*.jpg"),
        ("quality reports", products / "*" / "GRANULE" / "*" / "QI_DATA" / "L2?_QUALITY.xml"),
    ):
        console.print(f"  {what:16} {shown(path)}", soft_wrap=True, highlight=False)


def shown(path: Path, folder: Path | None = None) -> str:
    """`path` relative to `folder` (None: the current one) if it is below."""
    folder = folder or Path.cwd()
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


if __name__ == "__main__":
    sys.exit(main())
