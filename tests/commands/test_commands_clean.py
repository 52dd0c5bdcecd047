"""``clean``: what ended runs left goes, whatever a living one may use stays."""

import json
import os
import socket
import subprocess
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sen2like.commands import clean as command
from sen2like.commands.amounts import amount, size_and_age
from sen2like.commands.clean import DAY, clean
from sen2like.errors import PackagingError, UsageError
from sen2like.execution.locks import Owner, TileLock

ENDED, BROKEN, OTHER = "20260301T100000-aaaaaa", "20260302T100000-bbbbbb", "20260303T100000-cccccc"


def aged(path: Path, days: float) -> Path:
    when = time.time() - days * DAY
    for folder, _, files in os.walk(path, topdown=False):
        for name in files:
            os.utime(os.path.join(folder, name), (when, when))
        os.utime(folder, (when, when))
    return path


def run_folder(wd: Path, name: str, *, report=True, days=0.0) -> Path:
    folder = wd / name
    folder.mkdir(parents=True)
    (folder / "sen2like.log").write_text("x" * 1000)
    if report:
        (folder / "report.json").write_text("{}")
        (folder / "report.html").write_text("<html>")
    return aged(folder, days)


def partial(archive: Path, pid: int, host: str | None = None, days=0.0, tile="31TFJ") -> Path:
    folder = archive / tile / f".S2A_MSIL2H_x.SAFE.partial-{host or socket.gethostname()}-{pid}"
    folder.mkdir(parents=True)
    (folder / "B04.TIF").write_bytes(bytes(5000))
    return aged(folder, days)


def hold(path: Path, **changes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(replace(Owner.here("run-1"), **changes))))


