"""The command line: words, exit codes, listing and summary; the run itself is a fake."""

import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from sen2like import __version__
from sen2like.cli import main
from sen2like.commands.words import hoisted, parsers
from sen2like.errors import ConfigurationError, ProductError, UsageError
from sen2like.events import Candidate, Listed, ProductFinished, ProductStarted, RunFinished, RunStarted, StepDone
from sen2like.request import Request

S2 = "S2A_MSIL1C_20171030T104151_N0500_R008_T31TFJ_20231010T000000.SAFE"
LANDSAT = "LC08_L1TP_196030_20171011_20200903_02_T1"


@pytest.fixture(autouse=True)
def log_restored():
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("", "sen2like", "rasterio")}
    yield
    for handler in list(root.handlers):
        if type(handler).__module__ == "sen2like.logs":
            root.removeHandler(handler)
            handler.close()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "c.ini"
    path.write_text(f"[Processing]\ndoPackagerL2H = True\n[Directories]\narchive_dir = {tmp_path}/out\n")
    return path


class Runs:
    """A fake orchestrator: remembers what it was asked, yields the events it was given."""

    def __init__(self):
        self.request: Request | None = None
        self.config = None
        self.events = []
        self.closed = False

    def __call__(self, request, config):
        self.request, self.config = request, config
        try:
            for event in self.events:
                if isinstance(event, BaseException):
                    raise event
                yield event() if callable(event) else event
        finally:
            self.closed = True


@pytest.fixture
def runs(monkeypatch):
    fake = Runs()
    module = ModuleType("sen2like.orchestrator")
    module.run = fake
    monkeypatch.setitem(sys.modules, "sen2like.orchestrator", module)
    return fake


@pytest.fixture
def cli(conf, tmp_path, runs):
    def call(*words):
        return main(["--conf", str(conf), "--wd", str(tmp_path / "wd"), *words])

    return call


def finished(status, product=S2, reason=""):
    return ProductFinished("31TFJ", product, status, 1.25, (Path(f"/out/{product}.SAFE"),) if status == "done" else (), reason)


# ------------------------------------------------------------------------------------------------ words


def test_without_words_version_help_and_exit_1(capsys):
    assert main([]) == 1
    out = capsys.readouterr().out
    assert out.startswith(f"Sen2like {__version__} with Python ") and "product-mode" in out


@pytest.mark.parametrize("word", ["-v", "--version"])
def test_version(capsys, word):
    assert main([word]) == 0
    assert capsys.readouterr().out == f"sen2like {__version__}\n"


@pytest.mark.parametrize("words", [["-h"], ["product-mode", "--help"], ["--help", "product-mode"]])
def test_help(capsys, words):
    assert main(words) == 0
    assert "--confParams" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["no-such-mode", "x"],
        ["product-mode"],
        ["product-mode", "p", "--jobs", "2"],
        ["product-mode", "p", "--l2a"],
        ["product-mode", "p", "--start-date", "2017-01-01"],
        ["product-mode", "p", "--con", "x"],
        ["product-mode", "p", "--list-format", "yaml"],
    ],
)
def test_wrong_words_exit_2_with_usage_on_stderr(capsys, words):
    assert main(words) == 2
    assert "usage: sen2like" in capsys.readouterr().err


def test_abbreviations_flags_and_the_old_log_spelling(cli, runs, tmp_path):
    assert cli("product-mode", LANDSAT, "--til", "31TFJ", "--no-log", "--bands", "B04,B8A", "-d") == 0
    assert (runs.request.tile, runs.request.bands, runs.request.debug) == ("31TFJ", ("B04", "B8A"), True)


def test_options_before_the_mode_word(cli, runs, tmp_path):
    assert cli("--bands=B02", "--tile", "31TFJ", "product-mode", LANDSAT) == 0
    assert runs.request.wd == tmp_path / "wd" and runs.request.bands == ("B02",)


