"""Pictures of output products as small ``data:`` URIs."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sen2like.report.model import Picture, ProductReport

SIDE = 320
"""Longest side in the page, pixels."""
QUALITY = 80
_NATURAL, _INFRARED = "THUMBNAIL", "QL_B12118A"
_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2, 1: cv2.IMREAD_COLOR}


@dataclass(frozen=True)
class Shown:
    """A picture of the page; `uri` is empty when the file is gone."""

    caption: str
    path: str
    uri: str


def chosen(product: ProductReport, archive: Path) -> list[Shown]:
    """At most two: natural colours before and after fusion; or, where fusion changed nothing, natural colours and infrared."""
    before, after = (_natural(product, level) for level in ("L2H", "L2F"))
    infrared = next((p for p in product.pictures if p.kind == _INFRARED), None)
    if before and after and _fused(product, archive / before.path, archive / after.path):
        return [_shown("before fusion (L2H)", before, archive), _shown("after fusion (L2F)", after, archive)]
    one = before or after
    both = "L2H and L2F" if before and after else one.level if one else ""
    pictures = [_shown(f"{_colours(one)} ({both})", one, archive)] if one else []
    if infrared and infrared is not one:
        pictures.append(_shown("infrared B12, B11, B8A", infrared, archive))
    return pictures


def data_uri(path: Path, side: int = SIDE) -> str:
    """The picture in a file, at most `side` pixels wide and high, as JPEG; empty when the file is missing or no picture."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError:
        return ""
    whole = cv2.imdecode(data, cv2.IMREAD_REDUCED_COLOR_8) if data.size else None
    if whole is None:
        return ""
    longest = 8 * max(whole.shape[:2])
    factor = next(f for f in _REDUCED if longest >= f * side or f == 1)
    image = whole if factor == 8 else np.asarray(cv2.imdecode(data, _REDUCED[factor]))
    height, width = image.shape[:2]
    scale = min(1.0, side / max(height, width))
    if scale < 1:
        image = cv2.resize(image, (round(width * scale) or 1, round(height * scale) or 1), interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def _natural(product: ProductReport, level: str) -> Picture | None:
    """Natural colours, else the picture of the only band, else any."""
    of_level = [picture for picture in product.pictures if picture.level == level]
    order = {_NATURAL: 0, "QL_B432": 1, _INFRARED: 3}
    return min(of_level, key=lambda p: order.get(p.kind, 2), default=None)


def _colours(picture: Picture) -> str:
    if picture.kind in (_NATURAL, "QL_B432"):
        return "natural colours"
    return "infrared" if picture.kind == _INFRARED else f"band {picture.kind.removeprefix('QL_')}"


def _shown(caption: str, picture: Picture, archive: Path) -> Shown:
    return Shown(caption, picture.path, data_uri(archive / picture.path))


def _fused(product: ProductReport, before: Path, after: Path) -> bool:
    """Whether fusion changed what can be seen; of files that are gone, whether there was fusion."""
    try:
        return before.read_bytes() != after.read_bytes()
    except OSError:
        return product.fusion is not None
