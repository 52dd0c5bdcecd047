"""Parameters that contradict each other. Only what the configuration alone can tell: files are looked at by their readers."""

from collections.abc import Mapping

from sen2like.config.schema import Config
from sen2like.config.sources import pattern_problems

MISSIONS = ("Sentinel2", "Landsat8", "Landsat9")
CLOSED_HOST = "finder.creodias.eu"
_PATTERNS = (*(f"url_parameters_pattern_{m}" for m in MISSIONS), *(f"location_{m}" for m in MISSIONS), "url_parameters_pattern")


def check(config: Config, origins: Mapping[str, str], searching: bool) -> tuple[list[str], list[str]]:
    """(problems, notices) of a configuration whose single values are all valid."""
    problems = [*_outputs(config, origins), *_blocks(config, origins), *_patterns(config, origins)]
    notices = [*_switches(config, origins), *_remote(config)]
    for key in ("base_url", "base_url_s2", "base_url_landsat", *_PATTERNS):
        if CLOSED_HOST in str(config.value(key) or ""):
            text = (
                f"{_place(origins, key)}: {key}: {CLOSED_HOST} is closed; use the OData catalogue "
                "https://datahub.creodias.eu/odata/v1/Products (keys in conf/config.ini)"
            )
            (problems if searching else notices).append(text)
    for source in config.sources:
        if CLOSED_HOST in str(source.url or ""):
            place = _place(origins, f"Source {source.name}")
            text = f"{place}: [Source {source.name}] url: {CLOSED_HOST} is closed; use type = odata"
            (problems if searching else notices).append(text)
    return problems, notices


def _place(origins: Mapping[str, str], key: str) -> str:
    return origins.get(key, "default")


def _outputs(config: Config, origins: Mapping[str, str]) -> list[str]:
    on = config.processing
    problems = []
    if not (on.doPackagerL2H or (on.doPackagerL2F and on.doFusion)):
        values = ", ".join(f"{key} = {getattr(on, key)}" for key in ("doPackagerL2H", "doFusion", "doPackagerL2F"))
        problems.append(f"nothing would be written ({values}): set doPackagerL2H = True, or doFusion and doPackagerL2F = True")
    if config.directories.archive_dir is None:
        problems.append(f"{_place(origins, 'archive_dir')}: archive_dir is not set: expected the folder of the output products")
    return problems


def _blocks(config: Config, origins: Mapping[str, str]) -> list[str]:
    problems = []
    if config.processing.doNbar and config.nbar.nbar_methode == "VJB" and config.nbar.vjb_coeff_matrice_dir is None:
        problems.append(f"{_place(origins, 'nbar_methode')}: nbar_methode = VJB needs vjb_coeff_matrice_dir, which is not set")
    if config.processing.doTopographicCorrection and config.dem_repository.dem_folder is None:
        place = _place(origins, "doTopographicCorrection")
        problems.append(f"{place}: doTopographicCorrection needs dem_folder, which is not set")
    if config.atmcor.use_sen2cor and config.processing.doAtmcor and config.atmcor.sen2cor_path is None:
        problems.append(f"{_place(origins, 'use_sen2cor')}: use_sen2cor needs sen2cor_path, which is not set")
    level, kind = config.cog_options.compression_level, config.cog_options.compression
    if level is not None and kind == "DEFLATE" and level > 12:
        problems.append(f"{_place(origins, 'compression_level')}: compression_level = {level}: expected 1 to 12 with DEFLATE")
    return problems


def _patterns(config: Config, origins: Mapping[str, str]) -> list[str]:
    problems = []
    for key in _PATTERNS:
        problems += [f"{_place(origins, key)}: {problem}" for problem in pattern_problems(key, config.value(key))]
    return problems


def _switches(config: Config, origins: Mapping[str, str]) -> list[str]:
    on = config.processing
    notices = []
    if on.doFusion and not on.doPackagerL2F:
        notices.append("doFusion is on without doPackagerL2F: no fusion is done, L2H products only")
    if on.doPackagerL2F and not on.doFusion:
        notices.append("doPackagerL2F is on without doFusion: no L2F product is written, L2H products only")
    if (
        "compression_level" in origins
        and config.cog_options.compression_level
        and config.cog_options.compression not in ("DEFLATE", "ZSTD")
    ):
        notices.append(f"compression_level has no effect with compression = {config.cog_options.compression}")
    return notices


def _remote(config: Config) -> list[str]:
    """A mission without a source is legitimate; one whose source is half given is told."""
    archive = config.input_product_archive
    notices = []
    for mission in MISSIONS:
        own, location = getattr(archive, f"url_parameters_pattern_{mission}"), getattr(archive, f"location_{mission}")
        if own is None and location and not archive.url_parameters_pattern:
            notices.append(f"location_{mission} has no effect without url_parameters_pattern: {mission} is not searched")
        if own is None and archive.url_parameters_pattern and not location:
            notices.append(f"url_parameters_pattern has no location_{mission}: {mission} is not searched")
    return notices