@pytest.fixture
def dead():
    """Number of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


@pytest.fixture
def wd(tmp_path):
    (tmp_path / "wd").mkdir()
    return tmp_path / "wd"


@pytest.fixture
def archive(tmp_path):
    (tmp_path / "archive" / "31TFJ").mkdir(parents=True)
    return tmp_path / "archive"


def paths(finds):
    return {find.path for find in finds}


def test_folders_of_ended_runs_are_removed_and_the_log_of_all_stays(wd):
    folder = run_folder(wd, ENDED)
    (wd / "sen2like.log").write_text("log")
    cleaned = clean(wd, None)
    assert paths(cleaned.removed) == {folder} and not folder.exists()
    assert [path.name for path in wd.iterdir()] == ["sen2like.log"]
    assert cleaned.removed[0].size >= 1000 + 2 + 6


def test_folders_with_other_names_stay(wd):
    for name in ("mine", "20260301T100000", "x20260301T100000-aaaaaa"):
        run_folder(wd, name)
    (wd / ENDED).symlink_to(wd / "mine")
    assert clean(wd, None).removed == ()
    assert len(list(wd.iterdir())) == 4 and (wd / "mine/report.html").exists()


def test_a_run_without_report_may_be_going_on(wd):
    folder = run_folder(wd, OTHER, report=False)
    cleaned = clean(wd, None)
    assert folder.exists() and paths(cleaned.kept) == {folder} and "may be going on" in cleaned.kept[0].keep


def test_a_run_without_report_has_ended_when_nothing_changed_for_a_day(wd):
    folder = run_folder(wd, BROKEN, report=False, days=1.1)
    assert paths(clean(wd, None).removed) == {folder}


def test_a_run_whose_lock_is_alive_stays_even_with_a_report_and_when_old(wd):
    folder = run_folder(wd, ENDED, days=40)
    with TileLock(wd, ENDED, ENDED):
        cleaned = clean(wd, None)
    assert folder.exists() and cleaned.removed == () and str(os.getpid()) in cleaned.kept[0].keep


def test_a_run_whose_lock_is_dead_has_ended(wd, dead):
    folder = run_folder(wd, BROKEN, report=False)
    hold(folder / ".lock", pid=dead, run=BROKEN)
    assert paths(clean(wd, None).removed) == {folder}


def test_a_run_that_holds_a_tile_of_the_archive_stays(wd, archive):
    folder = run_folder(wd, BROKEN, report=False, days=3)
    with TileLock(archive, "31TFJ", BROKEN):
        cleaned = clean(wd, archive)
    assert folder.exists() and "in use by run" in cleaned.kept[0].keep


def test_the_cache_is_removed_unless_a_run_may_use_it(wd):
    (wd / "cache").mkdir()
    (wd / "cache" / "index.json").write_text("{}")
    run_folder(wd, OTHER, report=False)
    assert (wd / "cache" / "index.json") in paths(clean(wd, None).kept)
    aged(wd / OTHER, 2)
    assert (wd / "cache" / "index.json") in paths(clean(wd, None).removed)
    assert list((wd / "cache").iterdir()) == []


def test_only_what_is_older_goes(wd, archive, dead):
    old, young = run_folder(wd, ENDED, days=31), run_folder(wd, OTHER, days=29)
    left_old, left_young = partial(archive, dead, days=31), partial(archive, dead, days=29, tile="31TFK")
    (wd / "cache").mkdir()
    (wd / "cache" / "young").touch()
    cleaned = clean(wd, archive, 30 * DAY)
    assert paths(cleaned.removed) == {old, left_old}
    assert young.exists() and left_young.exists() and (wd / "cache" / "young").exists()


def test_half_written_products_of_ended_processes_are_removed(archive, dead):
    folder = partial(archive, dead)
    (archive / "31TFJ" / "S2A_good.SAFE").mkdir()
    cleaned = clean(None, archive)
    assert paths(cleaned.removed) == {folder} and cleaned.removed[0].size == 5000
    assert [path.name for path in (archive / "31TFJ").iterdir()] == ["S2A_good.SAFE"]


def test_half_written_products_of_a_living_process_stay_however_old(archive):
    folder = partial(archive, os.getpid(), days=100)
    cleaned = clean(None, archive)
    assert folder.exists() and paths(cleaned.kept) == {folder} and str(os.getpid()) in cleaned.kept[0].keep


def test_of_another_machine_only_what_did_not_change_for_a_day_goes(archive, dead):
    fresh, old = partial(archive, 1, "elsewhere"), partial(archive, 2, "elsewhere", days=1.1)
    cleaned = clean(None, archive)
    assert paths(cleaned.removed) == {old} and paths(cleaned.kept) == {fresh}


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_tile_that_a_run_works_on_is_left_alone(archive, dead, dry_run):
    folder = partial(archive, dead)
    with TileLock(archive, "31TFJ", "run-7"):
        cleaned = clean(None, archive, dry_run=dry_run)
        assert (archive / "31TFJ" / ".lock").exists()
    assert folder.exists() and "run-7" in cleaned.kept[0].keep


def test_a_dead_lock_does_not_keep_a_tile(archive, dead):
    folder = partial(archive, dead)
    hold(archive / "31TFJ" / ".lock", pid=dead)
    assert paths(clean(None, archive).removed) == {folder}
    assert list((archive / "31TFJ").iterdir()) == []


def test_a_dry_run_removes_nothing_and_tells_the_same(wd, archive, dead):
    folders = {run_folder(wd, ENDED), partial(archive, dead)}
    told = clean(wd, archive, dry_run=True)
    assert paths(told.removed) == folders and all(folder.exists() for folder in folders)
    assert clean(wd, archive).removed == told.removed


def test_what_cannot_be_removed_is_told_and_the_rest_goes(wd, monkeypatch):
    stuck, other = run_folder(wd, BROKEN), run_folder(wd, ENDED)
    remove = command.shutil.rmtree

    def refuse(path, *args, **options):
        if path == stuck:
            raise PermissionError(13, "Permission denied")
        remove(path, *args, **options)

    monkeypatch.setattr(command.shutil, "rmtree", refuse)
    assert command.run({"wd": wd}) == 1
    assert stuck.exists() and not other.exists()


def test_it_says_what_it_removes_and_how_much_space(wd, capsys):
    folder = run_folder(wd, ENDED)
    (folder / "big").write_bytes(bytes(2_500_000))
    assert command.run({"wd": wd, "dry_run": True}) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.split() == ["would", "remove", "2.5", "MB", "run", "folder", str(folder)]
    assert last == f"would free 2.5 MB in {wd}"


def test_without_folders_those_of_the_configuration_are_cleaned(tmp_path, wd, archive, dead, capsys):
    conf = tmp_path / "c.ini"
    conf.write_text(f"[Processing]\ndoPackagerL2H = True\n[Directories]\narchive_dir = {archive}\n[RunTime]\nwd = {wd}\n")
    folder, half = run_folder(wd, ENDED), partial(archive, dead)
    assert command.run({"conf": conf}) == 0
    assert not folder.exists() and not half.exists()


@pytest.mark.parametrize("days", [-1.0, float("nan"), float("inf")])
def test_impossible_ages_are_refused(wd, days):
    with pytest.raises(UsageError, match="--older-than"):
        command.run({"wd": wd, "older_than": days})


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"--archive .*absent"):
        command.run({"archive": tmp_path / "absent"})


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"), (43e9, "43 GB"), (999.6e9, "1.0 TB"),
     (2.5e15, "2500 TB")],
)  # fmt: skip
def test_amounts(size, text):
    assert amount(size) == text


def test_linked_files_free_nothing(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one").write_bytes(bytes(100))
    (tmp_path / "a" / "two").write_bytes(bytes(70))
    os.link(tmp_path / "a" / "two", tmp_path / "kept")
    assert size_and_age(tmp_path / "a")[0] == 100


def test_nothing_is_removed_where_a_lock_cannot_be_looked_at(wd, monkeypatch):
    folder = run_folder(wd, ENDED)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(command, "holder", refuse)
    with pytest.raises(PackagingError, match="cannot be looked at: Permission denied"):
        clean(wd, None)
    assert folder.exists()
