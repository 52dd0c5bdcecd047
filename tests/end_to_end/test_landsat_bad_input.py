"""Damaged Landsat scenes and past products: a message that says what is wrong, and nothing else harmed."""

import io
import re
import shutil
import tarfile
from pathlib import Path

import pytest
from blocks.scenes import past_product
from end_to_end.running import Run, quality

from sen2like.grid import mgrs

INVALID, ALL_FAILED = 3, 5


@pytest.fixture(scope="module")
def scene(simulate_scenario) -> Path:
    (path,) = simulate_scenario("standard").glob("Landsat8/196/30/*")
    return path


@pytest.fixture
def damaged(scene, tmp_path) -> Path:
    """A copy of the scene to be damaged."""
    return Path(shutil.copytree(scene, tmp_path / "input" / scene.name))


def file(product: Path, ending: str) -> Path:
    return product / f"{product.name}_{ending}"


def refused(run: Run, code: int, *words: str) -> None:
    """One message with all words, the exit code, nothing in the archive."""
    assert run.code == code, run.err
    (message,) = run.errors()
    for word in words:
        assert word in message
    assert "Traceback" not in run.err + run.out
    assert run.left_behind() == []


def levels(run: Run) -> list[str]:
    """Levels that were written, and that nothing else is in the archive of the satellite."""
    assert run.code == 0 and run.errors() == [], run.err
    assert not [name for name in run.left_behind() if "/." in name or name.startswith(".")]
    return sorted(path.name[7:10] for path in run.products() if path.name.startswith("LS8"))


def bands(product: Path) -> set[str]:
    return {path.stem.split("_")[-2] for path in product.glob("GRANULE/*/IMG_DATA/*.TIF")}


# the scene -----------------------------------------------------------------------------------------------------------------


def test_without_metadata(bench, damaged):
    for ending in ("MTL.txt", "MTL.xml"):
        file(damaged, ending).unlink()
    run = bench(damaged)
    assert run.code in (INVALID, ALL_FAILED)
    refused(run, run.code, damaged.name, "MTL")


def test_text_is_not_needed_where_xml_is(bench, damaged):
    file(damaged, "MTL.txt").unlink()
    assert levels(bench(damaged, "--bands", "B04")) == ["L2H"]


@pytest.mark.parametrize(("part", "why"), [(0.5, "MTL.txt"), (0.0, "MTL.txt")])
def test_metadata_that_end_too_soon(bench, damaged, part, why):
    path = file(damaged, "MTL.txt")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    refused(bench(damaged), ALL_FAILED, damaged.name, why)


def test_metadata_of_another_scene(bench, damaged):
    path = file(damaged, "MTL.txt")
    text, times = re.subn(r'LANDSAT_PRODUCT_ID = "LC08_L1TP_196030', 'LANDSAT_PRODUCT_ID = "LC08_L1TP_196031', path.read_text())
    assert times
    path.write_text(text)
    refused(bench(damaged), ALL_FAILED, "metadata are of LC08_L1TP_196031", damaged.name, "fetch the product again")


def test_a_missing_band_is_told_and_the_others_are_made(bench, damaged):
    file(damaged, "B5.TIF").unlink()
    run = bench(damaged, "--bands", "B04,B8A")
    refused(run, ALL_FAILED, "B8A", damaged.name)
    run = bench(damaged)
    assert levels(run) == ["L2H"]
    assert bands(run.product("L2H")) == {"B01", "B02", "B03", "B04", "B11", "B12"}
    assert any("B05" in line for line in run.warnings())


def test_a_missing_quality_band(bench, damaged):
    file(damaged, "QA_PIXEL.TIF").unlink()
    refused(bench(damaged), ALL_FAILED, damaged.name, "QA_PIXEL.TIF is missing", "the product is incomplete")


@pytest.mark.parametrize("ending", ["B4.TIF", "QA_PIXEL.TIF", "B10.TIF"])
@pytest.mark.parametrize("part", [0.0, 0.5])
def test_an_image_that_ends_too_soon(bench, damaged, ending, part):
    path = file(damaged, ending)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    refused(bench(damaged), ALL_FAILED, path.name, "fetch the product again")


def test_a_damaged_band_that_is_not_asked_for_does_no_harm(bench, damaged):
    file(damaged, "B6.TIF").write_bytes(b"II*")
    assert levels(bench(damaged, "--bands", "B04")) == ["L2H"]


def test_angle_bands_that_are_damaged(bench, damaged):
    file(damaged, "VZA.TIF").write_bytes(b"II*")
    run = bench(damaged, "--bands", "B04", angles="accurate")
    # the coefficients of ANG.txt serve in their place
    assert levels(run) == ["L2H"] and any("VZA" in line for line in run.warnings())
    assert quality(run.product("L2H"))["ANGLES_SOURCE"] != "angle bands"


def test_a_scene_beside_the_tile(bench, damaged):
    refused(bench(damaged, "--tile", "31TCJ"), ALL_FAILED, damaged.name, "31TCJ", "choose a tile that it covers")


