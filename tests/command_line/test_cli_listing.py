"""What ``--no-run`` prints."""

import json

from command_line.fake_run import CANDIDATES, S2

from sen2like.events import Candidate, Listed


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
