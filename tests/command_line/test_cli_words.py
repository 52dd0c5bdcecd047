"""Words of the command line."""

from pathlib import Path

import pytest
from command_line.fake_run import LANDSAT, S2

from sen2like import __version__
from sen2like.cli import main
from sen2like.events import ProductStarted


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
