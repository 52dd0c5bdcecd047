"""Every kind of bad input: the right exit code, one message that names what is wrong, and nothing in the archive."""

import re
import resource
import shutil
import signal
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import rasterio
from affine import Affine
from end_to_end.running import Run, images, item, quality
from lxml import etree

USAGE, INVALID, ALL_FAILED = 2, 3, 5


def refused(run: Run, code: int, *words: str) -> None:
    """The run ended with `code`, one message with all `words`, no traceback, and left nothing but, if it began, its log."""
    assert run.code == code, run.err
    assert len(run.errors()) == 1, run.err
    (message,) = run.errors()
    for word in words:
        assert word in message
    assert "Traceback" not in run.err + run.out
    assert run.left_behind() == []
    folders = [path for path in run.wd.iterdir() if path.is_dir()] if run.wd.exists() else []
    if code == ALL_FAILED:
        (folder,) = folders
        assert words[0] in (folder / "sen2like.log").read_text()
    else:
        assert not folders


def band_file(product: Path, band: str) -> Path:
    (path,) = product.glob(f"GRANULE/*/IMG_DATA/*_{band}.jp2")
    return path


def tile_metadata(product: Path) -> Path:
    (path,) = product.glob("GRANULE/*/MTD_TL.xml")
    return path


def cut(path: Path, part: float = 0.5) -> Path:
    """Only the first part of a file, as after a broken download."""
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    return path


def edited(path: Path, pattern: str, replacement: str) -> Path:
    text, times = re.subn(pattern, replacement, path.read_text(), flags=re.DOTALL)
    assert times, f"{pattern} is not in {path}"
    path.write_text(text)
    return path


# ------------------------------------------------------------------------------------------------ the request


def test_a_product_that_is_not_there(bench, tmp_path):
    missing = tmp_path / "S2A_MSIL1C_20210602T104155_N0510_R008_T31TFJ_20210602T164625.SAFE"
    refused(bench(missing), INVALID, str(missing), "not found")


def test_a_folder_of_products(bench, damaged):
    refused(bench(damaged.parent), INVALID, str(damaged.parent), "folder of 1 products", damaged.name)


def test_something_that_is_no_product(bench, tmp_path):
    (tmp_path / "notes.txt").write_text("no product")
    refused(bench(tmp_path / "notes.txt"), INVALID, "notes.txt", "neither a product folder nor a zip archive")


def test_our_own_output_is_no_input(bench, module_bench, s2_product):
    own = module_bench()(s2_product.path, "--bands", "B04").product()
    refused(bench(own), INVALID, own.name, "cannot be an input")


def test_a_product_of_another_tile(bench, s2_product):
    refused(bench(s2_product.path, "--tile", "31TFK"), USAGE, s2_product.path.name, "31TFJ", "31TFK")


def test_a_tile_that_does_not_exist(bench, s2_product):
    refused(bench(s2_product.path, "--tile", "31TXX"), USAGE, "31TXX")


def test_a_band_that_no_product_has(bench, s2_product):
    refused(bench(s2_product.path, "--bands", "B04,B99"), USAGE, "B99", "B8A")


def test_a_band_that_this_product_cannot_have(bench, s2_product):
    refused(bench(s2_product.path, "--bands", "BT1"), ALL_FAILED, s2_product.path.name, "BT1", "B8A")


# ------------------------------------------------------------------------------------------------ the configuration


def test_a_configuration_that_is_not_there(bench, s2_product, tmp_path):
    refused(bench(s2_product.path, "--conf", tmp_path / "absent.ini"), INVALID, "absent.ini", "No such file")


def test_an_unknown_key_is_named_with_line_and_likeness(bench, s2_product):
    edited(bench.conf, "doNbar = True", "doNabr = True")
    line = 1 + bench.conf.read_text().splitlines().index("doNabr = True")
    refused(bench(s2_product.path), INVALID, f"{bench.conf}:{line}", "doNabr", "doNbar")


def test_a_value_of_the_wrong_type_is_named(bench, s2_product):
    edited(bench.conf, "gain = 10000", "gain = many")
    refused(bench(s2_product.path), INVALID, str(bench.conf), "gain", "many", "integer")


