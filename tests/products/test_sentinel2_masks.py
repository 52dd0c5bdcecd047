"""Masks of Sentinel-2 products: worked examples of spec 04 section 2, bad input of section 10."""

import numpy as np
import pytest
from products.builder import BANDS, Safe, gml, write_raster

from sen2like.errors import MetadataError, RasterError
from sen2like.products.sentinel2 import open_sentinel2
from sen2like.products.sentinel2_masks import parse_gml

MASK_BANDS = ("B01", "B8A")
SQUARE = "600480 4899900 600600 4899900 600600 4899780 600480 4899780 600480 4899900"
SMALL = "600645 4899345 600675 4899345 600675 4899315 600645 4899315 600645 4899345"


def expand(mask):
    """60 m -> 20 m."""
    return np.kron(np.array(mask, np.uint8), np.ones((3, 3), np.uint8))


def worked_b01():
    """B01 of the worked example of section 2.3."""
    dn = np.full((12, 12), 1500, np.uint16)
    dn[:, :3], dn[:, 3], dn[:, 4], dn[0, 11] = 0, 4, 5, 0
    return dn


def worked_data():
    data = np.zeros((12, 12), np.uint8)
    data[:, 6:] = 1
    data[:3, 9:] = 0
    return data


def worked_classi():
    classi = np.zeros((3, 12, 12), np.uint8)
    classi[0, 6, 8] = classi[0, 5, 1] = classi[1, 2, 9] = classi[2, 10, 10] = 1
    return classi


def masks_of(tmp_path, **options):
    options = {"bands": MASK_BANDS, **options}
    return open_sentinel2(Safe(**options).write(tmp_path)).read_masks()


def test_the_worked_example_with_a_classification_raster(tmp_path):
    masks = masks_of(tmp_path, pixels={"B01": worked_b01()}, classi=worked_classi())
    valid = worked_data()
    valid[6, 8] = valid[10, 10] = 0
    np.testing.assert_array_equal(masks.data.data, expand(worked_data()))
    np.testing.assert_array_equal(masks.valid.data, expand(valid))
    assert masks.valid.data.sum() == 549
    assert (masks.data.data == 0).sum() == 729
    assert masks.percentages() == (pytest.approx(96.825397, abs=1e-6), pytest.approx(56.25))
    assert masks.notices == ()


def test_masks_are_on_the_grid_of_the_20_metre_bands(tmp_path):
    product = open_sentinel2(Safe(bands=MASK_BANDS).write(tmp_path))
    assert product.read_masks().valid.geobox == product.read("B8A").geobox


@pytest.mark.parametrize("band", ["B04", "B01"])
def test_without_20_metre_bands_the_mask_grid_is_still_20_metres(tmp_path, band):
    masks = masks_of(tmp_path, bands=(band,))
    assert (masks.valid.shape, masks.valid.resolution) == ((36, 36), 20)


def test_polygons_of_both_cloud_types_are_burnt_by_pixel_centres(tmp_path):
    masks = masks_of(tmp_path, baseline="02.09", clouds_gml=gml(("OPAQUE", "OPAQUE.0", SQUARE), ("CIRRUS", "CIRRUS.1", SMALL)))
    expected = np.ones((36, 36), np.uint8)
    expected[6:12, 24:30] = 0
    expected[34, 32:34] = 0
    np.testing.assert_array_equal(masks.valid.data, expected)
    assert masks.data.data.all()


def test_gml_clouds_do_not_make_no_data_valid(tmp_path):
    masks = masks_of(tmp_path, baseline="03.01", pixels={"B01": worked_b01()}, clouds_gml=gml(("OPAQUE", "O.0", SMALL)))
    assert not masks.valid.data[masks.data.data == 0].any()


def test_a_gml_mask_without_feature_gives_the_no_data_mask(tmp_path):
    masks = masks_of(tmp_path, baseline="02.09", pixels={"B01": worked_b01()}, clouds_gml=gml())
    np.testing.assert_array_equal(masks.valid.data, expand(worked_data()))
    assert masks.notices == ()


def test_heights_are_dropped_and_holes_kept():
    with_heights = " ".join(f"{x} 0" if i % 2 else x for i, x in enumerate(SQUARE.split()))
    polygon, = parse_gml(gml(("OPAQUE", "O.0", with_heights), dimension=3, holes={"O.0": with_heights}).encode(), "m.gml")
    assert polygon.exterior.tolist()[1] == [600600, 4899900]
    assert len(polygon.interiors) == 1