def test_an_option_given_on_both_sides_of_the_mode_has_the_later_value(cli, runs):
    cli("--bands", "B02", "product-mode", S2, "--bands", "B03")
    assert runs.request.bands == ("B03",)


def test_a_value_that_looks_like_a_mode_is_a_value(conf, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["--wd", "product-mode", "product-mode", S2, "--conf", str(conf)]) == 0
    assert runs.request.wd == Path("product-mode")


@pytest.mark.parametrize("word", ["--no-log-date", "--no-log-data", "--no-log"])
def test_no_log_date_in_every_spelling(cli, runs, tmp_path, word):
    runs.events = [ProductStarted("31TFJ", S2, ("B02",))]
    cli("product-mode", S2, word)
    assert (tmp_path / "wd" / "sen2like.log").read_text().startswith("P-")


def test_config_is_conf(conf, runs, tmp_path):
    assert main(["product-mode", S2, f"--config={conf}", "--wd", str(tmp_path / "wd")]) == 0
    assert runs.config.name == "c.ini"


def test_conf_params_may_be_repeated(cli, runs):
    cli("--confParams", "gain=1", "product-mode", S2, "--confParams", "offset=2,coverage=0.3")
    assert (runs.config.output_format.gain, runs.config.output_format.offset) == (1, 2)


def test_the_tile_is_read_from_the_products_name(cli, runs):
    assert cli("product-mode", f"/data/{S2}/") == 0
    assert runs.request.tile == "31TFJ" and runs.request.product.name == S2


@pytest.mark.parametrize("tile", ["T31TFJ", "31tfj", " 31TFJ "])
def test_tile_spellings(cli, runs, tile):
    assert cli("product-mode", LANDSAT, "--tile", tile) == 0
    assert runs.request.tile == "31TFJ"


def test_a_product_that_does_not_tell_its_tile_needs_the_option(cli, capsys):
    assert cli("product-mode", "/p") == 2
    assert "--tile is required" in capsys.readouterr().err


@pytest.mark.parametrize("tile", ["31TF", "31IFJ", "99TFJ", "31TFJX"])
def test_a_tile_that_does_not_exist_is_refused(cli, capsys, tile):
    assert cli("product-mode", LANDSAT, "--tile", tile) == 2
    assert tile in capsys.readouterr().err


def test_an_unknown_band_is_refused_with_the_valid_names(cli, capsys):
    assert cli("product-mode", S2, "--bands", "B04,B13") == 2
    err = capsys.readouterr().err
    assert "unknown band B13" in err and "B8A" in err and "BT2" in err


# ------------------------------------------------------------------------------------------------ configuration


def test_every_configuration_problem_is_one_line_without_traceback(cli, conf, capsys):
    conf.write_text(conf.read_text() + "coverage = 7\ndoNabr = 1\n")
    assert cli("product-mode", S2) == 3
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 2 and all(line.startswith("sen2like: error: ") for line in err)
    assert f"{conf}:5: coverage" in "\n".join(err)


def test_debug_adds_the_traceback(cli, conf, capsys):
    conf.write_text(conf.read_text() + "coverage = 7\n")
    assert cli("product-mode", S2, "--debug") == 3
    assert "Traceback" in capsys.readouterr().err


def test_a_missing_configuration_is_named(capsys, runs):
    assert main(["product-mode", S2, "--conf", "absent.ini"]) == 3
    assert "configuration file absent.ini: No such file" in capsys.readouterr().err


def test_a_working_directory_that_cannot_be_written_is_named(conf, runs, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["product-mode", S2, "--conf", str(conf), "--wd", str(tmp_path / "file" / "wd")]) == 3
    assert "--wd" in capsys.readouterr().err and runs.request is None


def test_flags_of_the_file_hold_when_the_command_line_says_nothing(cli, conf, runs):
    conf.write_text(conf.read_text() + "debug = True\nwd = /nowhere\n")
    cli("product-mode", S2)
    assert runs.request.debug and runs.request.wd != Path("/nowhere")