def test_all_five_errors_of_a_configuration_are_told(bench, s2_product):
    changes = {
        "doNbar = True": "doNabr = True",
        "gain = 10000": "gain = many",
        "coverage = 0.5": "coverage = 7",
        "output_format = COG": "output_format = PNG",
        "doToa = True": "doToa = perhaps",
    }
    for old, new in changes.items():
        edited(bench.conf, old, new)
    run = bench(s2_product.path)
    assert run.code == INVALID and run.left_behind() == [] and "Traceback" not in run.err
    assert len(run.errors()) == 5
    for word in ("doNabr", "many", "coverage", "PNG", "perhaps"):
        assert sum(word in line for line in run.errors()) == 1, word


def test_an_ini_file_with_a_line_that_is_none(bench, s2_product):
    bench.conf.write_text(bench.conf.read_text() + "this is no key and value\n")
    refused(bench(s2_product.path), INVALID, str(bench.conf), str(len(bench.conf.read_text().splitlines())))


@pytest.mark.parametrize(("key", "word"), [("archive_dir", "archive_dir"), ("--wd", "--wd")])
def test_a_place_that_cannot_be_written(bench, s2_product, tmp_path, key, word):
    (tmp_path / "file").write_text("a file, so nothing can be below it")  # also root cannot write there
    place = tmp_path / "file" / "below"
    run = bench(s2_product.path, key, place) if key == "--wd" else bench(s2_product.path, **{key: place})
    refused(run, INVALID, word, str(place), "Not a directory")


# ------------------------------------------------------------------------------------------------ damaged products


@pytest.mark.parametrize("band", ["B04", "B11"])
def test_a_truncated_image(bench, damaged, band):
    path = cut(band_file(damaged, band))
    refused(bench(damaged), ALL_FAILED, damaged.name, path.name)


def test_an_empty_image(bench, damaged):
    path = cut(band_file(damaged, "B03"), 0)
    refused(bench(damaged), ALL_FAILED, damaged.name, path.name)


def test_a_truncated_zip(bench, simulate, tmp_path):
    path = Path(shutil.copy(simulate(zipped=True).path, tmp_path))
    refused(bench(cut(path)), INVALID, str(path), "not a complete zip archive")


def test_a_missing_band_that_was_asked_for(bench, damaged):
    band_file(damaged, "B8A").unlink()
    refused(bench(damaged, "--bands", "B04,B8A"), ALL_FAILED, damaged.name, "has no band B8A")


def test_a_missing_reference_band(bench, damaged, reference_image):
    band_file(damaged, "B04").unlink()
    run = bench(damaged, "--refImage", reference_image)
    refused(run, ALL_FAILED, damaged.name, "B04", "reference")


def test_another_missing_band_is_left_out_with_a_warning(bench, damaged, reference_image):
    band_file(damaged, "B11").unlink()
    run = bench(damaged, "--refImage", reference_image)
    assert run.code == 0, run.err
    assert any("B11" in line and "no file for band" in line for line in run.warnings())
    for product in run.products():
        assert set(images(product)) == {"B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B12"}
        assert "B11" not in {key for key, asset in item(product)["assets"].items() if "data" in asset["roles"]}


def test_a_product_without_any_image(bench, damaged):
    for path in damaged.glob("GRANULE/*/IMG_DATA/*.jp2"):
        path.unlink()
    refused(bench(damaged), ALL_FAILED, damaged.name)


def test_an_image_of_another_place(bench, damaged):
    path = band_file(damaged, "B04")
    with rasterio.open(path) as source:
        dn, profile = source.read(), source.profile
    path.unlink()
    profile |= {"driver": "GTiff", "transform": Affine.translation(60000, 0) @ profile["transform"]}
    for option in ("blockxsize", "blockysize", "tiled"):
        profile.pop(option, None)
    with rasterio.open(path.with_suffix(".tif"), "w", **profile) as out:
        out.write(dn)
    refused(bench(damaged), ALL_FAILED, damaged.name, "B04", "600000")


@pytest.mark.parametrize("document", ["MTD_MSIL1C.xml", "MTD_TL.xml"])
def test_missing_metadata(bench, damaged, document):
    next(damaged.rglob(document)).unlink()
    refused(bench(damaged), ALL_FAILED, str(damaged), document)


