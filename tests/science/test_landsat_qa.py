"""Landsat quality values: the tables of spec 04 sections 3.1 and 11.1."""

import numpy as np
import pytest

from sen2like.science.landsat_qa import bits_valid, count_undefined, data_mask, reference_valid

# value: (reference, by bits)
COLLECTION_2 = {
    1: (0, 0), 21762: (1, 0), 21824: (1, 1), 21826: (0, 0), 21888: (0, 0), 21952: (0, 0), 21890: (0, 0), 22080: (0, 0),
    22144: (0, 0), 22280: (0, 0), 23888: (0, 0), 23952: (0, 0), 24088: (0, 0), 24216: (0, 0), 24344: (0, 0), 24472: (0, 0),
    30048: (0, 0), 54596: (0, 0), 54852: (0, 0), 55052: (0, 0), 0: (1, 0),
}  # fmt: skip
COLLECTION_1 = {
    1: (0, 0), 2720: (1, 1), 672: (1, 1), 676: (1, 0), 680: (1, 0), 2: (1, 0), 2722: (0, 0), 2724: (0, 0), 2728: (0, 0),
    2732: (0, 0), 2752: (0, 0), 2800: (0, 0), 2976: (0, 0), 3744: (0, 0), 6816: (0, 0),
}  # fmt: skip
BEFORE = {20480: (1, 1), 20516: (0, 0), 20484: (0, 0), 23552: (0, 0), 28672: (0, 0), 31744: (0, 0), 53248: (0, 0),
          56320: (0, 0), 61440: (0, 0), 1: (0, 0), 0: (1, 0)}  # fmt: skip


@pytest.mark.parametrize(("collection", "table"), [(2, COLLECTION_2), (1, COLLECTION_1), (0, BEFORE)])
def test_the_tables_of_quality_values(collection, table):
    values = np.array([list(table)], np.uint16)
    for rule, expected in zip((reference_valid, bits_valid), zip(*table.values(), strict=True), strict=True):
        valid = rule(values, collection)
        assert valid.dtype == np.uint8
        assert dict(zip(table, valid[0].tolist(), strict=True)) == dict(zip(table, expected, strict=True))


def test_values_that_a_collection_does_not_define_are_counted():
    assert count_undefined(np.array([1, 21824, 55052, 0, 2720], np.uint16), 2) == 2  # 0 and a value of Collection 1
    assert count_undefined(np.array([1, 2720, 672, 6816, 20480], np.uint16), 1) == 1
    assert count_undefined(np.array([1, 20480], np.uint16), 0) == 0


def test_one_pixel_without_data_takes_five_by_five():
    dn = np.full((12, 15), 7, np.uint16)
    dn[5, 8] = 0
    mask = data_mask(dn)
    expected = np.ones((12, 15), np.uint8)
    expected[3:8, 6:11] = 0
    np.testing.assert_array_equal(mask, expected)


def test_the_border_of_the_image_is_not_eroded_and_dn_1_is_data():
    assert data_mask(np.ones((6, 6), np.uint16)).all()
    assert not data_mask(np.zeros((6, 6), np.uint16)).any()