def test_force_replaces_earlier_outputs(cli, conf, runs):
    conf.write_text(conf.read_text() + "if_exists = skip\n")
    cli("product-mode", S2, "--force")
    assert runs.config.packager.if_exists == "replace" and runs.request.force


def test_notices_are_logged_once(cli, conf, tmp_path, runs):
    conf.write_text(conf.read_text() + "reframe_margin = 50\n")
    cli("product-mode", S2)
    assert (tmp_path / "wd" / "sen2like.log").read_text().count("reframe_margin") == 1


def test_print_config_needs_no_mode_and_tells_origins(conf, capsys, tmp_path):
    assert main(["--print-config", "--conf", str(conf), "--confParams", "gain=7", "--wd", "w"]) == 0
    out = capsys.readouterr().out
    assert "# --confParams\ngain = 7" in out and f"# {conf}:2\ndoPackagerL2H = True" in out
    assert "# command line\nwd = w" in out and "# default\noffset = 1000" in out


def test_the_closed_catalogue_does_not_stop_product_mode(cli, conf, runs):
    conf.write_text(conf.read_text() + "base_url = https://finder.creodias.eu/resto\n")
    assert cli("product-mode", S2) == 0


# ------------------------------------------------------------------------------------------------ outcome


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (["done"], 0),
        (["skipped"], 0),
        (["done", "failed"], 4),
        (["skipped", "failed"], 4),
        (["failed"], 5),
        (["failed", "failed"], 5),
        (["interrupted"], 130),
    ],
)
def test_exit_code_of_the_outcomes(cli, runs, statuses, code):
    runs.events = [finished(status, f"P{i}") for i, status in enumerate(statuses)]
    assert cli("product-mode", S2) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError("u"), 2), (ConfigurationError("c"), 3), (ProductError("no such product"), 3), (RuntimeError("bug"), 1),
     (KeyboardInterrupt(), 130)],
)  # fmt: skip
def test_exit_code_of_errors(cli, runs, error, code):
    runs.events = [error]
    assert cli("product-mode", S2) == code
    assert runs.closed


def test_sigterm_ends_the_run_cleanly_with_143(cli, runs):
    before = signal.getsignal(signal.SIGTERM)

    def killed():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        raise AssertionError("not interrupted")

    runs.events = [ProductStarted("31TFJ", S2, ("B02",)), killed]
    assert cli("product-mode", S2) == 143
    assert runs.closed and signal.getsignal(signal.SIGTERM) is before


def test_the_summary_tells_status_seconds_outputs_and_reason(cli, runs, capsys):
    runs.events = [finished("done", "A"), finished("failed", "B", "Toa, B02: truncated file"), RunFinished(Path("/r"), 2.0)]
    cli("product-mode", S2)
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["tile", "product", "status", "seconds", "outputs", "reason"]
    assert first.split() == ["31TFJ", "A", "done", "1.2", "A.SAFE"]
    assert second.endswith("Toa, B02: truncated file")


def test_what_finished_is_summarised_even_when_interrupted(cli, runs, capsys):
    runs.events = [finished("done", "A"), KeyboardInterrupt()]
    assert cli("product-mode", S2) == 130
    assert "A.SAFE" in capsys.readouterr().out


def test_start_and_end_of_a_product_are_logged(cli, runs, tmp_path):
    runs.events = [ProductStarted("31TFJ", S2, ("B02",)), StepDone("31TFJ", S2, "Toa", "B02", 0.5), finished("done")]
    cli("product-mode", S2)
    log = (tmp_path / "wd" / "sen2like.log").read_text()
    assert f"{S2} on tile 31TFJ: bands B02" in log and f"{S2}: done in 1.2 s" in log and "Toa" not in log


