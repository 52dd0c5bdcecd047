"""Angle images of Sentinel-2 products: worked example of spec 04 section 7, gaps of section 10, a peer's sun."""

import numpy as np
import pytest
from products.builder import BANDS, Safe, view_grid

from sen2like.errors import MetadataError, ProductError
from sen2like.products.sentinel2 import open_sentinel2
from sen2like.products.sentinel2_angles import NAMES, angles_of
from sen2like.products.sentinel2_metadata import parse_tile_metadata
from sen2like.science.angles import to_stored

SAMPLE = ("sentinel2_metadata", "S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022157.SAFE")


def tile(grids=None, edit=str):
    safe = Safe(grids=grids, edit_tile=edit)
    return parse_tile_metadata(edit(safe._tile_xml(safe.tile)).encode(), "MTD_TL.xml")


def flat(band_id, zenith, azimuth):
    return view_grid(band_id, 1, [[zenith] * 3] * 3, [[azimuth] * 3] * 3)


def mean_view(**by_id):
    return "".join(
        f'<Mean_Viewing_Incidence_Angle bandId="{i[1:]}"><ZENITH_ANGLE>{z}</ZENITH_ANGLE>'
        f"<AZIMUTH_ANGLE>{a}</AZIMUTH_ANGLE></Mean_Viewing_Incidence_Angle>"
        for i, (z, a) in by_id.items()
    )


def test_the_28_fields_are_in_the_order_of_band_ids():
    expected = (*(f"VAA_{b}" for b in BANDS), *(f"VZA_{b}" for b in BANDS), "SAA", "SZA")
    assert expected == NAMES


def test_reference_values_of_the_worked_sample(genuine):
    path = next(genuine("/".join(SAMPLE)).glob("GRANULE/*/MTD_TL.xml"))
    angles = angles_of(parse_tile_metadata(path.read_bytes(), path.name), "reference", path.name)
    assert angles.degrees.shape == (28, 23, 23)
    assert angles.degrees.dtype == np.float32
    for name, expected in {"SAA": [17298, 17313, 17328, 17343], "SZA": [4341, 4340, 4340, 4340],
                           "VAA_B04": [10296, 11909, 11964, 12024], "VZA_B04": [809, 772, 736, 701]}.items():
        assert to_stored(angles[name])[0, :4].tolist() == expected
    assert angles.notices == ()


def test_the_grid_starts_at_the_corner_of_the_tile_and_has_steps_of_5_km(tmp_path):
    product = open_sentinel2(Safe(bands=("B01",)).write(tmp_path))
    for method, nodes in (("reference", False), ("accurate", True)):
        angles = product.read_angles(method)
        assert tuple(angles.geobox.transform)[:6] == (5000, 0, 600000, 0, -5000, 4900020)
        assert angles.geobox.crs.epsg == 32631
        assert angles.nodes is nodes


def test_reference_is_the_arithmetic_mean_of_detectors_with_zero_outside():
    angles = angles_of(tile(), "reference", "MTD_TL.xml")
    zenith, azimuth = angles.view("B04")
    assert zenith[0].tolist() == pytest.approx([5, 6.5, 8])
    assert azimuth[0].tolist() == pytest.approx([100, 191 - 360, 282 - 360])


def test_accurate_is_the_mean_direction():
    zenith, azimuth = (field[0] for field in angles_of(tile(), "accurate", "MTD_TL.xml").view("B04"))
    assert zenith[1] == pytest.approx(0.5, abs=0.01)
    assert azimuth[1] == pytest.approx(281 - 360, abs=0.1)
    assert (zenith[0], azimuth[2]) == (pytest.approx(5), pytest.approx(282 - 360))


def test_nodes_no_detector_sees_are_zero_by_reference_and_filled_by_accurate():
    nan = np.nan
    grids = "".join(view_grid(i, 1, [[5, 6, nan]] * 3, [[100, 101, nan]] * 3) for i in range(13))
    assert angles_of(tile(grids), "reference", "MTD_TL.xml")["VZA_B04"][0].tolist() == [5, 6, 0]
    assert angles_of(tile(grids), "accurate", "MTD_TL.xml")["VZA_B04"][0].tolist() == pytest.approx([5, 6, 6])


