"""What goes wrong with one product does not stop the others, and is told with block, band and cause (spec 01 section 5)."""

import errno
import json
import os
import resource
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from end_to_end.modes import offer, outputs, report, search, single, statuses
from end_to_end.running import TILE, Run

BANDS = ("--bands", "B04")
TROUBLE = '''
import json, os, signal, time
from pathlib import Path

from sen2like.blocks.base import S2L_Process
from sen2like.blocks.toa import S2L_Toa
from sen2like.errors import BlockError


class S2L_Trouble(S2L_Process):
    """A plugged-in block that does what the file in the environment says, for products by name."""

    switch = "doTrouble"
    order = S2L_Toa.order + 1

    def process(self, job, image, band):
        told = json.loads(Path(os.environ["TROUBLE"]).read_text())
        what = next((what for part, what in told.items() if part in job.product.name), "")
        if what == "fail":
            raise BlockError("the snow is too deep")
        if what == "bug":
            return image.no_such_attribute
        if what == "sleep":
            while True:
                job.check()
                time.sleep(0.02)
        died = Path(os.environ["TROUBLE"] + ".died")
        if what == "die" or what == "die once" and not died.exists():
            if what == "die once":
                died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return image
'''


class Plugin:
    """The block in a package of its own, as an outside package adds one."""

    def __init__(self, folder: Path):
        (folder / "trouble-1.0.dist-info").mkdir(parents=True)
        (folder / "trouble.py").write_text(TROUBLE)
        (folder / "trouble-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: trouble\nVersion: 1.0\n")
        (folder / "trouble-1.0.dist-info/entry_points.txt").write_text("[sen2like.blocks]\nTrouble = trouble:S2L_Trouble\n")
        self.folder, self.orders = folder, folder / "orders.json"

    def install(self, patch: pytest.MonkeyPatch) -> None:
        patch.syspath_prepend(str(self.folder))  # spawned processes get it too
        patch.setenv("TROUBLE", str(self.orders))

    def tell(self, **orders: str) -> None:
        """`orders`: what to do with products whose name has ``_<key>``."""
        self.orders.write_text(json.dumps({f"_{part.removeprefix('on')}": what for part, what in orders.items()}))


@pytest.fixture
def trouble(tmp_path, monkeypatch) -> Plugin:
    plugin = Plugin(tmp_path / "plugin")
    plugin.install(monkeypatch)
    return plugin


@pytest.fixture(scope="module")
def root(simulate, tmp_path_factory) -> Path:
    """An archive with ten days of June 2021: one simulated product under ten dates."""
    made, folder = simulate(sensor="S2A").path, tmp_path_factory.mktemp("ten")
    return offer(folder / "archive", [dated(made, folder / "products", f"202106{day:02}") for day in range(1, 11)])


def dated(product: Path, folder: Path, day: str) -> Path:
    """A copy of a product of 2021-06-02 that says to be of another day."""
    renamed = folder / product.name.replace("20210602", day)
    for path in product.rglob("*"):
        new = renamed / str(path.relative_to(product)).replace("20210602", day)
        if path.is_dir():
            new.mkdir(parents=True, exist_ok=True)
        elif path.suffix in (".xml", ".safe"):
            new.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(path.read_text().replace("20210602", day).replace("2021-06-02", f"2021-06-{day[-2:]}"))
        else:
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, new)
    return renamed


def only(root: Path, folder: Path, *days: int) -> Path:
    """An archive with some of the days."""
    wanted = [path for path in (root / "Sentinel2" / TILE).iterdir() if int(path.name[17:19]) in days]
    return offer(folder / "some", wanted)


def by_day(run: Run) -> dict[int, str]:
    return {int(name[17:19]): status for name, status in statuses(report(run)).items()}


def reasons(run: Run) -> dict[int, str]:
    return {int(p["product"][17:19]): p["reason"] for tile in report(run)["tiles"] for p in tile["products"]}


def failed(run: Run) -> dict:
    (product,) = (p for tile in report(run)["tiles"] for p in tile["products"] if p["status"] == "failed")
    return product


def days(*numbers: int) -> list[str]:
    return sorted(f"S2A_{level}_06{day:02}" for day in numbers for level in ("L2H", "L2F"))