def test_a_hole_in_a_cloud_is_clear(tmp_path):
    hole = "600520 4899860 600560 4899860 600560 4899820 600520 4899820 600520 4899860"
    masks = masks_of(tmp_path, baseline="02.09", clouds_gml=gml(("OPAQUE", "O.0", SQUARE), holes={"O.0": hole}))
    assert masks.valid.data[6:12, 24:30].sum() == 4
    assert masks.valid.data[8:10, 26:28].all()


def test_malformed_gml_is_an_error_with_its_line(tmp_path):
    with pytest.raises(MetadataError, match=r"MSK_CLOUDS_B00\.gml, line \d+, column \d+: not well-formed"):
        masks_of(tmp_path, baseline="02.09", clouds_gml=gml()[:-8])


@pytest.mark.parametrize(("positions", "message"), [("1 2 3", "posList is not 2 numbers per point"), ("1 2 3 4", "not closed")])
def test_a_broken_ring_is_an_error_with_its_line(positions, message):
    with pytest.raises(MetadataError, match=rf"m\.gml, line \d+: .*{message}"):
        parse_gml(gml(("OPAQUE", "O.0", positions)).encode(), "m.gml")


def test_without_cloud_mask_all_data_are_valid_with_a_notice(tmp_path):
    masks = masks_of(tmp_path, pixels={"B01": worked_b01()})
    np.testing.assert_array_equal(masks.valid.data, masks.data.data)
    assert "no cloud mask; all pixels with data are taken as valid" in masks.notices[0]


def test_a_listed_cloud_mask_that_is_missing_is_named_in_a_notice(tmp_path):
    root = Safe(bands=MASK_BANDS, classi=worked_classi()).write(tmp_path)
    next(root.glob("GRANULE/*/QI_DATA/MSK_CLASSI*")).unlink()
    masks = open_sentinel2(root).read_masks()
    assert masks.valid.data.all()
    assert "MSK_CLASSI_B00.jp2 is missing" in masks.notices[0]


def test_an_unreadable_cloud_mask_is_named_in_a_notice(tmp_path):
    root = Safe(bands=MASK_BANDS, classi=worked_classi()).write(tmp_path)
    next(root.glob("GRANULE/*/QI_DATA/MSK_CLASSI*")).write_bytes(b"rubbish")
    masks = open_sentinel2(root).read_masks()
    assert masks.valid.data.all()
    assert "MSK_CLASSI_B00.jp2: missing, truncated or unreadable" in masks.notices[0]


def test_a_cloud_mask_of_another_place_is_an_error(tmp_path):
    root = Safe(bands=MASK_BANDS, classi=worked_classi()).write(tmp_path)
    write_raster(next(root.glob("GRANULE/*/QI_DATA/MSK_CLASSI*")), worked_classi(), 32632, (600000, 4900020), 60)
    with pytest.raises(RasterError, match=r"cloud mask of .*projection is EPSG:32632"):
        open_sentinel2(root).read_masks()


def test_a_classification_of_fewer_layers_is_used_with_a_notice(tmp_path):
    masks = masks_of(tmp_path, classi=worked_classi()[:2])
    assert (masks.valid.data == 0).sum() == 27
    assert "2 layers instead of 3" in masks.notices[0]


def test_without_b01_another_band_tells_no_data_and_the_margin_stays_120_metres(tmp_path):
    dn = np.full((36, 36), 1500, np.uint16)
    dn[18, 18] = 0
    masks = masks_of(tmp_path, bands=("B05", "B10"), pixels={"B05": dn}, classi=np.zeros((3, 12, 12), np.uint8))
    expected = np.ones((36, 36), np.uint8)
    expected[12:25, 12:25] = 0
    np.testing.assert_array_equal(masks.data.data, expected)
    assert "B01 is missing; no-data mask made from B05" in masks.notices[0]


class TestSceneClassification:
    SCL = np.resize(np.arange(12, dtype=np.uint8), (36, 36))

    def check(self, masks, scl):
        np.testing.assert_array_equal(masks.valid.data, np.isin(scl, (4, 5, 7)))
        np.testing.assert_array_equal(masks.data.data, scl != 0)

    def test_level_2a_masks_come_from_the_scene_classification(self, tmp_path):
        masks = masks_of(tmp_path, level="2A", baseline="05.09", scl=self.SCL)
        self.check(masks, self.SCL)

    def test_a_60_metre_auxiliary_classification_replaces_the_masks_of_level_1c(self, tmp_path):
        scl = np.resize(np.arange(12, dtype=np.uint8), (12, 12))
        write_raster(tmp_path / "scl.tif", scl, 32631, (600000, 4900020), 60)
        product = open_sentinel2(Safe(bands=MASK_BANDS, classi=worked_classi()).write(tmp_path))
        self.check(product.read_masks(str(tmp_path / "scl.tif")), expand(scl))

    def test_classes_out_of_range_are_not_valid_and_counted(self, tmp_path):
        scl = self.SCL.copy()
        scl[0, :5] = 99
        masks = masks_of(tmp_path, level="2A", baseline="05.09", scl=scl)
        self.check(masks, scl)
        assert "5 pixels of a class above 11" in masks.notices[0]

    def test_an_unreadable_classification_is_an_error_that_names_it(self, tmp_path):
        root = Safe(level="2A", baseline="05.09", bands=MASK_BANDS, scl=self.SCL).write(tmp_path)
        next(root.glob("GRANULE/*/IMG_DATA/R20m/*SCL*")).write_bytes(b"rubbish")
        with pytest.raises(RasterError, match=r"scene classification of .*SCL_20m\.jp2"):
            open_sentinel2(root).read_masks()

    def test_level_2a_without_classification_falls_back_with_a_notice(self, tmp_path):
        masks = masks_of(tmp_path, level="2A", baseline="05.09", classi=worked_classi())
        assert "Level-2A without scene classification" in masks.notices[0]


