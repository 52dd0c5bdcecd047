"""Data that are neither input nor output, of the blocks that are on: reference images, CAMS, elevation, VJB, scene classes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import rasterio
from rasterio.errors import RasterioError

from sen2like.auxiliary.cams_files import FIELDS, contents
from sen2like.auxiliary.reference import check_reference, reference_path
from sen2like.commands.findings import Finding, error, errors, ok, unreadable, warning
from sen2like.config import Config
from sen2like.errors import AuxiliaryError, Sen2LikeError
from sen2like.grid import mgrs
from sen2like.grid.mgrs import MGRSTile

_PERIODS = {"monthly": r"\d{6}", "daily": r"\d{8}", "hourly": r"\d{10}"}
"""Names of the folders of each CAMS database (spec 08 section 4)."""
_CAMS_KEYS = {
    "monthly": "cams_dir",
    "daily": "cams_daily_dir",
    "hourly": "cams_hourly_dir",
    "climatology": "cams_climatology_dir",
}
_CLIMATOLOGY = "CAMS_Climatology_2010-2019_{}_DOY_{:03d}.tif"
_DEFAULT_ATMOSPHERE = "products are corrected with a default atmosphere"


def check(config: Config, ref_image: Path | None, tiles: Sequence[MGRSTile]) -> list[Finding]:
    """Findings on auxiliary data; `tiles`: those a run is meant for, none: any."""
    on = config.processing
    findings = references(config, ref_image, tiles)
    if on.doAtmcor and not config.atmcor.use_sen2cor:
        findings += cams(config)
    if on.doAtmcor and config.atmcor.use_sen2cor:
        findings.append(_sen2cor(config.atmcor.sen2cor_path))
    if on.doNbar and config.nbar.nbar_methode == "VJB":
        findings += vjb(config.nbar.vjb_coeff_matrice_dir, tiles)
    if on.doTopographicCorrection:
        findings += elevation(config, tiles)
    if (scl := config.directories.scl_dir) is not None:
        problem = unreadable(scl)
        told = warning("scl_dir", f"{problem}; else the clouds of the products are used") if problem else ok("scl_dir", str(scl))
        findings.append(told)
    return findings


def references(config: Config, ref_image: Path | None, tiles: Sequence[MGRSTile]) -> list[Finding]:
    """The map and every image it names for the tiles, or ``--refImage``."""
    option = "--refImage" if ref_image else "references_map"
    references_map = config.geometry.references_map
    if ref_image is None and references_map is None:
        if config.processing.doGeometry and config.geometry.doMatchingCorrection:
            return [warning(option, "no reference image is configured: products are not matched, their displacement stays")]
        return []
    try:
        reference_path("", ref_image, references_map)
        entries = {} if ref_image or references_map is None else json.loads(references_map.read_text(encoding="utf-8"))
    except Sen2LikeError as problem:
        return errors(option, problem)
    wanted = [tile.id for tile in tiles] or list(entries)
    findings, good = [], 0
    for tile_id in wanted:
        try:
            tile = mgrs.tile(tile_id)
            path = reference_path(tile_id, ref_image, references_map)
            if path is None:
                findings.append(warning(option, f"{references_map} has no image of {tile_id}: its products are not matched"))
                continue
            check_reference(path, tile)
            good += 1
        except Sen2LikeError as problem:
            findings += errors(f"{option}, {tile_id}", problem)
    if good or not wanted:
        what = f"{good} image{'s' if good != 1 else ''} of {references_map}" if not ref_image else str(ref_image)
        told = f"{what}: projection and extent are those of the tile" if good else f"{what}: say --tile to see whether it fits"
        findings.append(ok(option, told) if ref_image or good else warning(option, f"{references_map} names no image"))
    return findings


def cams(config: Config) -> list[Finding]:
    """The databases that are configured, and whether any can be used."""
    findings = []
    for database, key in _CAMS_KEYS.items():
        folder = getattr(config.directories, key)
        if folder is None:
            continue
        if problem := unreadable(folder):
            findings.append(warning(key, f"{problem}, or set it to None"))
        else:
            findings.append(_climatology(key, folder) if database == "climatology" else _database(key, folder, database))
    if not any(finding.level == "ok" for finding in findings):
        keys = ", ".join(_CAMS_KEYS.values())
        findings.append(warning("CAMS", f"no usable data: {_DEFAULT_ATMOSPHERE}; set one of {keys}"))
    return findings


def _database(key: str, folder: Path, database: str) -> Finding:
    """How much there is, and whether the newest file can be read."""
    form = re.compile(_PERIODS[database])
    periods = sorted(entry.name for entry in folder.iterdir() if form.fullmatch(entry.name) and entry.is_dir())
    files = sorted((folder / periods[-1]).glob("*.nc")) if periods else []
    if not files:
        where = f"the newest folder {periods[-1]} of {folder} has" if periods else f"{folder} has"
        return warning(key, f"{where} no file {_layout(database)}: nothing is found there; put the files so")
    try:
        found = contents(files[-1])
    except AuxiliaryError as problem:
        return warning(key, f"{problem}; replace the file")
    text = f"{folder}: {len(periods)} folders, {periods[0]} to {periods[-1]}"
    bad = [f"{name} {why}" for name, why in found.problems.items() if database != "hourly" or name in files[-1].name]
    return warning(key, f"{text}; {files[-1].name}: {', '.join(bad)}") if bad else ok(key, text)


def _layout(database: str) -> str:
    return {"monthly": "<YYYYMM>/*.nc", "daily": "<YYYYMMDD>/*.nc", "hourly": "<YYYYMMDDHH>/*.nc"}[database]


def _climatology(key: str, folder: Path) -> Finding:
    missing = [name for name in ("latitude.tif", "longitude.tif") if not (folder / name).is_file()]
    present = {entry.name for entry in folder.iterdir()}
    for name in FIELDS:
        days = sum(_CLIMATOLOGY.format(name, day) in present for day in range(1, 367))
        if days < 365:
            missing.append(f"{_CLIMATOLOGY.format(name, 1).replace('001', '<day>')} of {366 - days} days")
    if missing:
        return warning(key, f"{folder} is incomplete: no {', no '.join(missing)}; complete it")
    return ok(key, f"{folder}: all fields of all days")


def elevation(config: Config, tiles: Sequence[MGRSTile]) -> list[Finding]:
    """Elevation of the tiles, or of any."""
    repository = config.dem_repository
    assert repository.dem_folder is not None, "checked with the configuration"
    folder = repository.dem_folder / repository.dem_dataset
    if problem := unreadable(folder):
        return [error("dem_folder", f"{problem}; doTopographicCorrection needs it")]
    name = f"Copernicus_DSM_{repository.src_dem_resolution}m_{{}}.TIF"
    if not tiles:
        count = len(list(folder.glob(name.format("*"))))
        if count:
            return [ok("dem_folder", f"{folder}: elevation of {count} tiles")]
        return [error("dem_folder", f"{folder} has no file {name.format('<tile>')}, which doTopographicCorrection needs")]
    findings = []
    for tile in tiles:
        path = folder / name.format(tile.id)
        try:
            with rasterio.open(path) as dataset:
                projection = dataset.crs
        except RasterioError as problem:
            findings.append(error(f"dem_folder, {tile.id}", f"elevation cannot be read: {problem}; prepare it for the tile"))
            continue
        if projection is None:
            findings.append(error(f"dem_folder, {tile.id}", f"{path} has no projection; prepare it again"))
        else:
            findings.append(ok(f"dem_folder, {tile.id}", str(path)))
    return findings


def vjb(folder: Path | None, tiles: Sequence[MGRSTile]) -> list[Finding]:
    """Files of local BRDF coefficients (spec 09 section 3)."""
    assert folder is not None, "checked with the configuration"
    key = "vjb_coeff_matrice_dir"
    if problem := unreadable(folder):
        return [error(key, f"{problem}; nbar_methode = VJB needs it")]
    files = [entry.name for entry in folder.iterdir() if "AUX_HABA" in entry.name and entry.name.endswith(".nc")]
    if not files:
        return [error(key, f"{folder} has no file S2__USER_AUX_HABA*.nc; get them, or set nbar_methode = ROY")]
    findings = [ok(key, f"{folder}: {len(files)} files")]
    for tile in tiles:
        if not any(f"_T{tile.id}_" in name for name in files):
            findings.append(warning(f"{key}, {tile.id}", f"{folder} has no file of tile {tile.id}"))
    return findings


def _sen2cor(path: Path | None) -> Finding:
    assert path is not None, "checked with the configuration"
    if path.is_file():
        return ok("sen2cor_path", str(path.absolute()))
    return error("sen2cor_path", f"{path.absolute()} does not exist; correct the path, or set use_sen2cor = False")
