"""Kinds of configuration values: how the text of a file becomes a value, and how an allowed range is told to a user.

Everything is a plain annotated type, so that `schema` reads as a table and the readers, the XSD, the documentation and the
error messages are derived from the same annotations.
"""

import difflib
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

TRUE, FALSE = frozenset({"1", "yes", "true", "on"}), frozenset({"0", "no", "false", "off"})


def _switch(value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in TRUE | FALSE:
        raise PydanticCustomError("switch", "not a switch")
    return word in TRUE


def _choice(*names: str | int) -> Callable[[Any], Any]:
    by_text = {str(name).lower(): name for name in names}
    return lambda value: by_text.get(str(value).strip().lower(), value)


def _items(separator: str | None) -> Callable[[Any], Any]:
    def split(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(item.strip() for item in value.split(separator) if item.strip())

    return split


def _band(value: Any) -> Any:
    return value.strip().upper() if isinstance(value, str) else value


def _path(value: Any) -> Any:
    return (Path(value.strip()).expanduser() if value.strip() else None) if isinstance(value, str) else value


BandName = Literal["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12"]

Switch = Annotated[bool, BeforeValidator(_switch)]
S2Band = Annotated[BandName, BeforeValidator(_band)]
S2Bands = Annotated[tuple[S2Band, ...], BeforeValidator(_items(","))]
OptionalPath = Annotated[Path | None, BeforeValidator(_path)]
RequiredPath = Annotated[Path, BeforeValidator(_path)]
"""A path without which `sen2like.config.load` refuses the configuration."""
Level = Annotated[int, Ge(2)]
Levels = Annotated[tuple[Level, ...], BeforeValidator(_items(None))]
"""Overview factors, separated by blanks."""

NbarMethod = Annotated[Literal["ROY", "VJB"], BeforeValidator(_choice("ROY", "VJB"))]
NbarKernel = Annotated[Literal["reference", "modis"], BeforeValidator(_choice("reference", "modis"))]
NbarSunZenith = Annotated[Literal["latitude", "actual"], BeforeValidator(_choice("latitude", "actual"))]
ReferenceOrAccurate = Annotated[Literal["reference", "accurate"], BeforeValidator(_choice("reference", "accurate"))]
SelectionRule = Annotated[Literal["better", "legacy"], BeforeValidator(_choice("better", "legacy"))]
MaskFraming = Annotated[Literal["reference", "once"], BeforeValidator(_choice("reference", "once"))]
QualityRule = Annotated[Literal["reference", "bits"], BeforeValidator(_choice("reference", "bits"))]
SmacMethod = Annotated[Literal["reference", "exact"], BeforeValidator(_choice("reference", "exact"))]
PredictMethod = Annotated[Literal["predict", "composite"], BeforeValidator(_choice("predict", "composite"))]
ImageFormat = Annotated[Literal["COG", "GTIFF", "JPEG2000"], BeforeValidator(_choice("COG", "GTIFF", "JPEG2000"))]
Rounding = Annotated[Literal["truncate", "nearest"], BeforeValidator(_choice("truncate", "nearest"))]
Mask60m = Annotated[Literal["reference", "nearest"], BeforeValidator(_choice("reference", "nearest"))]
Interleave = Annotated[Literal["PIXEL", "BAND"], BeforeValidator(_choice("PIXEL", "BAND"))]
Predictor = Annotated[Literal[1, 2], BeforeValidator(_choice(1, 2))]
IfExists = Annotated[Literal["skip", "replace", "keep_both"], BeforeValidator(_choice("skip", "replace", "keep_both"))]
Mission = Annotated[Literal["Sentinel2", "Landsat8", "Landsat9"], BeforeValidator(_choice("Sentinel2", "Landsat8", "Landsat9"))]
Missions = Annotated[tuple[Mission, ...], BeforeValidator(_items(","))]
Names = Annotated[tuple[str, ...], BeforeValidator(_items(","))]
SourceType = Annotated[
    Literal["pattern", "index", "odata", "resto", "stac"],
    BeforeValidator(_choice("pattern", "index", "odata", "resto", "stac")),
]
ProcessingLevel = Annotated[Literal["LEVEL1C", "LEVEL2A"], BeforeValidator(_choice("LEVEL1C", "LEVEL2A"))]
Compression = Annotated[
    Literal["NONE", "PACKBITS", "LZW", "DEFLATE", "ZSTD"],
    BeforeValidator(_choice("NONE", "PACKBITS", "LZW", "DEFLATE", "ZSTD")),
]
Resampling = Annotated[
    Literal["NEAREST", "AVERAGE", "MODE", "BILINEAR", "CUBIC", "CUBICSPLINE", "LANCZOS", "GAUSS", "RMS"],
    BeforeValidator(_choice("NEAREST", "AVERAGE", "MODE", "BILINEAR", "CUBIC", "CUBICSPLINE", "LANCZOS", "GAUSS", "RMS")),
]


def bare(annotation: Any) -> tuple[Any, bool]:
    """The annotation without ``Annotated`` and ``| None``, and whether None is allowed."""
    if get_origin(annotation) is Annotated:
        return bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not type(None)]
        return bare(members[0])[0], len(members) < len(get_args(annotation))
    return annotation, False


def choices(field: FieldInfo) -> tuple[str, ...]:
    """The words a field accepts; empty when it is not a choice."""
    kind, _ = bare(field.annotation)
    if get_origin(kind) is tuple:
        kind, _ = bare(get_args(kind)[0])
    return tuple(str(word) for word in get_args(kind)) if get_origin(kind) is Literal else ()


def bounds(field: FieldInfo) -> dict[str, float]:
    """Limits of a number: any of ``ge``, ``gt``, ``le``, ``multiple_of``."""
    found: dict[str, float] = {}
    for constraint in field.metadata:
        for name in ("ge", "gt", "le", "multiple_of"):
            if (limit := getattr(constraint, name, None)) is not None:
                found[name] = limit
    return found


def expected(field: FieldInfo) -> str:
    """What may stand there, in words: ``a number from 0 to 100``."""
    kind, nullable = bare(field.annotation)
    return _words(kind, field) + (" or None" if nullable else "")


def nearest(word: str, known: Any) -> str:
    """``; did you mean 'x'?`` for a misspelt word, ignoring case; empty when nothing is near."""
    by_lower = {str(name).lower(): str(name) for name in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""


def _words(kind: Any, field: FieldInfo) -> str:
    if get_origin(kind) is tuple:
        item, _ = bare(get_args(kind)[0])
        if item is int:
            return "integers of 2 or more separated by blanks"
        return "names separated by commas" + (f", out of {', '.join(choices(field))}" if choices(field) else "")
    if get_origin(kind) is Literal:
        return f"one of {', '.join(choices(field))}"
    if kind is bool:
        return "True or False"
    if kind in (int, float):
        return _number(kind, bounds(field))
    return "a path" if kind is Path else "text"


def _number(kind: type, limits: dict[str, float]) -> str:
    noun = "an integer" if kind is int else "a number"
    if "multiple_of" in limits:
        noun = f"a multiple of {limits['multiple_of']:g}"
    if "ge" in limits and "le" in limits:
        return f"{noun} from {limits['ge']:g} to {limits['le']:g}"
    if "ge" in limits:
        return f"{noun} of {limits['ge']:g} or more"
    return f"{noun} above {limits['gt']:g}" if "gt" in limits else noun
