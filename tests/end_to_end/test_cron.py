"""Runs that a clock starts: each processes only what is new, and two at a time do not disturb each other (issue 4, 6)."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from end_to_end.modes import inputs, offer, outputs, report, search, single, statuses
from end_to_end.running import PATIENCE, TILE, Run

BANDS = ("--bands", "B04")


@pytest.fixture(scope="module")
def made(simulate_scenario) -> dict[str, Path]:
    return inputs(simulate_scenario("standard"))


def processed(run: Run) -> set[str]:
    return {Path(name).stem for name in statuses(report(run))}


def names(made: dict[str, Path], *dates: str) -> set[str]:
    return {made[date].stem for date in dates}


def state(path: Path) -> tuple[int, ...]:
    """What changes when a file is written to, replaced or linked; reading it changes the time of access only."""
    found = path.stat()
    return found.st_ino, found.st_nlink, found.st_size, found.st_mtime_ns, found.st_ctime_ns


# new products --------------------------------------------------------------------------------------------------------------


def test_each_run_processes_what_came_since_the_last_one(bench, made, tmp_path):
    arrivals = (["S2A 0602", "S2B 0612"], ["LS8 0615"], ["S2A 0622", "LS9 0623"])
    place, states = tmp_path / "arriving", {}
    for dates in arrivals:
        offer(place, [made[date] for date in dates])
        run = single(bench, place, *BANDS)
        assert run.code == 0 and processed(run) == names(made, *dates)
        assert {path: state(path) for path in states} == states  # what was there is untouched
        states = {path: state(path) for path in bench.archive.rglob("*") if path.is_file()}
    assert outputs(bench.archive) == sorted(
        f"{date[:3]}_{level}_{date[4:]}" for dates in arrivals for date in dates for level in ("L2H", "L2F")
    )
    run = single(bench, place, *BANDS)
    assert run.code == 0 and processed(run) == set()


def test_a_landsat_product_is_made_again_when_it_can_be_fused_at_last(bench, made, tmp_path):
    """A Sentinel-2 product that arrives late gives the Landsat date after it its L2F product."""
    place = offer(tmp_path / "late", [made["LS8 0615"]])
    first = single(bench, place, *BANDS)
    assert first.code == 0 and outputs(first) == ["LS8_L2H_0615"]
    offer(place, [made["S2B 0612"]])
    second = single(bench, place, *BANDS)
    assert second.code == 0 and processed(second) == names(made, "S2B 0612", "LS8 0615")
    assert outputs(second) == ["LS8_L2F_0615", "LS8_L2H_0615", "S2B_L2F_0612", "S2B_L2H_0612"]


def test_a_newer_version_of_an_input_replaces_what_was_made_of_the_older(bench, simulate, tmp_path, next_second):
    older, newer = (simulate(sensor="S2A", baseline=baseline).path for baseline in ("05.10", "05.11"))
    place = offer(tmp_path / "versions", [older])
    first = single(bench, place, *BANDS)
    assert processed(first) == {older.stem}
    old = set(first.products())
    offer(place, [newer])
    next_second()
    second = single(bench, place, *BANDS)
    assert second.code == 0 and processed(second) == {newer.stem} and outputs(second) == ["S2A_L2F_0602", "S2A_L2H_0602"]
    assert not old & set(second.products())


# two at a time -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def place(made, tmp_path) -> Path:
    return offer(tmp_path / "place", [made["S2A 0602"], made["S2B 0612"]])


@pytest.fixture
def running(bench, place) -> Iterator[subprocess.Popen]:
    """A run that stands in the middle of its work, stopped by a signal, and holds the tile."""
    process = bench.process(*search(bench, place, "single-tile-mode", TILE, *BANDS))
    deadline = time.monotonic() + PATIENCE
    while not list(bench.archive.glob("*/.*.partial-*")):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.005)
    process.send_signal(signal.SIGSTOP)
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()


def resume(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGCONT)


def holder(running: subprocess.Popen) -> str:
    return rf"in use by run \S+ \(process {running.pid} on "


def test_a_second_run_exits_when_told_so(bench, place, running):
    second = single(bench, place, *BANDS, "--if-locked", "exit")
    (line,) = second.errors()
    assert second.code == 5 and re.search(holder(running), line) and "try again" in line
    assert report(second)["status"] == "all failed" and processed(second) == set()
    resume(running)
    first = bench.ended(running)
    assert first.code == 0 and len(outputs(first)) == 4


def test_a_second_run_waits_and_finds_nothing_left_to_do(bench, place, running):
    second = bench.process(*search(bench, place, "single-tile-mode", TILE, *BANDS))
    log = bench.wd / "sen2like.log"
    deadline = time.monotonic() + PATIENCE
    while not re.search(holder(running) + r".*\); waiting until it has ended", log.read_text()):
        assert second.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    resume(running)
    first, waited = bench.ended(running), bench.ended(second)
    assert (first.code, waited.code) == (0, 0) and len(outputs(first)) == 4
    assert waited.out.strip() == "" and "bands B04" not in waited.err  # processed nothing


def test_a_run_on_another_tile_does_not_wait(bench, place, running):
    (place / "Sentinel2" / "31TGJ").mkdir()
    run = bench.run(*search(bench, place, "single-tile-mode", "31TGJ", "--if-locked", "exit"))
    assert run.code == 0 and "in use" not in run.err


def test_the_lock_of_a_killed_run_is_taken_over(bench, place, running):
    running.kill()
    running.wait()
    run = single(bench, place, *BANDS, "--if-locked", "exit")
    assert run.code == 0 and len(outputs(run)) == 4
    assert any("took over the lock" in line for line in run.warnings()) and not any(run.tile.glob(".*"))
