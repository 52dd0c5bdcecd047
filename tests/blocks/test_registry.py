"""The table of blocks, plug-ins, and what this version refuses."""

from importlib.metadata import EntryPoint

import pytest

from sen2like.blocks import registry
from sen2like.blocks.base import S2L_Process
from sen2like.config import load
from sen2like.config.load import default_configuration
from sen2like.errors import ConfigurationError


class S2L_Snow(S2L_Process):
    """A block of another package."""

    switch = "doSnow"
    order = 75

    def process(self, job, image, band):
        return image


def plugged(value):
    return lambda group: [EntryPoint("snow", value, group)]


def test_blocks_stand_in_the_order_of_the_chain():
    """Spec 01 section 4.5."""
    names = [block.name() for block in registry.known_blocks()]
    order = ["GeometryKLT", "Stitching", "Region", "GeometryCheck", "Toa", "InterCalibration", "Atmcor", "Nbar", "Sbaf",
             "PackagerL2H", "Fusion", "PackagerL2F"]  # fmt: skip
    assert names == order


def test_geometry_klt_answers_to_doGeometry():
    assert registry.S2L_GeometryKLT.switch == "doGeometry"


def test_block_of_another_package_takes_its_place(monkeypatch):
    monkeypatch.setattr(registry, "entry_points", plugged(f"{__name__}:S2L_Snow"))
    monkeypatch.setattr(EntryPoint, "load", lambda self: S2L_Snow)
    names = [block.name() for block in registry.known_blocks()]
    assert names[names.index("Nbar") + 1] == "Snow"


def test_plug_in_that_is_no_block_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(registry, "entry_points", plugged("collections:OrderedDict"))
    with pytest.raises(ConfigurationError, match=r"snow.*collections:OrderedDict.*not an S2L_Process"):
        registry.known_blocks()


def test_methods_that_do_not_exist_yet_are_all_refused_at_once():
    overrides = ["doTopographicCorrection=True", "use_sen2cor=True", "nbar_methode=VJB", "vjb_coeff_matrice_dir=/haba"]
    config = load(default_configuration(), overrides, searching=False)
    with pytest.raises(ConfigurationError) as e:
        registry.check_available(config)
    assert len(e.value.problems) == 3


def test_shipped_configuration_is_available():
    registry.check_available(load(default_configuration(), searching=False))
