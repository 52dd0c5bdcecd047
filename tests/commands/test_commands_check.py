"""``check`` finds every problem at once, and changes nothing."""

import json
import os
import socket
from collections import namedtuple

import netCDF4
import numpy as np
import pytest
import rasterio
from archive.web import Reply, Web
from rasterio.transform import from_origin

from sen2like.archive.http import Http
from sen2like.commands import check as command
from sen2like.commands import check_auxiliary, check_sources, check_storage
from sen2like.commands.check import Run, check
from sen2like.commands.findings import Finding, table
from sen2like.config import load
from sen2like.execution.locks import TileLock
from sen2like.grid import mgrs
from sen2like.packaging.claims import claim

TILE = mgrs.tile("31TFJ")


@pytest.fixture
def configured(tmp_path):
    """``configured("key = value", ...)`` -> configuration; sections do not matter to the reader."""

    def make(*lines: str, sections: str = ""):
        path = tmp_path / "c.ini"
        own = "" if any(line.startswith("archive_dir") for line in lines) else f"archive_dir = {tmp_path / 'out'}\n"
        path.write_text("[Processing]\ndoPackagerL2H = True\n" + own + "\n".join(lines) + f"\n{sections}")
        return load(path)

    return make


def levels(findings, subject=None):
    return [f.level for f in findings if subject is None or f.subject.startswith(subject)]


def text(findings, level=None):
    return "\n".join(f"{f.subject}: {f.text}" for f in findings if level is None or f.level == level)


def write_image(path, tile=TILE, resolution=1098.0, bands=1, shift=0.0, epsg=None):
    side = round(109_800 / resolution)
    profile = {
        "driver": "GTiff", "height": side, "width": side, "count": bands, "dtype": "uint16",
        "crs": f"EPSG:{epsg or tile.epsg}", "transform": from_origin(tile.ulx + shift, tile.uly, resolution, resolution),
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **profile) as out:
        out.write(np.ones((bands, side, side), np.uint16))
    return path


def write_cams(path, fields=("aod550", "gtco3", "msl", "tcwv")):
    units = {"aod550": "1", "gtco3": "kg m**-2", "msl": "Pa", "tcwv": "kg m**-2"}
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as out:
        for name, values in (("latitude", [45, 44, 43]), ("longitude", [3, 4, 5, 6])):
            out.createDimension(name, len(values))
            out.createVariable(name, "f4", (name,))[:] = values
        out.createDimension("time", 1)
        time = out.createVariable("time", "i4", ("time",))
        time.units, time[:] = "hours since 1900-01-01 00:00:00", 1_000_000
        for name in fields:
            variable = out.createVariable(name, "f4", ("time", "latitude", "longitude"))
            variable.units = units[name]
            variable[:] = 1


# ------------------------------------------------------------------------------------------------ storage


def test_good_storage_is_ok_and_nothing_is_left_or_made(configured, tmp_path):
    (tmp_path / "wd").mkdir()
    before = sorted(tmp_path.rglob("*"))
    config = configured()
    findings = check_storage.check(config, tmp_path / "wd", [TILE])
    assert levels(findings, "archive_dir")[0] == levels(findings, "--wd")[0] == "ok"
    assert "first run creates it" in text(findings)
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "c.ini"])


