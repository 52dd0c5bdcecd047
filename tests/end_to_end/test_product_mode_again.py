"""A product that was made before: replaced, kept beside the new one, or skipped."""

import errno
import os
from pathlib import Path

import pytest
from end_to_end.running import images


@pytest.fixture
def twice(bench, s2_product, next_second):
    """``twice(policy)`` -> (products after the first run, second run)."""

    def make(policy, *more, **changes):
        first = bench(s2_product.path, "--bands", "B04", if_exists=policy)
        assert first.code == 0, first.err
        before = first.products()
        next_second()
        return before, bench(s2_product.path, "--bands", "B04", *more, if_exists=policy, **changes)

    return make


def test_replace_leaves_the_new_product_alone(twice):
    before, run = twice("replace")
    assert run.code == 0 and len(run.products("L2H")) == len(run.products("L2F")) == 1
    assert not set(before) & set(run.products())
    assert not [name for name in run.left_behind() if "partial" in name]


def test_an_old_product_that_cannot_be_removed_does_not_fail_the_new_one(bench, s2_product, next_second, monkeypatch):
    first = bench(s2_product.path, "--bands", "B04").products()
    next_second()

    def refuse(source, destination, rename=os.rename):
        if Path(source) in first:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(source))
        rename(source, destination)

    monkeypatch.setattr(os, "rename", refuse)
    run = bench(s2_product.path, "--bands", "B04", "--force")
    assert run.code == 0 and set(first) < set(run.products()) and len(run.products()) == 4
    assert sum("cannot be removed (Permission denied)" in line for line in run.warnings()) == 2


def test_replacing_takes_the_correlation_table_of_the_old_product_away(bench, s2_product, reference_image, next_second):
    for _ in range(2):
        run = bench(s2_product.path, "--bands", "B04", "--refImage", reference_image, "--force")
        assert run.code == 0, run.err
        next_second()
    assert {path.name for path in run.tile.glob("QI/*")} == {f"{product.name}_CORREL.csv" for product in run.products()}


def test_keep_both_leaves_two(twice):
    before, run = twice("keep_both")
    assert run.code == 0 and set(before) < set(run.products())
    assert len(run.products("L2H")) == len(run.products("L2F")) == 2


def test_skip_writes_nothing_when_the_configuration_is_the_same(twice):
    before, run = twice("skip")
    assert run.code == 0 and run.products() == before
    assert " skipped " in run.out and "made before with the same configuration" in run.out
    assert all(product.name in run.out for product in before)
    assert {path.name for path in run.tile.iterdir() if path.is_dir()} == {product.name for product in before}


def test_skip_makes_what_another_configuration_made_differently(twice):
    before, run = twice("skip", gain=5000)
    assert run.code == 0 and " done " in run.out
    assert not set(before) & set(run.products()) and len(run.products("L2H")) == 1


def test_skip_makes_bands_that_are_not_there_yet(twice):
    _, run = twice("skip", "--bands", "B04,B03")
    assert run.code == 0 and set(images(run.product())) == {"B03", "B04"}


def test_force_makes_what_would_be_skipped(twice):
    before, run = twice("skip", "--force")
    assert run.code == 0 and not set(before) & set(run.products()) and len(run.products("L2H")) == 1
