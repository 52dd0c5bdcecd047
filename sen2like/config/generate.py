"""Texts made from the models: the effective configuration, the shipped files of ``conf/`` and the table of parameters.

``python -m sen2like.config.generate conf`` writes the shipped files again; a test keeps them up to date.
"""

import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from lxml import etree
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sen2like.config.schema import FIELDS, SECTION_OF, Config, sections
from sen2like.config.sources import KEYS, Source
from sen2like.config.types import expected
from sen2like.config.xsd import ROOT, xsd_text

WIDTH = 118
_SWITCHED_OFF = "doTopographicCorrection"

SHIPPED: dict[str, str] = {
    **{key: str(key != _SWITCHED_OFF) for key in FIELDS if SECTION_OF[key] == "processing"},
    "archive_dir": "/data/S2L",
    "cams_dir": "/data/CAMS/monthly",
    "cams_daily_dir": "/data/CAMS/daily",
    "cams_hourly_dir": "/data/CAMS/hourly",
    "cams_climatology_dir": "/data/CAMS/climatology/v1",
    "scl_dir": "/data/AUX_DATA/SCL_maps_2.10",
    "coverage": "0.5",
    "cloud_cover": "20",
    "base_url": "/data/PRODUCTS",
    "url_parameters_pattern_Sentinel2": "{base_url}/{mission}/{tile}",
    "url_parameters_pattern_Landsat8": "{base_url}/{mission}/{path}/{row}",
    "url_parameters_pattern_Landsat9": "{base_url}/{mission}/{path}/{row}",
    "reference_band": "B04",
    "doMatchingCorrection": "True",
    "doAssessGeometry": "B04",
    "references_map": "/data/References/references_map.json",
    "force_geometric_correction": "True",
    "predict_method": "composite",
    "dem_folder": "/data/AUX_DATA/",
    "quicklook_jpeg_quality": "75",
}
"""Values of ``conf/config.ini`` (spec 01 section 2.4, column INI); keys at their default are added to it as they are."""

ACCURATE: dict[str, str] = {
    "landsat_quality": "bits",
    "mask_framing": "once",
    "smac": "exact",
    "cams_interpolation": "accurate",
    "nbar_kernel": "modis",
    "nbar_sun_zenith": "actual",
    "angles": "accurate",
    "skip_small_shift": "0.01",
    "rounding": "nearest",
    "clip_negative": "False",
    "mask_60m": "nearest",
    "quicklook_jpeg_quality": "85",
}
"""What ``conf/accurate.ini`` has otherwise: results differ from ESA's program."""


def shipped_files() -> dict[str, str]:
    """Name -> text of every file of ``conf/``."""
    return {
        "config.ini": _documented_ini(SHIPPED, "Configuration of sen2like: results as ESA's program."),
        "accurate.ini": _documented_ini(
            SHIPPED | ACCURATE,
            "Configuration of sen2like: the better methods. Results differ from ESA's program; "
            f"differing from config.ini: {', '.join(ACCURATE)}.",
        ),
        "config.xml": _xml(SHIPPED),
        "Sen2Like_GIPP.xsd": xsd_text(),
    }


def effective_ini(config: Config) -> str:
    """The configuration as INI text with the origin of each value above it; loads to the same configuration again."""
    lines = []
    for attribute, model in sections().items():
        lines.append(f"[{model.title}]")
        for key in model.model_fields:
            lines.append(f"# {config.origins.get(key, 'default')}")
            lines.append(f"{key} = {as_text(getattr(getattr(config, attribute), key))}")
        lines.append("")
    for source in config.sources:
        lines.append(f"[{source.title} {source.name}]")
        lines += [f"{key} = {as_text(getattr(source, key))}" for key in KEYS]
        lines.append("")
    return "\n".join(lines)


def as_text(value: object) -> str:
    """A value as it is written in a configuration file."""
    if isinstance(value, tuple):
        return (" " if value and isinstance(value[0], int) else ",").join(str(item) for item in value)
    return str(value).replace("\n", "\n    ")


def markdown() -> str:
    """The table of all parameters, for the documentation."""
    lines: list[str] = []
    for model in sections().values():
        lines += [f"## {model.title}", "", " ".join((model.__doc__ or "").split()), ""]
        lines += ["| key | expected | default | meaning |", "|---|---|---|---|"]
        for key, field in model.model_fields.items():
            cells = (f"`{key}`", expected(field), f"`{_default(field)}`", str(field.description))
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    lines += ["## Source NAME", "", " ".join((Source.__doc__ or "").split()), ""]
    lines += ["| key | expected | default | meaning |", "|---|---|---|---|"]
    for key, field in KEYS.items():
        default = "(needed)" if field.is_required() else f"`{_default(field)}`"
        cells = (f"`{key}`", expected(field), default, str(field.description))
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    return "\n".join(lines)


def _documented_ini(values: Mapping[str, str], purpose: str) -> str:
    how = (
        "Comments are full lines beginning with # or ;. A key given as None, or commented out, has the default of the program. "
        "--confParams key=value and options of the command line win over this file; sen2like --print-config shows what holds."
    )
    lines = [*_comment(purpose), *_comment(how), ""]
    for attribute, model in sections().items():
        lines += [f"[{model.title}]"]
        for paragraph in (model.__doc__ or "").strip().split("\n\n"):
            lines += _comment(paragraph)
        for key, field in model.model_fields.items():
            lines += ["", *_comment(f"{field.description} Expected: {expected(field)}.")]
            lines.append(_assignment(attribute, key, field, values))
        lines.append("")
    lines += ["# [Source NAME]"]
    for paragraph in (Source.__doc__ or "").strip().split("\n\n"):
        lines += _comment(paragraph)
    for key, field in KEYS.items():
        lines += ["", *_comment(f"{field.description} Expected: {expected(field)}.")]
        lines.append(f"# {key} = {field.examples[0] if field.examples else _default(field)}")
    lines.append("")
    return "\n".join(lines)


def _assignment(attribute: str, key: str, field: FieldInfo, values: Mapping[str, str]) -> str:
    if key in values:
        return f"{key} = {values[key]}"
    if attribute == "run_time" or field.examples or field.default is None:
        example = field.examples[0] if field.examples else _default(field)
        return f"# {key} = {example}"
    return f"{key} = {_default(field)}"


def _default(field: FieldInfo) -> str:
    return "processors" if field.default is PydanticUndefined else as_text(field.default)


def _comment(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), WIDTH, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def _xml(values: Mapping[str, str]) -> str:
    root = etree.Element(ROOT)
    root.append(etree.Comment(" The values of config.ini. What each means, and its range, is in Sen2Like_GIPP.xsd. "))
    for attribute, model in sections().items():
        section = etree.SubElement(root, model.title)
        for key, field in model.model_fields.items():
            if not (line := _assignment(attribute, key, field, values)).startswith("#"):
                etree.SubElement(section, key).text = line.partition(" = ")[2]
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True).decode()


def main(directory: str) -> None:
    for name, text in shipped_files().items():
        (Path(directory) / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