def test_a_file_in_the_place_of_a_folder_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "inner"):
        found = check_storage.writable("--wd", folder)
        assert found.level == "error" and "file" in found.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_an_error(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    for folder in (tmp_path / "locked", tmp_path / "locked" / "inner"):
        assert check_storage.writable("--wd", folder).level == "error"


def test_a_folder_that_refuses_files_is_an_error(tmp_path, monkeypatch):
    def refuse(**_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(check_storage.tempfile, "TemporaryFile", refuse)
    found = check_storage.writable("archive_dir", tmp_path)
    assert found.level == "error" and "Read-only file system" in found.text and str(tmp_path) in found.text


@pytest.mark.parametrize(("free", "level"), [(1.0e9, "error"), (5e9, "warning"), (500e9, "ok")])
def test_room_is_counted_in_products(configured, tmp_path, monkeypatch, free, level):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(check_storage.shutil, "disk_usage", lambda _: usage(1e12, 0, free))
    findings = check_storage.check(configured(), tmp_path / "wd", [])
    assert levels(findings, "archive_dir")[1] == level


def test_intermediate_products_need_room_for_every_block(configured, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(check_storage.shutil, "disk_usage", lambda _: usage(1e12, 0, 8e9))
    blocks = ("doGeometry = True", "doToa = True", "doAtmcor = True")  # 3 x 2.7 GB
    assert levels(check_storage.check(configured(*blocks), tmp_path, []), "--wd")[1] == "ok"
    findings = check_storage.check(configured(*blocks, "generate_intermediate_products = True"), tmp_path, [])
    assert levels(findings, "--wd")[1] == "error"


def test_a_tile_in_use_is_told(configured, tmp_path):
    config = configured()
    with TileLock(tmp_path / "out", "31TFJ", "run-7"):
        findings = check_storage.check(config, tmp_path, [TILE])
    assert "run-7" in text(findings, "warning")


def test_a_folder_that_holds_products_of_a_region_is_told(configured, tmp_path):
    region = tmp_path / "field.geojson"
    region.touch()
    claim(tmp_path / "out" / "31TFJ", region)
    findings = check_storage.check(configured(), tmp_path, [TILE, mgrs.tile("31TFK")])
    assert [f.subject for f in findings if "cut to a region" in f.text] == ["archive_dir, 31TFJ"]


# ------------------------------------------------------------------------------------------------ auxiliary data


@pytest.fixture
def mapped(configured, tmp_path):
    """``mapped({tile: path})`` -> configuration with that map."""

    def make(entries):
        path = tmp_path / "map.json"
        path.write_text(entries if isinstance(entries, str) else json.dumps({k: str(v) for k, v in entries.items()}))
        return configured(f"references_map = {path}", "doGeometry = True", "doMatchingCorrection = True")

    return make


def test_reference_images_that_fit_are_ok(mapped, tmp_path):
    config = mapped({"31TFJ": write_image(tmp_path / "a.tif")})
    findings = check_auxiliary.references(config, None, [])
    assert levels(findings) == ["ok"] and "1 image of" in findings[0].text


def test_every_reference_image_that_does_not_fit_is_told(mapped, tmp_path):
    entries = {
        "31TFJ": tmp_path / "absent.tif",
        "31TFK": write_image(tmp_path / "zone.tif", mgrs.tile("31TFK"), epsg=32632),
        "31TGJ": write_image(tmp_path / "moved.tif", mgrs.tile("31TGJ"), shift=1098.0),
        "31TGK": write_image(tmp_path / "bands.tif", mgrs.tile("31TGK"), bands=2),
        "99XXX": tmp_path / "x.tif",
    }
    findings = check_auxiliary.references(mapped(entries), None, [])
    expected = {"31TFJ": "does not exist", "31TFK": "EPSG:32632", "31TGJ": "corner", "31TGK": "2 bands", "99XXX": "99XXX"}
    for tile, told in expected.items():
        (found,) = [f for f in findings if tile in f.subject]
        assert found.level == "error" and told in found.text


def test_only_the_tiles_meant_are_looked_at(mapped, tmp_path):
    config = mapped({"31TFJ": write_image(tmp_path / "a.tif"), "31TFK": tmp_path / "absent.tif"})
    assert levels(check_auxiliary.references(config, None, [TILE])) == ["ok"]
    findings = check_auxiliary.references(config, None, [mgrs.tile("31TGJ")])
    assert "has no image of 31TGJ" in text(findings, "warning") and "error" not in levels(findings)


@pytest.mark.parametrize("content", ["{", "[]", '{"31TFJ": 3}'])
def test_a_broken_map_is_an_error(mapped, content):
    findings = check_auxiliary.references(mapped(content), None, [])
    assert levels(findings) == ["error"] and "map.json" in findings[0].text


def test_matching_without_a_reference_is_worth_a_warning(configured):
    config = configured("doGeometry = True", "doMatchingCorrection = True")
    assert levels(check_auxiliary.references(config, None, [])) == ["warning"]
    assert check_auxiliary.references(configured(), None, []) == []


def test_the_reference_image_of_the_command_line_wins(mapped, tmp_path):
    config, image = mapped("{"), write_image(tmp_path / "a.tif")
    assert levels(check_auxiliary.references(config, image, [TILE])) == ["ok"]
    assert levels(check_auxiliary.references(config, tmp_path / "absent.tif", [TILE])) == ["error"]
    assert levels(check_auxiliary.references(config, image, [mgrs.tile("31TFK")]), "--refImage, 31TFK") == ["error"]


def test_cams_folders_with_files_are_ok(configured, tmp_path):
    write_cams(tmp_path / "monthly" / "202106" / "a.nc")
    config = configured(f"cams_dir = {tmp_path / 'monthly'}")
    assert [(f.level, f.subject) for f in check_auxiliary.cams(config)] == [("ok", "cams_dir")]


def _empty(folder):
    folder.mkdir()


def _flat(folder):
    write_cams(folder / "a.nc")


def _broken(folder):
    (folder / "202106").mkdir(parents=True)
    (folder / "202106" / "a.nc").write_text("not netCDF")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: None, "does not exist"),
        (_empty, "<YYYYMM>/*.nc"),
        (_flat, "<YYYYMM>/*.nc"),
        (_broken, "cannot be read"),
        (lambda folder: write_cams(folder / "202106" / "a.nc", ("aod550", "msl")), "gtco3 is not in the file"),
    ],
)
def test_cams_folders_that_cannot_serve_are_warnings(configured, tmp_path, make, told):
    make(tmp_path / "monthly")
    findings = check_auxiliary.cams(configured(f"cams_dir = {tmp_path / 'monthly'}"))
    assert told in text(findings, "warning") and "default atmosphere" in text(findings, "warning")
    assert "error" not in levels(findings)