# one among ten -------------------------------------------------------------------------------------------------------------


def test_nine_of_ten_finish_and_the_report_names_block_band_and_cause(bench, root, trouble):
    trouble.tell(on20210604="fail")
    run = single(bench, root, *BANDS)
    assert run.code == 4
    assert by_day(run) == {day: "failed" if day == 4 else "done" for day in range(1, 11)}
    assert failed(run)["failure"] == {"block": "Trouble", "band": "B04", "cause": "the snow is too deep"}
    assert report(run)["status"] == "some failed" and report(run)["counts"] == {"done": 9, "failed": 1}
    assert outputs(run) == days(1, 2, 3, 5, 6, 7, 8, 9, 10)
    assert not [name for name in run.left_behind() if ".partial-" in name]
    (line,) = [line for line in run.errors() if "20210604" in line]
    assert "Trouble" in line and "B04" in line and "the snow is too deep" in line
    assert "Traceback" not in run.err


def test_the_next_run_tries_the_failed_one_again_and_only_that(bench, root, trouble, tmp_path):
    place = only(root, tmp_path, 3, 4)
    trouble.tell(on20210604="fail")
    assert single(bench, place, *BANDS).code == 4
    again = single(bench, place, *BANDS)
    assert by_day(again) == {4: "failed"} and again.code == 4  # the other one is there
    trouble.tell()
    last = single(bench, place, *BANDS)
    assert last.code == 0 and by_day(last) == {4: "done"} and outputs(last) == days(3, 4)


def test_a_bug_is_a_failure_of_its_product_with_a_traceback_in_the_log(bench, root, trouble, tmp_path):
    trouble.tell(on20210601="bug")
    run = single(bench, only(root, tmp_path, 1, 2), *BANDS)
    assert run.code == 4 and by_day(run) == {1: "failed", 2: "done"}
    assert failed(run)["failure"]["block"] == "Trouble" and "no_such_attribute" in failed(run)["failure"]["cause"]
    assert "Traceback" in run.log


def test_a_broken_input_names_file_and_cause(bench, root, tmp_path):
    place = tmp_path / "broken"
    (good,) = (path for path in (root / "Sentinel2" / TILE).iterdir() if "_20210605" in path.name)
    broken = shutil.copytree(good.resolve(), place / "Sentinel2" / TILE / good.name)
    (image,) = broken.glob("GRANULE/*/IMG_DATA/*_B04.jp2")
    image.write_bytes(image.read_bytes()[:2000])
    offer(place, [path for path in (root / "Sentinel2" / TILE).iterdir() if "_20210606" in path.name])
    run = single(bench, place, *BANDS)
    assert run.code == 4 and by_day(run) == {5: "failed", 6: "done"}
    assert "band B04" in failed(run)["reason"] and image.name in failed(run)["reason"]


def test_all_failed_is_another_exit_code(bench, root, trouble, tmp_path):
    trouble.tell(on20210601="fail", on20210602="fail")
    run = single(bench, only(root, tmp_path, 1, 2), *BANDS)
    assert run.code == 5 and report(run)["status"] == "all failed" and run.left_behind() == []


def test_fail_fast_stops_at_the_first_failure(bench, root, trouble, tmp_path):
    trouble.tell(on20210602="fail")
    run = single(bench, only(root, tmp_path, 1, 2, 3, 4), *BANDS, "--fail-fast")
    assert run.code == 4
    assert by_day(run) == {1: "done", 2: "failed", 3: "interrupted", 4: "interrupted"}
    assert outputs(run) == days(1)


# processes -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hard(root, module_bench, tmp_path_factory) -> Run:
    """Two products at a time: day 1 never ends, the worker of day 2 dies each time, that of day 3 once; 4 is well."""
    plugin = Plugin(tmp_path_factory.mktemp("hard"))
    plugin.tell(on20210601="sleep", on20210602="die", on20210603="die once")
    with pytest.MonkeyPatch.context() as patch:
        plugin.install(patch)
        run = single(module_bench(), only(root, plugin.folder, 1, 2, 3, 4), *BANDS, "--timeout", "0.2", "--jobs", "2")
    assert Path(f"{plugin.orders}.died").exists()
    return run