@pytest.mark.parametrize("method", ["reference", "accurate"])
class TestMissing:
    def test_a_band_takes_the_mean_of_its_neighbours(self, method):
        grids = "".join(flat(i, 5 + i / 10, 100) for i in range(13) if i != 3)
        angles = angles_of(tile(grids), method, "MTD_TL.xml")
        np.testing.assert_allclose(angles["VZA_B04"], 5.3, atol=0.0101)
        assert angles.notices == ("MTD_TL.xml: band B04 has no viewing angle grid; the mean of its neighbours used",)

    def test_a_band_whose_grids_hold_no_number_counts_as_missing(self, method):
        empty = view_grid(12, 1, [[np.nan] * 3] * 3, [[np.nan] * 3] * 3)
        angles = angles_of(tile("".join(flat(i, 5, 100) for i in range(12)) + empty), method, "MTD_TL.xml")
        np.testing.assert_allclose(angles["VZA_B12"], 5, atol=1e-5)
        assert len(angles.notices) == 1

    def test_without_neighbours_the_mean_angle_then_the_nearest_band_serves(self, method):
        grids = flat(0, 5, 100) + mean_view(b6=(7, 110), b8=("NaN", "NaN"))
        angles = angles_of(tile(grids), method, "MTD_TL.xml")
        assert angles["VZA_B07"][0, 0] == pytest.approx(7)
        assert angles["VZA_B12"][0, 0] == pytest.approx(5)
        assert "B07 has no viewing angle grid; its mean viewing angle used" in angles.notices[5]
        assert "B12 has no viewing angle grid; the angles of B01 used" in angles.notices[-1]

    def test_no_viewing_angle_at_all_is_an_error(self, method):
        with pytest.raises(ProductError, match="no viewing angle grid"):
            angles_of(tile(""), method, "MTD_TL.xml")

    def test_the_genuine_tile_imaged_at_no_node_is_an_error(self, method, genuine):
        path = genuine("sentinel2_metadata/S2A_OPER_MSI_L2A_TL_2APS_20240108T121951_A044635_T34VEL/metadata.xml")
        with pytest.raises(ProductError, match=r"metadata\.xml: no viewing angle grid"):
            angles_of(parse_tile_metadata(path.read_bytes(), path.name), method, path.name)

    def test_without_sun_grid_the_mean_sun_angle_is_used(self, method):
        angles = angles_of(tile(edit=lambda xml: xml.replace("Sun_Angles_Grid", "OTHER")), method, "MTD_TL.xml")
        sza, saa = angles.sun()
        assert (sza[1, 1], saa[1, 1]) == (pytest.approx(42.895, abs=0.01), pytest.approx(174.7, abs=0.01))
        assert "no sun angle grid" in angles.notices[0]

    def test_grids_of_different_size_are_an_error(self, method):
        with pytest.raises(MetadataError, match="differ in size or step"):
            angles_of(tile(view_grid(0, 1, [[5] * 4] * 4, [[5] * 4] * 4)), method, "MTD_TL.xml")


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="'exact' is not one of reference, accurate"):
        angles_of(tile(), "exact", "MTD_TL.xml")


@pytest.mark.parametrize(
    "folder",
    [SAMPLE[1], "S2A_T60CWS_20240109T203651_L2A", "S2A_MSIL1C_20200717T221941_R029_T01LAC_20200717T234135.SAFE"],
)
def test_both_methods_agree_where_one_detector_sees_a_node(folder, genuine):
    root = genuine(f"sentinel2_metadata/{folder}")
    path = [*root.glob("GRANULE/*/MTD_TL.xml"), *root.glob("metadata.xml")][0]
    metadata = parse_tile_metadata(path.read_bytes(), path.name)
    reference, accurate = (angles_of(metadata, m, path.name) for m in ("reference", "accurate"))
    assert np.isfinite(accurate.degrees).all()
    for band_id, band in enumerate(BANDS):
        once = sum(np.isfinite(g.zenith) for g in metadata.view_grids[band_id]) == 1
        for name in (f"VZA_{band}", f"VAA_{band}"):
            difference = (accurate[name] - reference[name] + 180) % 360 - 180
            assert np.abs(difference[once]).max() < 0.0101