def test_on_a_terminal_progress_does_not_tear_log_lines(cli, runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes the captured stream for a terminal
    runs.events = [ProductStarted("31TFJ", S2, ("B02",)), StepDone("31TFJ", S2, "Toa", "B02", 0.5), finished("done")]
    assert cli("product-mode", S2) == 0
    assert "done in 1.2 s" in (tmp_path / "wd" / "sen2like.log").read_text()


# ------------------------------------------------------------------------------------------------ listing

CANDIDATES = (
    Candidate("31TFJ", "/data/LC08_A", "selected", "asked for", tile_coverage=0.76),
    Candidate("31TFJ", "/eodata/S2A_B", "selected", tile_coverage=1.0, cloud_cover=3.2),
    Candidate("31TFJ", "/eodata/S2A_C", "dropped", "cloud 34 > 20", tile_coverage=1.0, cloud_cover=34.0),
)


def test_the_listing_is_that_of_the_reference(cli, runs, capsys):
    runs.events = [Listed("31TFJ", CANDIDATES)]
    assert cli("product-mode", S2, "--no-run") == 0
    assert runs.request.no_run
    assert capsys.readouterr().out == (
        "Tile: 31TFJ\n"
        "[ Tile coverage =     76% ]  /data/LC08_A\n"
        "[ Tile coverage =    100% ] [ Cloud coverage =      3% ] /eodata/S2A_B\n"
    )


def test_an_empty_listing(cli, runs, capsys):
    runs.events = [Listed("31TFJ", ())]
    cli("product-mode", S2, "--no-run")
    assert capsys.readouterr().out == "Tile: 31TFJ\nNo product_urls found.\n"


def test_the_listing_as_json_has_every_candidate_with_its_reason(cli, runs, capsys):
    runs.events = [Listed("31TFJ", CANDIDATES)]
    cli("product-mode", S2, "--no-run", "--list-format", "json")
    rows = json.loads(capsys.readouterr().out)
    assert [(row["decision"], row["reason"]) for row in rows][2] == ("dropped", "cloud 34 > 20")
    assert rows[0]["cloud_cover"] is None and rows[0]["tile_coverage"] == 0.76


def test_the_listing_as_csv(cli, runs, capsys):
    runs.events = [Listed("31TFJ", CANDIDATES)]
    cli("product-mode", S2, "--no-run", "--list-format", "csv")
    assert capsys.readouterr().out.splitlines()[:2] == [
        "tile,decision,reason,tile_coverage,cloud_cover,path", "31TFJ,selected,asked for,0.76,,/data/LC08_A",
    ]  # fmt: skip


def test_the_listing_as_table_is_never_cut(cli, runs, capsys):
    runs.events = [Listed("31TFJ", (Candidate("31TFJ", "/data/" + "x" * 200, "selected"),))]
    cli("product-mode", S2, "--no-run", "--list-format", "table")
    assert "x" * 200 in capsys.readouterr().out


def test_listing_writes_nothing(cli, runs, tmp_path):
    cli("product-mode", S2, "--no-run")
    assert not (tmp_path / "wd").exists()


# ------------------------------------------------------------------------------------------------ companion commands


@pytest.mark.parametrize("command", ["check", "list", "stac", "report", "clean"])
def test_each_command_has_a_help_page_and_is_in_that_of_the_program(capsys, command):
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: sen2like {command} ")
    assert main(["--help"]) == 0
    commands = capsys.readouterr().out.partition("\ncommands:\n")[2].partition("\n\n")[0]
    assert any(line.split()[0] == command for line in commands.splitlines())


def test_modes_and_commands_stand_apart_in_the_help(capsys):
    main(["--help"])
    out = capsys.readouterr().out
    modes = out.partition("\nmodes:\n")[2].partition("\n\n")[0]
    assert "roi-based-mode" in modes and "clean" not in modes


def test_every_option_with_a_value_is_known_before_the_word():
    """An option whose value looks like a mode must not lead astray, whichever it is."""
    parser, parser_of = parsers()
    for one in (parser, *parser_of.values()):
        for action in one._actions:
            if action.option_strings and action.nargs is None:
                for option in action.option_strings:
                    assert hoisted([option, "clean", "check"]) == (["check", option, "clean"], "check")


@pytest.mark.parametrize(
    "words", [["stac"], ["report"], ["list"], ["clean", "x"], ["check", "--jobs", "2"], ["list", "31TFJ", "--jobs", "2"]]
)
def test_wrong_words_of_commands_exit_2(capsys, words):
    assert main(words) == 2
    assert f"usage: sen2like {words[0]}" in capsys.readouterr().err


def test_list_is_the_mode_with_no_run_as_a_table(cli, runs, capsys):
    runs.events = [Listed("31TFJ", CANDIDATES)]
    assert cli("list", "t31tfj", "--start-date", "2017-10-01") == 0
    request = runs.request
    assert (request.mode, request.tile, request.no_run) == ("single-tile-mode", "31TFJ", True)
    assert str(request.start_date) == "2017-10-01"
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["tile", "decision", "reason", "tile_coverage", "cloud_cover", "path"]
    assert "cloud 34 > 20" in out


def test_list_and_no_run_say_the_same(cli, runs, capsys):
    runs.events = [Listed("31TFJ", CANDIDATES)]
    cli("list", "31TFJ", "--list-format", "json")
    listed, request = capsys.readouterr().out, runs.request
    cli("single-tile-mode", "31TFJ", "--no-run", "--list-format", "json")
    assert capsys.readouterr().out == listed and runs.request == request


def test_list_of_what_is_neither_tile_nor_file_exits_2(cli, capsys):
    assert cli("list", "nowhere.geojson") == 2
    err = capsys.readouterr().err
    assert "usage: sen2like list" in err and "nowhere.geojson" in err


def test_listing_strictly_finds_nothing(cli, runs):
    runs.events = [Listed("31TFJ", ())]
    assert cli("list", "31TFJ") == 0 and cli("list", "31TFJ", "--strict") == 6


def test_check_of_a_good_configuration_exits_0_and_of_a_bad_one_3(cli, conf, tmp_path, capsys):
    conf.write_text(conf.read_text() + f"url_parameters_pattern_Sentinel2 = {tmp_path}/{{tile}}\n")
    assert cli("check", "--tile", "31TFJ") == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("ok")
    conf.write_text(conf.read_text() + f"references_map = {tmp_path}/absent.json\ncoverage = 7\n")
    assert cli("check", "--tile", "31TFJ") == 3
    assert "coverage" in capsys.readouterr().out


def test_check_neither_runs_nor_writes(cli, runs, tmp_path):
    cli("check")
    assert runs.request is None and [path.name for path in tmp_path.iterdir()] == ["c.ini"]


def test_stac_of_an_archive_exits_by_what_it_holds(tmp_path, capsys):
    assert main(["stac", str(tmp_path / "absent")]) == 3
    assert main(["stac", str(tmp_path)]) == 1
    (tmp_path / "31TFJ" / "S2A_MSIL2H_x.SAFE").mkdir(parents=True)
    assert main(["stac", str(tmp_path)]) == 5
    out, err = capsys.readouterr()
    assert "S2A_MSIL2H_x.SAFE" in out and "no product" in err


def test_report_of_what_is_none_exits_3(tmp_path, capsys):
    (tmp_path / "report.json").write_text("{}")
    assert main(["report", str(tmp_path)]) == 3
    assert "not a report of sen2like" in capsys.readouterr().err


def test_clean_exits_0_and_refuses_a_folder_that_is_not_there(tmp_path, capsys):
    assert main(["clean", "--wd", str(tmp_path)]) == 0
    assert "freed 0 B" in capsys.readouterr().out
    assert main(["clean", "--wd", str(tmp_path / "absent")]) == 2


def test_the_report_has_the_words_main_was_given(cli, runs, tmp_path):
    runs.events = [RunStarted(tmp_path / "run"), finished("done"), RunFinished(tmp_path / "run", 2.0)]
    assert cli("product-mode", S2, "--bands", "B04") == 0
    command = json.loads((tmp_path / "run" / "report.json").read_text())["command"]
    assert command.startswith("sen2like --conf ") and command.endswith(f"product-mode {S2} --bands B04")
