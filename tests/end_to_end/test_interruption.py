"""A run that ends in the middle of packaging: nobody ever sees half a product, and the next run cleans up."""

import signal

import pytest
from end_to_end.running import RUN_FILES


@pytest.mark.parametrize(("sign", "code", "word"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")])
def test_a_signal_while_packaging_leaves_nothing(bench, s2_product, sign, code, word):
    held = bench.held(s2_product.path)
    assert list(bench.archive.rglob("*.TIF")) and not list(bench.archive.glob("*/S2*"))  # it had begun, out of sight
    run = held.end(sign)
    assert run.code == code, run.err
    (message,) = run.errors()
    assert f"{word}; nothing was left half-written" in message and "Traceback" not in run.err
    assert run.left_behind() == [] and run.kept() == RUN_FILES


def test_a_second_signal_while_closing_changes_nothing(bench, s2_product):
    held = bench.held(s2_product.path)
    held.process.send_signal(signal.SIGTERM)
    run = held.end(signal.SIGTERM)
    assert run.code == 143 and run.left_behind() == [] and "Traceback" not in run.err


def test_a_killed_run_shows_no_product_and_the_next_one_cleans_up(bench, s2_product):
    killed = bench.held(s2_product.path).end(signal.SIGKILL)
    assert killed.code == -signal.SIGKILL
    hidden = [path for path in killed.tile.iterdir() if ".partial-" in path.name]
    assert killed.products() == [] and hidden and all(path.name.startswith(".") for path in hidden)

    run = bench(s2_product.path)
    assert run.code == 0, run.err
    assert len(run.products("L2H")) == len(run.products("L2F")) == 1
    assert not [path for path in run.tile.iterdir() if ".partial-" in path.name]
    assert all(f"removed what an interrupted run left: {path}" in run.err for path in hidden)


def test_a_run_leaves_the_hidden_folder_of_a_living_one_alone(bench, s2_product):
    held = bench.held(s2_product.path)
    hidden = {path.name for path in bench.archive.glob("31TFJ/.*")}
    assert bench(s2_product.path, "--bands", "B04").code == 0
    assert hidden and hidden <= {path.name for path in bench.archive.glob("31TFJ/.*")}
    held.go.touch()
    run = bench.ended(held.process)
    assert run.code == 0, run.err
    assert len(run.products("L2H")) == 1 and not list(run.tile.glob(".*"))
