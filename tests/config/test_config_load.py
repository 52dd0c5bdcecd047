"""Loading: precedence, types, old names, and every problem at once (spec 01 sections 1.5, 2 and 8)."""

import pickle
from pathlib import Path

import pytest

from sen2like.config import Config, load
from sen2like.config.schema import FIELDS, fields, sections
from sen2like.errors import ConfigurationError

MINIMUM = "[Processing]\ndoPackagerL2H = True\n[Directories]\narchive_dir = /out\n"

# Keys and values of the configuration of the manual V1.2 (2020), Appendix B, as spec 01 sections 2.2-2.6 tell them.
V12 = """\
[Processing]
doGeometryKLT = True
doStitching = True
doToa = True
doAtmcor = True
doNbar = True
doSbaf = True
doFusion = True
doPackager = True

[Directories]
archive_dir = /data/HLS
cams_dir = /data/CAMS

[Downloader]
coverage = 0.5
cloud_cover = 11
base_url = https://finder.creodias.eu/resto/api/collections
location_Landsat8 = path={path}&row={row}
location_Sentinel2 = processingLevel={s2_processing_level}&productIdentifier=%25{tile}%25
url_parameters_pattern = {base_url}/{mission}/search.json?maxRecords=100&cloudCover=%5B0%2C{cloud_cover}%5D&{location}
thumbnail_property = properties/productIdentifier
cloud_cover_property = properties/cloudCover

[Geometry]
reframe_margin = 50
reference_band = B04
doMatchingCorrection = True
doAssessGeometry = False
references_map = /data/References/references_map.json

[Atmcor]
atmcor_method = SMAC

[fusion]
predict_method = predict
predict_nb_products = 2

[OutputFormat]
gain = 10000
offset = 0
"""


@pytest.fixture
def ini(tmp_path):
    def write(text: str, name: str = "c.ini") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def problems_of(path, *args, **kwargs) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(path, *args, **kwargs)
    return caught.value.problems


def test_keys_are_unique_over_all_sections():
    assert len(FIELDS) == sum(1 for _ in fields())


def test_every_parameter_is_described():
    assert [key for key, field in FIELDS.items() if not field.description] == []


def test_sections_are_those_of_the_gipp_xsd_in_order_and_one_of_ours():
    assert " ".join(model.title for model in sections().values()) == (
        "Processing Directories InputProductArchive Geometry Masks Atmcor Nbar Sbaf Fusion Stitching TopographicCorrection "
        "DEMRepository OutputFormat COGoptions JPEG2000options Multiprocessing Packager RunTime"
    )


# ------------------------------------------------------------------------------------------------ values and defaults


def test_an_absent_key_has_the_default_of_the_reference(ini):
    config = load(ini(MINIMUM))
    assert not config.processing.doNbar
    assert config.geometry.force_geometric_correction and config.stitching.same_utm_only
    assert config.nbar.nbar_methode == "ROY" and config.fusion.predict_method == "predict"
    assert (config.output_format.gain, config.output_format.offset) == (10000, 1000)
    assert config.cog_options.downsampling_levels_20 == (3, 6, 18)


def test_faithful_methods_are_the_default():
    c = Config()
    assert (c.atmcor.smac, c.nbar.nbar_kernel, c.nbar.nbar_sun_zenith, c.nbar.angles, c.atmcor.cams_interpolation) == (
        "reference", "reference", "latitude", "reference", "reference",
    )  # fmt: skip
    assert (c.output_format.rounding, c.output_format.clip_negative, c.output_format.mask_60m) == ("truncate", True, "reference")


@pytest.mark.parametrize("word", ["1", "yes", "TRUE", "on"])
def test_every_word_for_true(ini, word):
    assert load(ini(MINIMUM + f"[Stitching]\ndoToa = {word}\n")).processing.doToa is True


@pytest.mark.parametrize("word", ["0", "No", "false", "OFF"])
def test_every_word_for_false(ini, word):
    assert load(ini(MINIMUM + f"[Stitching]\nsame_utm_only = {word}\n")).stitching.same_utm_only is False


def test_the_section_of_a_key_does_not_matter_and_the_first_wins(ini):
    config = load(ini("[Nowhere]\ncloud_cover = 7\n" + MINIMUM + "[InputProductArchive]\ncloud_cover = 8\n"))
    assert config.input_product_archive.cloud_cover == 7
    assert any("cloud_cover is ignored" in notice and "c.ini:2 comes first" in notice for notice in config.notices)


def test_none_is_null_for_a_path_and_the_default_elsewhere(ini):
    config = load(ini(MINIMUM + "cams_dir = None\n[Sbaf]\nadaptative = None\n[fusion]\npredict_nb_products\n"))
    assert config.directories.cams_dir is None
    assert config.sbaf.adaptative is False and config.fusion.predict_nb_products == 2


