"""Commands beside the modes: check, list, stac, report, clean."""

import json

import pytest
from command_line.fake_run import CANDIDATES, S2, finished

from sen2like.cli import main
from sen2like.commands.words import hoisted, parsers
from sen2like.events import Listed, RunFinished, RunStarted


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