def test_a_scene_without_data_on_the_tile(bench, simulate_scenario):
    # the frame of the southern row touches the tile to the north, its image does not
    (south,) = simulate_scenario("stitch").glob("Landsat8/196/30/*")
    refused(bench(south, "--tile", "31TFK"), ALL_FAILED, south.name, "31TFK")


def test_a_scene_without_a_tile_says_what_to_give(bench, scene):
    run = bench.run("product-mode", scene, "--conf", bench.conf, "--wd", bench.wd)
    assert run.code in (2, INVALID) and "--tile" in run.err and run.left_behind() == []


def test_a_scene_that_is_too_cloudy_is_skipped(bench, scene):
    run = bench(scene, cloud_cover=1)
    assert run.code == 0 and run.left_behind() == [] and "cloud cover" in run.err + run.out


# archives ------------------------------------------------------------------------------------------------------------------


def packed(scene: Path, target: Path, *extra: tarfile.TarInfo) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:gz" if target.name.endswith("gz") else "w") as archive:
        for path in sorted(scene.iterdir()):
            archive.add(path, path.name)
        for member in extra:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return target


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.size = kind, link, 1 if kind == tarfile.REGTYPE else 0
    return found


@pytest.mark.parametrize("ending", [".tar", ".tar.gz"])
def test_an_archive_is_as_good_as_its_folder(bench, scene, tmp_path, ending):
    assert levels(bench(packed(scene, tmp_path / f"in/{scene.name}{ending}"), "--bands", "B04")) == ["L2H"]


@pytest.mark.parametrize("ending", [".tar", ".tar.gz"])
@pytest.mark.parametrize("extra", [
    member("../evil.TIF"), member("/tmp/evil.TIF"), member("evil_B4.TIF", tarfile.SYMTYPE, "/etc/passwd"),
    member("evil_B4.TIF", tarfile.LNKTYPE, "other"),
], ids=["above", "absolute", "symbolic link", "hard link"])  # fmt: skip
def test_members_that_would_leave_the_archive(bench, scene, tmp_path, ending, extra):
    product = packed(scene, tmp_path / f"in/{scene.name}{ending}", extra)
    run = bench(product)
    assert run.code in (INVALID, ALL_FAILED)
    refused(run, run.code, product.name, "evil", "refused as unsafe")
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize("ending", [".tar", ".tar.gz"])
def test_an_archive_that_ends_too_soon(bench, scene, tmp_path, ending):
    product = packed(scene, tmp_path / f"in/{scene.name}{ending}")
    product.write_bytes(product.read_bytes()[: product.stat().st_size // 2])
    run = bench(product)
    assert run.code in (INVALID, ALL_FAILED)
    refused(run, run.code, product.name)


# past products -------------------------------------------------------------------------------------------------------------


def fused_with(run: Run) -> str:
    (log,) = [line for line in run.err.splitlines() if "fusion (composite) with" in line or "fusion (predict) with" in line]
    return log.split(" with ")[1]


def test_a_past_product_on_another_grid_is_left_out(bench, scene):
    bad = past_product(bench.archive, "2021-06-12", 1, grid=mgrs.tile("31TFK"))
    run = bench(scene, "--bands", "B04")
    assert levels(run) == ["L2H"]
    (warning,) = [line for line in run.warnings() if bad.name in line and "is not used for fusion" in line]
    assert "B02" in warning or "B04" in warning


@pytest.mark.parametrize("what", ["B04", "mask"])
def test_an_older_past_product_takes_the_place_of_a_half_written_one(bench, scene, what):
    good, bad = past_product(bench.archive, "2021-06-02", 1), past_product(bench.archive, "2021-06-12", 2)
    (path,) = bad.glob("GRANULE/*/IMG_DATA/*_B04_*.TIF" if what == "B04" else "GRANULE/*/QI_DATA/*_MSK.TIF")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    run = bench(scene, "--bands", "B04")
    assert levels(run) == ["L2F", "L2H"]
    assert fused_with(run) == good.name
    assert any(bad.name in line and path.name in line for line in run.warnings())


def test_two_past_products_of_a_date_are_no_trend(bench, scene):
    for satellite in ("S2A", "S2B"):
        past_product(bench.archive, "2021-06-12", 1, satellite=satellite)
    run = bench(scene, "--bands", "B04", predict_method="predict")
    assert levels(run) == ["L2F", "L2H"]
    assert any("of one date" in line and "composite" in line for line in run.warnings())


def test_a_past_product_that_is_a_file_or_oddly_named_does_no_harm(bench, scene):
    good = past_product(bench.archive, "2021-06-02", 1)
    odd = good.with_name("S2A_MSIL2F_20210699T000000_N0100_R008_T31TFJ_20240101T000000.SAFE")
    odd.mkdir()
    good.with_name("S2A_MSIL2F_notes.txt").write_text("")
    run = bench(scene, "--bands", "B04")
    assert levels(run) == ["L2F", "L2H"] and fused_with(run) == good.name
    assert any(odd.name in line for line in run.warnings())
    assert odd.exists() and good.exists()