def test_an_incomplete_climatology_is_told(configured, tmp_path):
    folder = tmp_path / "climatology"
    folder.mkdir()
    for name in ("latitude", "longitude"):
        (folder / f"{name}.tif").touch()
    for field in ("aod550", "gtco3", "msl", "tcwv"):
        for day in range(1, 366 if field == "msl" else 367):
            (folder / f"CAMS_Climatology_2010-2019_{field}_DOY_{day:03d}.tif").touch()
    config = configured(f"cams_climatology_dir = {folder}")
    assert levels(check_auxiliary.cams(config)) == ["ok"]
    (folder / "CAMS_Climatology_2010-2019_msl_DOY_100.tif").unlink()
    assert "msl" in text(check_auxiliary.cams(config), "warning")


def test_data_of_blocks_that_are_off_are_not_asked_for(configured, tmp_path):
    config = configured(f"cams_dir = {tmp_path / 'absent'}", f"dem_folder = {tmp_path / 'absent'}")
    assert check_auxiliary.check(config, None, [TILE]) == []


def test_elevation_is_needed_by_topographic_correction(configured, tmp_path):
    config = configured("doTopographicCorrection = True", f"dem_folder = {tmp_path / 'dem'}")
    assert levels(check_auxiliary.elevation(config, [])) == ["error"]
    write_image(tmp_path / "dem/COP-DEM_GLO-90-DGED__2022_1/Copernicus_DSM_90m_31TFJ.TIF")
    assert levels(check_auxiliary.elevation(config, [])) == ["ok"]
    assert levels(check_auxiliary.elevation(config, [TILE, mgrs.tile("31TFK")])) == ["ok", "error"]


def test_local_brdf_coefficients_are_needed_by_vjb(tmp_path):
    assert levels(check_auxiliary.vjb(tmp_path / "absent", [])) == ["error"]
    assert levels(check_auxiliary.vjb(tmp_path, [])) == ["error"]
    # name of spec 09 section 3
    (tmp_path / "S2__USER_AUX_HABA___UV___20221028T000101_V20170105T103429_20171231T103339_T31TFJ_MLSS2_MO.nc").touch()
    assert levels(check_auxiliary.vjb(tmp_path, [TILE, mgrs.tile("31TFK")])) == ["ok", "warning"]


# ------------------------------------------------------------------------------------------------ sources


@pytest.fixture
def web():
    server = Web()
    yield server
    server.close()


def sources(config, tmp_path, searching=True):
    return check_sources.check(config, tmp_path, [TILE], searching=searching, http=Http(timeout=5, attempts=1))


def source(kind, *lines):
    return "\n".join(["[Source mine]", f"type = {kind}", "missions = Sentinel2", *lines])


def test_a_folder_that_is_there_is_ok_and_one_that_is_not_an_error(configured, tmp_path):
    pattern = f"url_parameters_pattern_Sentinel2 = {tmp_path}/S2/{{tile}}"
    assert levels(sources(configured(pattern), tmp_path)) == ["error"]
    (tmp_path / "S2").mkdir()
    assert levels(sources(configured(pattern), tmp_path)) == ["ok"]


def test_a_missing_folder_beside_another_source_is_a_warning(configured, tmp_path):
    (tmp_path / "other").mkdir()
    config = configured(
        f"url_parameters_pattern_Sentinel2 = {tmp_path}/S2/{{tile}}", sections=source("index", f"folder = {tmp_path}/other")
    )
    assert levels(sources(config, tmp_path)) == ["warning", "ok"]


def test_a_catalogue_is_asked_once(configured, tmp_path, web):
    url = web.says("/odata", Reply({"value": []}))
    assert levels(sources(configured(sections=source("odata", f"url = {url}")), tmp_path)) == ["ok"]
    (asked,) = web.asked
    assert "_T31TFJ_" in asked.parameters["$filter"]


