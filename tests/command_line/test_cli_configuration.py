"""The configuration that a command line leads to, and what is wrong with it."""

from pathlib import Path

from command_line.fake_run import S2

from sen2like.cli import main


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