def test_whatever_happens_to_workers_the_others_finish(hard):
    assert hard.code == 4 and by_day(hard) == {1: "failed", 2: "failed", 3: "done", 4: "done"}
    assert outputs(hard) == days(3, 4) and not [name for name in hard.left_behind() if ".partial-" in name or ".lock" in name]


def test_a_product_that_takes_too_long_is_given_up(hard):
    assert reasons(hard)[1] == "given up after 0.2 minutes (--timeout)"


def test_a_worker_that_dies_each_time_fails_its_product_only(hard):
    assert "process died 3 times" in reasons(hard)[2]


def test_a_product_whose_worker_died_once_is_tried_again(hard):
    assert sum("20210603" in line and "again from its beginning" in line for line in hard.warnings()) == 1


# archives ------------------------------------------------------------------------------------------------------------------


class _NotFound(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(404, "gone")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gone():
    """Address of a server that has nothing."""
    server = HTTPServer(("127.0.0.1", 0), _NotFound)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_archive_that_does_not_answer_is_never_no_product(bench, root, tmp_path, gone):
    place = only(root, tmp_path, 1)
    address = f"{gone}/search.json?path={{path}}&row={{row}}"
    run = single(bench, place, *BANDS, url_parameters_pattern_Landsat8=address, url_parameters_pattern_Landsat9="")
    assert run.code == 4 and by_day(run) == {1: "done"} and outputs(run) == days(1)
    told = report(run)
    assert told["status"] == "some failed" and any("404" in line and gone in line for line in told["warnings"])
    assert any("404" in line and gone in line for line in run.errors())


def test_with_no_archive_at_all_the_run_failed(bench, tmp_path, gone):
    every = {f"url_parameters_pattern_{mission}": f"{gone}/{mission}" for mission in ("Sentinel2", "Landsat8", "Landsat9")}
    for options in ((), ("--strict",)):
        run = single(bench, tmp_path, *options, **every)
        assert run.code == 5 and "No product for tile" not in run.err and report(run)["status"] == "all failed"
        assert sum("404" in line for line in run.errors()) >= 3


def test_a_listing_says_that_an_archive_does_not_answer(bench, root, gone, tmp_path):
    run = single(bench, only(root, tmp_path, 1), "--no-run", url_parameters_pattern_Landsat8=f"{gone}/l8")
    assert run.code in (4, 5) and len(run.out.splitlines()) == 2 and any("404" in line for line in run.errors())


def test_a_folder_that_is_not_mounted_is_unreachable(bench, tmp_path):
    run = single(bench, tmp_path / "not_mounted", *BANDS)
    assert run.code == 5 and "No product for tile" not in run.err
    assert any(str(tmp_path / "not_mounted") in line and "mount" in line for line in run.errors())


# outputs that cannot be written --------------------------------------------------------------------------------------------


def test_an_archive_that_cannot_be_written_to_stops_the_run_at_once(bench, root, tmp_path):
    (tmp_path / "file").write_text("no folder")
    run = single(bench, root, *BANDS, archive_dir=tmp_path / "file" / "archive")
    (line,) = run.errors()
    assert run.code == 3 and "archive_dir" in line and str(tmp_path / "file") in line and os.strerror(errno.ENOTDIR) in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_archive_stops_the_run_at_once(bench, root):
    bench.archive.mkdir(mode=0o555)
    run = single(bench, root, *BANDS)
    assert run.code == 3 and "archive_dir" in run.errors()[0] and "Permission denied" in run.errors()[0]


def test_no_room_for_an_image_fails_the_product_and_leaves_nothing(bench, root, tmp_path):
    """As on a full disk: no file may become larger than 100 kB."""
    place = only(root, tmp_path, 1)
    words = search(bench, place, "single-tile-mode", TILE, *BANDS)
    limit = 100_000
    process = bench.process(*words, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    run = bench.ended(process)
    assert run.code == 5 and by_day(run) == {1: "failed"} and "Traceback" not in run.err
    assert "B04" in failed(run)["reason"] and run.left_behind() == []