def test_a_stac_api_is_greeted_but_not_searched(configured, tmp_path, web):
    url = web.says("/stac", Reply({"type": "Catalog", "conformsTo": [], "links": []}))
    assert levels(sources(configured(sections=source("stac", f"url = {url}")), tmp_path)) == ["ok"]
    assert [asked.path for asked in web.asked] == ["/stac"]


@pytest.mark.parametrize(
    ("kind", "reply", "told"),
    [
        ("odata", Reply("busy", 503), "503"),
        ("odata", Reply("<html>"), "not complete JSON"),
        ("odata", Reply({"hello": 1}), "no OData"),
        ("stac", Reply("gone", 404), "404"),
        ("stac", Reply({"hello": 1}), "no STAC"),
    ],
)
def test_a_catalogue_that_does_not_serve_is_an_error(configured, tmp_path, web, kind, reply, told):
    url = web.says("/catalogue", reply)
    findings = sources(configured(sections=source(kind, f"url = {url}")), tmp_path)
    assert levels(findings) == ["error"] and told in findings[0].text and len(web.asked) == 1


def test_a_catalogue_in_a_file_is_read(configured, tmp_path):
    path = tmp_path / "catalog.json"
    config = configured(sections=source("stac", f"url = {path}"))
    assert levels(sources(config, tmp_path)) == ["error"]
    path.write_text('{"type": "Catalog", "stac_version": "1.1.0", "links": []}')
    assert levels(sources(config, tmp_path)) == ["ok"]


def test_without_any_archive_only_product_mode_can_run(configured, tmp_path):
    assert levels(sources(configured(), tmp_path, searching=True)) == ["error"]
    assert levels(sources(configured(), tmp_path, searching=False)) == ["warning"]


def test_a_pattern_without_its_base_is_an_error(configured, tmp_path):
    config = configured("url_parameters_pattern_Sentinel2 = {base_url_s2}/{tile}")
    assert "base_url_s2" in text(sources(config, tmp_path), "error")


def test_a_scheduler_that_does_not_answer_is_an_error(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(check_sources, "TIMEOUT_S", 0.5)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    (found,) = check_sources.check_scheduler(address)
    assert found.level == "error" and address in found.text
    assert check_sources.check_scheduler(None) == []


# ------------------------------------------------------------------------------------------------ all of it


def test_all_problems_are_found_together(configured, tmp_path):
    (tmp_path / "file").touch()
    config = configured(
        f"archive_dir = {tmp_path / 'file'}", f"references_map = {tmp_path / 'absent.json'}",
        f"url_parameters_pattern_Sentinel2 = {tmp_path}/S2/{{tile}}", "doAtmcor = True", f"cams_dir = {tmp_path / 'cams'}",
    )  # fmt: skip
    findings = check(config, Run(tmp_path / "wd", tile="31TFJ"))
    wrong = {f.subject for f in findings if f.level == "error"}
    assert wrong == {"archive_dir", "references_map", "InputProductArchive, Sentinel2"}
    assert "cams_dir" in text(findings, "warning")


def test_a_tile_that_does_not_exist_is_one_problem_of_many(configured, tmp_path):
    findings = check(configured(), Run(tmp_path / "file", tile="31IFJ"))
    assert levels(findings, "tiles") == ["error"] and "ok" in levels(findings, "archive_dir")


def test_the_tiles_of_a_region_are_meant(configured, tmp_path):
    region = tmp_path / "field.geojson"
    region.write_text('{"type": "Polygon", "coordinates": [[[4.5, 43.5], [4.6, 43.5], [4.6, 43.6], [4.5, 43.5]]]}')
    findings = check(configured(), Run(tmp_path, roi=region))
    assert "31TFJ" in text(findings, "ok")


def test_problems_of_the_configuration_are_rows(tmp_path, capsys):
    (tmp_path / "c.ini").write_text("[Processing]\ndoPackagerL2H = maybe\ncoverage = 7\n")
    assert command.run({"conf": tmp_path / "c.ini"}) == 2
    first, second, last = capsys.readouterr().out.splitlines()
    assert "c.ini:2: doPackagerL2H" in first and "c.ini:3: coverage" in second and last == "2 errors"


def test_the_table_is_never_cut_and_counts():
    findings = [Finding("ok", "a", "fine"), Finding("warning", "bb", "x" * 300), Finding("error", "c", "two\nlines")]
    first, second, third, last = table(findings).splitlines()
    assert first.split() == ["ok", "a", "fine"] and "x" * 300 in second and third.endswith("two lines")
    assert last == "1 ok, 1 warning, 1 error"