@pytest.mark.parametrize("document", ["MTD_MSIL1C.xml", "MTD_TL.xml", "MTD_DS.xml"])
def test_malformed_metadata(bench, damaged, document):
    cut(next(damaged.rglob(document)))
    refused(bench(damaged), ALL_FAILED, document, "line", "not well-formed")


def test_an_unknown_baseline_text(bench, damaged):
    edited(damaged / "MTD_MSIL1C.xml", r"<PROCESSING_BASELINE>05\.10<", "<PROCESSING_BASELINE>newest<")
    refused(bench(damaged), ALL_FAILED, "MTD_MSIL1C.xml", "PROCESSING_BASELINE", "newest")


def test_an_unknown_later_baseline_is_taken_with_a_warning(bench, damaged):
    edited(damaged / "MTD_MSIL1C.xml", r"<PROCESSING_BASELINE>05\.10<", "<PROCESSING_BASELINE>09.99<")
    run = bench(damaged, "--bands", "B04")
    assert run.code == 0, run.err
    assert any("09.99" in line for line in run.warnings())


def without(path: Path, *elements: str) -> None:
    tree = etree.parse(path)
    for name in elements:
        found = list(tree.iterfind(f".//{{*}}{name}"))
        assert found, f"{name} is not in {path}"
        for element in found:
            element.getparent().remove(element)
    tree.write(path)


def test_no_view_angles_at_all(bench, damaged):
    without(tile_metadata(damaged), "Viewing_Incidence_Angles_Grids", "Mean_Viewing_Incidence_Angle")
    refused(bench(damaged), ALL_FAILED, damaged.name, "no viewing angle grid")


def test_mean_view_angles_stand_in_for_missing_grids_with_a_warning(bench, damaged):
    without(tile_metadata(damaged), "Viewing_Incidence_Angles_Grids")
    run = bench(damaged, "--bands", "B04")
    assert run.code == 0, run.err
    assert any("B04 has no viewing angle grid" in line for line in run.warnings())


def test_no_sun_angles_at_all(bench, damaged):
    without(tile_metadata(damaged), "Sun_Angles_Grid", "Mean_Sun_Angle")
    refused(bench(damaged), ALL_FAILED, "MTD_TL.xml", "Mean_Sun_Angle")


def test_debug_shows_where_it_went_wrong(bench, damaged):
    cut(band_file(damaged, "B04"))
    run = bench(damaged, "--debug")
    assert run.code == ALL_FAILED and "Traceback" in run.err and run.left_behind() == []


# ------------------------------------------------------------------------------------------------ auxiliary data


def test_a_reference_image_that_is_not_there(bench, s2_product, tmp_path):
    refused(bench(s2_product.path, "--refImage", tmp_path / "absent.tif"), INVALID, "absent.tif", "--refImage", "does not exist")


def test_an_entry_of_the_references_map_that_is_not_there(bench, s2_product, tmp_path):
    (tmp_path / "map.json").write_text(f'{{"31TFJ": "{tmp_path}/absent.tif"}}')
    refused(bench(s2_product.path, references_map=tmp_path / "map.json"), INVALID, "absent.tif", "map.json", "31TFJ")


def test_a_references_map_that_is_no_json(bench, s2_product, tmp_path):
    (tmp_path / "map.json").write_text('{"31TFJ": ')
    refused(bench(s2_product.path, references_map=tmp_path / "map.json"), INVALID, "map.json", "line 1", "not valid JSON")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"crs": "EPSG:32632"}, ("EPSG:32632", "EPSG:32631", "gdalwarp")),
        ({"transform": Affine(300, 0, 700000, 0, -300, 4900020)}, ("700000", "do not cover tile 31TFJ", "gdalwarp")),
    ],
    ids=["other projection", "other extent"],
)
def test_a_reference_image_of_another_grid(bench, s2_product, reference_image, tmp_path, change, words):
    path = tmp_path / "other.tif"
    with rasterio.open(reference_image) as source, rasterio.open(path, "w", **(source.profile | change)) as out:
        out.write(source.read())
    refused(bench(s2_product.path, "--refImage", path), INVALID, str(path), *words)