def test_a_product_without_valid_pixel_says_so(tmp_path):
    masks = masks_of(tmp_path, classi=np.ones((3, 12, 12), np.uint8))
    assert masks.percentages() == (0, 0)
    assert "no valid pixel" in masks.notices[0]


class TestDetectors:
    def test_a_footprint_raster_is_read_on_the_grid_of_the_band(self, tmp_path):
        numbers = np.repeat(np.arange(1, 13, dtype=np.uint8)[None], 72, 0).repeat(6, 1)
        product = open_sentinel2(Safe(bands=("B04", "B8A"), detfoo={"B04": numbers}).write(tmp_path))
        found = product.read_detectors("B04")
        np.testing.assert_array_equal(found.data, numbers)
        assert found.geobox == product.read("B04").geobox
        assert product.read_detectors("B8A") is None

    def test_overlapping_polygons_take_the_later_one(self, tmp_path):
        left = "600000 4900020 600400 4900020 600400 4899300 600000 4899300 600000 4900020"
        right = "600300 4900020 600600 4900020 600600 4899300 600300 4899300 600300 4900020"
        footprints = gml(("DETECTOR_FOOTPRINT", "detector_footprint-B8A-07-0", left),
                         ("DETECTOR_FOOTPRINT", "detector_footprint-B8A-08-1", right))
        product = open_sentinel2(Safe(baseline="02.09", bands=MASK_BANDS, detfoo={"B8A": footprints}).write(tmp_path))
        assert product.read_detectors("B8A").data[0].tolist() == [7] * 15 + [8] * 15 + [0] * 6

    def test_a_feature_without_detector_number_is_an_error(self, tmp_path):
        product = open_sentinel2(Safe(bands=MASK_BANDS, detfoo={"B8A": gml(("DETECTOR_FOOTPRINT", "x", SQUARE))}).write(tmp_path))
        with pytest.raises(MetadataError, match="'x' does not tell its detector"):
            product.read_detectors("B8A")

    def test_mask_files_are_listed_with_their_attributes(self, tmp_path):
        safe = Safe(bands=BANDS[:1], detfoo={"B04": np.ones((72, 72), np.uint8)}, classi=worked_classi())
        files = open_sentinel2(safe.write(tmp_path)).mask_files()
        quality = f"GRANULE/{safe.granule()}/QI_DATA"
        assert [(f.name, dict(f.attributes)) for f in files] == [
            (f"{quality}/MSK_DETFOO_B04.jp2", {"bandId": "3", "type": "MSK_DETFOO"}),
            (f"{quality}/MSK_CLASSI_B00.jp2", {"type": "MSK_CLASSI"}),
        ]


def test_genuine_gml_clouds_cover_what_the_metadata_say(genuine):
    path = genuine("sentinel2_l1c/S2A_MSIL1C_20201031T004711_N0209_R102_T53JQJ_20201031T022859.zip")
    product = open_sentinel2(path)
    masks = product.read_masks()
    assert masks.notices == ()
    # 20 x 20 pixels and an eroded edge: the cloud cover of 11.1 % is met within a few percent
    assert 100 - masks.percentages()[0] == pytest.approx(product.cloud_cover, abs=5)


def test_genuine_detector_polygons_are_numbered_as_in_the_file(genuine):
    path = genuine("sentinel2_l1c/S2A_MSIL1C_20171207T002051_N0206_R116_T55JEJ_20171207T032513.zip")
    found = open_sentinel2(path).read_detectors("B02").data[:140, :171].astype(int)  # further down the swath ends
    assert set(np.unique(found)) == {7, 8, 9, 10, 11, 12}
    assert (np.diff(found, axis=1) >= 0).all()
