"""A folder of the archive holds products of the whole tile, or of one region (spec 01 section 2.4)."""

import pytest

from sen2like.errors import ConfigurationError
from sen2like.packaging.claims import claim


@pytest.fixture
def region(tmp_path):
    path = tmp_path / "field.geojson"
    path.write_text('{"a": 1}')
    return path


def test_whole_tiles_leave_no_trace(tmp_path):
    claim(tmp_path / "31TFJ", None)
    assert not (tmp_path / "31TFJ").exists()


def test_the_same_region_may_come_again_under_another_name(tmp_path, region):
    claim(tmp_path / "31TFJ", region)
    (tmp_path / "31TFJ" / "X.SAFE").mkdir()
    claim(tmp_path / "31TFJ", region.rename(tmp_path / "again.geojson"))


def test_a_region_does_not_mix_with_whole_tiles(tmp_path, region):
    (tmp_path / "31TFJ" / "X.SAFE").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=r"31TFJ holds products of the whole tile; give an archive_dir of its own"):
        claim(tmp_path / "31TFJ", region)


def test_whole_tiles_do_not_mix_with_a_region(tmp_path, region):
    claim(tmp_path / "31TFJ", region)
    with pytest.raises(ConfigurationError, match=r"holds products cut to the region field\.geojson"):
        claim(tmp_path / "31TFJ", None)


def test_regions_do_not_mix(tmp_path, region):
    claim(tmp_path / "31TFJ", region)
    other = tmp_path / "other.geojson"
    other.write_text("{}")
    with pytest.raises(ConfigurationError, match=r"cut to another region, field\.geojson"):
        claim(tmp_path / "31TFJ", other)