def rewritten(cams: Path, folder: Path, drop: str = "", shift: float = 0.0) -> Path:
    """The CAMS files again, without a variable or on a grid that is `shift` degrees farther south."""
    (source,) = cams.rglob("*.nc")
    target = folder / source.relative_to(cams)
    target.parent.mkdir(parents=True)
    with netCDF4.Dataset(source) as old, netCDF4.Dataset(target, "w", format="NETCDF3_64BIT_OFFSET") as new:
        old.set_auto_maskandscale(False)
        new.set_auto_maskandscale(False)
        for name, dimension in old.dimensions.items():
            new.createDimension(name, dimension.size)
        for name in old.variables.keys() - {drop}:
            variable = old[name]
            attributes = {key: variable.getncattr(key) for key in variable.ncattrs()}
            fill = attributes.pop("_FillValue", None)
            copy = new.createVariable(name, variable.dtype, variable.dimensions, fill_value=fill)
            copy.setncatts(attributes)
            copy[:] = variable[:] - shift if name == "latitude" else variable[:]
    return folder


@pytest.mark.parametrize(
    ("damage", "word"), [({"drop": "tcwv"}, "tcwv"), ({"shift": 40.0}, "does not cover the tile")], ids=["variable", "grid"]
)
def test_a_cams_file_that_cannot_serve_leaves_the_default_atmosphere(bench, s2_product, cams, tmp_path, damage, word):
    run = bench(s2_product.path, "--bands", "B04", cams_dir=rewritten(cams, tmp_path / "cams", **damage))
    assert run.code == 0, run.err
    assert any(word in line for line in run.warnings()) and any("default atmosphere used" in line for line in run.warnings())
    values = quality(run.product())
    assert (values["AOT_RETRIEVAL_METHOD"], float(values["GRANULE_MEAN_AOT"])) == ("DEFAULT", 0.2)


def test_a_cams_file_that_cannot_serve_leaves_the_next_database(bench, s2_product, cams, tmp_path):
    broken = rewritten(cams, tmp_path / "cams", shift=40.0)
    (monthly,) = cams.rglob("*.nc")
    daily = tmp_path / "daily" / "20210602"
    daily.mkdir(parents=True)
    shutil.copy(monthly, daily)
    run = bench(s2_product.path, "--bands", "B04", cams_dir=broken, cams_daily_dir=daily.parent)
    assert run.code == 0, run.err
    assert any("does not cover the tile" in line for line in run.warnings())
    assert quality(run.product())["AOT_RETRIEVAL_METHOD"] == "CAMS"
    assert float(quality(run.product())["GRANULE_MEAN_AOT"]) == pytest.approx(0.12, abs=1e-3)


def test_a_cams_folder_that_is_not_there_is_told(bench, s2_product, tmp_path):
    run = bench(s2_product.path, "--bands", "B04", cams_dir=tmp_path / "absent")
    assert run.code == 0, run.err
    assert any(str(tmp_path / "absent") in line and "does not exist" in line for line in run.warnings())
    assert quality(run.product())["AOT_RETRIEVAL_METHOD"] == "DEFAULT"


def test_a_reference_image_without_likeness_moves_nothing(bench, s2_product, reference_image, tmp_path):
    path = tmp_path / "noise.tif"
    with rasterio.open(reference_image) as source, rasterio.open(path, "w", **source.profile) as out:
        out.write(np.random.default_rng(1).integers(500, 3000, (1, *source.shape)).astype(np.uint16))
    run = bench(s2_product.path, "--bands", "B04", "--refImage", path)
    assert run.code == 0, run.err
    assert any("co-registration rejected" in line for line in run.warnings())
    (geometry,) = [s for s in item(run.product())["properties"]["s2l:lineage"] if s["block"] == "Geometry"]
    assert (geometry["dx"], geometry["dy"]) == (0, 0)


# ------------------------------------------------------------------------------------------------ a full disk


def test_a_full_disk_while_packaging(bench, s2_product):
    """No file may grow beyond 60 kB: B01 and the documents fit, the first larger image does not."""

    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    run = bench.ended(bench.process(*bench.words(s2_product.path), preexec_fn=limited))
    refused(run, ALL_FAILED, s2_product.path.name, "cannot write", ".TIF")
