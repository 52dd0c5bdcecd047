"""The log: its line format, and lines of several processes in one file."""

import logging
import multiprocessing
import re
import sys
from pathlib import Path

import pytest
from logging_state import logging_restored

from sen2like import logs


@pytest.fixture(autouse=True)
def restored():
    with logging_restored():
        yield


LINE = re.compile(r"P-\d+ \| T-\d{5,} \| (?P<level>.{8}) \| (?P<module>.{20}) - (?P<message>.*)")


def test_line_has_date_process_thread_level_module_and_message(tmp_path):
    logs.configure(logs.LogSetup(tmp_path / "x.log"))
    logging.getLogger("sen2like.test").info("hello %s", "é")
    date, rest = (tmp_path / "x.log").read_text(encoding="utf-8").rstrip("\n").split(" | ", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", date)
    match = LINE.fullmatch(rest)
    assert match and (match["level"], match["module"], match["message"]) == ("INFO    ", "test_logs           ", "hello é")


def test_the_time_is_utc():
    record = logging.LogRecord("n", logging.INFO, "m.py", 1, "text", None, None)
    record.created = 1_795_218_496.0  # 2026-11-20T23:48:16Z, the example of spec 01 section 3
    assert logs.line_format().format(record).startswith("2026-11-20 23:48:16 | P-")


def test_without_date_the_line_begins_with_the_process(tmp_path):
    logs.configure(logs.LogSetup(tmp_path / "x.log", date=False))
    logging.getLogger("sen2like").info("m")
    assert (tmp_path / "x.log").read_text().startswith("P-")


@pytest.mark.parametrize(("debug", "lines"), [(False, 1), (True, 2)])
def test_debug_lines_only_when_asked_for(tmp_path, debug, lines):
    logs.configure(logs.LogSetup(tmp_path / "x.log", debug))
    log = logging.getLogger("sen2like.x")
    log.debug("small")
    log.info("big")
    assert len((tmp_path / "x.log").read_text().splitlines()) == lines


def test_the_same_line_goes_to_stderr(tmp_path, capsys):
    logs.configure(logs.LogSetup(tmp_path / "x.log"))
    logging.getLogger("sen2like").warning("careful")
    assert capsys.readouterr().err == (tmp_path / "x.log").read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_told_of_once(tmp_path, capsys):
    (tmp_path / "x.log").symlink_to("/dev/full")
    logs.configure(logs.LogSetup(tmp_path / "x.log"))
    for text in ("first", "second"):
        logging.getLogger("sen2like").info(text)
    err = capsys.readouterr().err
    assert err.count(f"cannot write the log {tmp_path / 'x.log'}: No space left on device") == 1
    assert "first" in err and "second" in err and "Traceback" not in err and "Logging error" not in err


def test_a_second_run_appends(tmp_path):
    for _ in range(2):
        logs.configure(logs.LogSetup(tmp_path / "wd" / "x.log"))
        logging.getLogger("sen2like").info("m")
    assert len((tmp_path / "wd" / "x.log").read_text().splitlines()) == 2


def test_lines_of_a_run_go_to_its_own_file_while_it_lasts(tmp_path):
    logs.configure(logs.LogSetup())
    with logs.also_to(tmp_path / "run.log"):
        logging.getLogger("sen2like").info("inside")
    logging.getLogger("sen2like").info("outside")
    assert "inside" in (tmp_path / "run.log").read_text() and "outside" not in (tmp_path / "run.log").read_text()


def test_a_file_that_cannot_be_written_is_an_oserror(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        logs.configure(logs.LogSetup(tmp_path / "file" / "x.log"))


def write_many(setup: logs.LogSetup, letter: str) -> None:
    sys.stderr = open("/dev/null", "w")  # noqa: SIM115  the child's own
    logs.configure(setup)
    for _ in range(200):
        logging.getLogger("sen2like").info(letter * 500)


def test_lines_of_several_processes_never_mix(tmp_path):
    setup = logs.LogSetup(tmp_path / "x.log")
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=write_many, args=(setup, letter)) for letter in "abc"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    messages = [line.rpartition(" - ")[2] for line in Path(setup.file).read_text().splitlines()]
    assert sorted(messages) == sorted(letter * 500 for letter in "abc" for _ in range(200))