@pytest.mark.parametrize(
    ("text", "bands"),
    [("B02, B8A", ("B02", "B8A")), ("", ()), ("None", ()), ("False", ()), ("True", ("B08",))],
)
def test_assessed_bands_as_list_and_as_the_boolean_of_v12(ini, text, bands):
    config = load(ini(MINIMUM + f"[Geometry]\nreference_band = B08\ndoAssessGeometry = {text}\n"))
    assert config.geometry.doAssessGeometry == bands


def test_choices_are_read_in_any_case(ini):
    assert load(ini(MINIMUM + "[OutputFormat]\noutput_format = cog\n")).output_format.output_format == "COG"


def test_a_configuration_survives_pickling_with_its_origins(ini):
    config = load(ini(MINIMUM))
    assert pickle.loads(pickle.dumps(config)).origins == config.origins


def test_digest_changes_with_a_result_and_not_with_the_machine(ini):
    one = load(ini(MINIMUM)).digest
    assert load(ini(MINIMUM), ["number_of_process=7,archive_dir=/elsewhere,wd=/w"]).digest == one
    assert load(ini(MINIMUM), ["gain=1000"]).digest != one


# ------------------------------------------------------------------------------------------------ precedence, origin


def test_option_beats_override_beats_file_beats_default(ini):
    path = ini(MINIMUM + "[RunTime]\nwd = /file\ngain = 1\noffset = 3\n")
    config = load(path, ["wd=/params,gain=2"], {"wd": Path("/option")})
    assert config.run_time.wd == Path("/option") and config.output_format.gain == 2 and config.output_format.offset == 3
    assert config.origins["wd"] == "command line"
    assert config.origins["gain"] == "--confParams"
    assert config.origins["offset"] == f"{path}:8"
    assert "rounding" not in config.origins


def test_a_run_time_key_in_an_early_section_does_not_beat_the_command_line(ini):
    path = ini("[InputProductArchive]\ns2_processing_level = LEVEL1C\n" + MINIMUM)
    assert load(path, (), {"s2_processing_level": "LEVEL2A"}).input_product_archive.s2_processing_level == "LEVEL2A"


def test_the_acceptance_overrides(ini):
    path = ini(MINIMUM + "doNbar = True\ndoSbaf = True\n")
    config = load(path, ["doNbar=False,doSbaf=False", "coverage=0.3, cloud_cover=5", "doAssessGeometry=B02,B04"])
    assert not config.processing.doNbar and not config.processing.doSbaf
    assert (config.input_product_archive.coverage, config.input_product_archive.cloud_cover) == (0.3, 5)
    assert config.geometry.doAssessGeometry == ("B02", "B04")


def test_an_override_with_the_wrong_section_is_a_problem(ini):
    (problem,) = problems_of(ini(MINIMUM), ["Geometry.coverage=0.3"])
    assert "coverage is in section InputProductArchive" in problem


def test_an_unknown_override_is_a_problem_with_a_suggestion(ini):
    (problem,) = problems_of(ini(MINIMUM), ["doNbr=False"])
    assert "--confParams" in problem and "'doNbr'" in problem and "'doNbar'" in problem


# ------------------------------------------------------------------------------------------------ old names


def test_the_v12_configuration_loads_with_its_meaning(ini):
    config = load(ini(V12), searching=False)
    on = config.processing
    assert on.doGeometry and on.doGeometryCheck and on.doPackagerL2H and on.doPackagerL2F and on.doFusion
    assert not config.atmcor.use_sen2cor and config.output_format.offset == 0
    assert config.geometry.doAssessGeometry == () and config.input_product_archive.cloud_cover == 11


def test_the_v12_configuration_has_one_notice_for_each_old_name(ini):
    notices = load(ini(V12), searching=False).notices
    for name in ("doGeometryKLT", "doPackager ", "atmcor_method", "reframe_margin", "finder.creodias.eu", "Downloader"):
        assert len([notice for notice in notices if name in notice]) == 1, name


def test_the_closed_catalogue_is_an_error_when_it_would_be_searched(ini):
    (problem,) = problems_of(ini(V12))
    assert "c.ini:18" in problem and "datahub.creodias.eu/odata" in problem


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("COG = True", "output_format", "COG"),
        ("COG = False", "output_format", "GTIFF"),
        ("atmcor_method = SEN2COR", "use_sen2cor", True),
        ("S2_processing_level = LEVEL2A", "s2_processing_level", "LEVEL2A"),
        ("force_geometry_correction = False", "force_geometric_correction", False),
        ("doGeometryKLT = False", "doGeometry", False),
        ("COG = True\noutput_format = GTIFF", "output_format", "GTIFF"),
    ],
)
def test_old_names(ini, text, key, value):
    config = load(ini(MINIMUM + text + "\n"))
    assert config.value(key) == value and len(config.notices) == 1


def test_old_packager_switch_off_turns_both_packagers_off(ini):
    (problem,) = problems_of(ini("[Processing]\ndoPackager = False\n[Directories]\narchive_dir = /out\n"))
    assert "nothing would be written" in problem


def test_an_old_name_on_the_command_line_beats_the_new_one_in_the_file(ini):
    assert load(ini(MINIMUM + "output_format = COG\n"), ["COG=False"]).output_format.output_format == "GTIFF"


def test_old_dem_section_is_ignored_with_one_notice(ini):
    config = load(ini(MINIMUM + "[DemDownloader]\ndem_dataset_name = x\ntile_size = 1\n"))
    assert len(config.notices) == 1 and "DemDownloader" in config.notices[0]


def test_unknown_value_of_an_old_name_is_a_problem(ini):
    (problem,) = problems_of(ini(MINIMUM + "atmcor_method = MAGIC\n"))
    assert "atmcor_method = 'MAGIC'" in problem and "SMAC or SEN2COR" in problem


# ------------------------------------------------------------------------------------------------ bad input


def test_five_errors_in_one_file_are_all_reported_with_line_value_and_range(ini):
    problems = problems_of(
        ini(
            MINIMUM + "doNabr = True\ncoverage = 1.5\ncloud_cover = many\noutput_format = COOG\n"
            "[Multiprocessing]\nnumber_of_process = 0\n[Geometry]\ndoAssessGeometry = B04,B4\n"
        )
    )
    told = "\n".join(problems)
    assert len(problems) == 6
    assert "c.ini:5: unknown key 'doNabr'; did you mean 'doNbar'?" in told
    assert "c.ini:6: coverage = '1.5': expected a number from 0 to 1" in told
    assert "c.ini:7: cloud_cover = 'many': expected a number from 0 to 100" in told
    assert "c.ini:8: output_format = 'COOG': expected one of COG, GTIFF, JPEG2000; did you mean 'COG'?" in told
    assert "c.ini:10: number_of_process = '0': expected an integer of 1 or more" in told
    assert "c.ini:12: doAssessGeometry = 'B04,B4' ('B4'): expected names separated by commas" in told


@pytest.mark.parametrize("value", ["nan", "inf", "-0.1", "1.0001", "", "0,5"])
def test_a_fraction_out_of_range_is_refused(ini, value):
    assert "coverage" in problems_of(ini(MINIMUM + f"coverage = {value}\n"))[0]


@pytest.mark.parametrize(
    "line",
    ["doToa = maybe", "gain = 1.5", "gain = 0", "predictor = 3", "internal_tiling = 1000", "downsampling_levels_10 = 2 x",
     "quicklook_jpeg_quality = 101", "topographic_correction_limiter = 0", "reference_band = B13", "nbar_methode = MODIS"],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_refused_with_its_key_and_line(ini, line):
    (problem,) = problems_of(ini(MINIMUM + line + "\n"))
    assert f"c.ini:5: {line.split(' = ')[0]} = " in problem and "expected" in problem


def test_syntax_and_value_errors_are_reported_together(ini):
    problems = problems_of(ini(MINIMUM + "coverage = 2\n= 3\n"))
    assert [":6:" in p or ":5:" in p for p in problems] == [True, True]


@pytest.mark.parametrize(("name", "cause"), [("absent.ini", "No such file"), ("c.txt", "'.txt' is none"), ("c", "'' is none")])
def test_a_missing_file_or_unknown_extension_is_named(tmp_path, name, cause):
    (problem,) = problems_of(tmp_path / name)
    assert problem.startswith(f"configuration file {tmp_path / name}: ") and cause in problem


def test_a_directory_is_no_configuration(tmp_path):
    (tmp_path / "c.ini").mkdir()
    assert "is a directory" in problems_of(tmp_path / "c.ini")[0]


def test_nothing_to_write_is_an_error(ini):
    (problem,) = problems_of(ini("[Processing]\ndoToa = True\n[Directories]\narchive_dir = /out\n"))
    assert "doPackagerL2H = False" in problem and "set doPackagerL2H = True" in problem


def test_l2f_without_fusion_writes_nothing_and_is_an_error(ini):
    problems_of(ini("[Processing]\ndoPackagerL2F = True\n[Directories]\narchive_dir = /out\n"))


def test_an_archive_that_is_not_set_is_an_error(ini):
    assert "archive_dir" in problems_of(ini("[Processing]\ndoPackagerL2H = True\n"))[0]


@pytest.mark.parametrize("line", ["doFusion = True", "doPackagerL2F = True"])
def test_fusion_and_l2f_packager_without_each_other_give_a_notice(ini, line):
    (notice,) = load(ini(MINIMUM + line + "\n")).notices
    assert line.split()[0] in notice and "L2H products only" in notice


def test_vjb_without_coefficients_is_an_error(ini):
    assert "vjb_coeff_matrice_dir" in problems_of(ini(MINIMUM + "doNbar = True\nnbar_methode = VJB\n"))[0]


def test_an_unknown_placeholder_is_named_with_its_key(ini):
    (problem,) = problems_of(ini(MINIMUM + "url_parameters_pattern_Sentinel2 = {base_url}/{til}\n"))
    assert "c.ini:5: url_parameters_pattern_Sentinel2" in problem and "{til}" in problem


def test_a_brace_that_is_not_closed_is_a_problem(ini):
    assert "url_parameters_pattern" in problems_of(ini(MINIMUM + "url_parameters_pattern = {base_url\n"))[0]
