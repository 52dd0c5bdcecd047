"""Landsat quality bands to masks (spec 04 sections 3 and 11.1): `QA_PIXEL` of Collection 2, `BQA` of Collection 1 and before.

Bits: USGS Landsat 8-9 Collection 2 Level 1 Data Format Control Book (LSDS-1822); Collection 1 (LSDS-1834) and Landsat 8 Data
Users Handbook. Masks are uint8, 1 = usable clear land, or 1 = image data present. `collection` is 2, 1 or 0 (before them).
"""

from functools import cache

import cv2
import numpy as np

THRESHOLDS = {2: 21824, 1: 2720, 0: 20480}
"""Largest value that is valid for the reference: that of clear land (spec 04 section 3.1)."""
FILL = 1
EROSION = 5
"""Side of the square by which data are eroded, pixels (60 m around each pixel of 30 m)."""
MEDIUM = 2
"""Confidence from which a class is taken as present; 1 = low, 2 = medium, 3 = high."""
_FORBIDDEN = {
    2: 0b1011_1111,  # fill, dilated cloud, cirrus, cloud, shadow, snow, water (bit 6 is "clear")
    1: 0b1_1111,  # fill, terrain occlusion, saturation (2 bits), cloud
    0: 0b111,  # fill, dropped frame, terrain occlusion
}
_CONFIDENCES = {2: (8,), 1: (5, 7, 9, 11), 0: (4, 10, 12, 14)}
"""First bit of each confidence that must be below medium. Collection 2: cloud (the others are bits too); Collection 1: cloud,
shadow, snow, cirrus; before: water, snow, cirrus, cloud."""
_ALWAYS_SET = {2: (8, 10, 12, 14), 1: (5, 7, 9), 0: ()}
"""First bit of each confidence that is at least "low" in every pixel with data."""


def reference_valid(quality: np.ndarray, collection: int) -> np.ndarray:
    """The reference's rule: 1 where q is not fill (1) and not above the threshold of the collection; q = 0 is valid."""
    return _reference_table(collection)[np.asarray(quality, np.uint16)]


def bits_valid(quality: np.ndarray, collection: int) -> np.ndarray:
    """The rule by bits: 1 where no bit forbids it, no confidence is medium or high, and the value is one of the collection."""
    return _bits_table(collection)[np.asarray(quality, np.uint16)]


def count_undefined(quality: np.ndarray, collection: int) -> int:
    """Number of pixels, other than fill, whose value the collection does not define: a confidence that is never absent is."""
    return int(np.count_nonzero(_undefined_table(collection)[np.asarray(quality, np.uint16)]))


def data_mask(dn: np.ndarray) -> np.ndarray:
    """Where a band has data: DN of 1 and more, eroded by a square of 5 x 5 pixels; outside the image does not count."""
    present = (dn >= 1).astype(np.uint8)
    square = np.ones((EROSION, EROSION), np.uint8)
    return np.asarray(cv2.erode(present, square, borderType=cv2.BORDER_CONSTANT, borderValue=255))


@cache
def _reference_table(collection: int) -> np.ndarray:
    """1 for each of the 65536 values that is valid for the reference; looking up is faster than comparing."""
    values = np.arange(1 << 16)
    return ((values != FILL) & (values <= THRESHOLDS[collection])).astype(np.uint8)


@cache
def _bits_table(collection: int) -> np.ndarray:
    """1 for each of the 65536 values that is valid by its bits."""
    values = np.arange(1 << 16)
    valid = (values & _FORBIDDEN[collection] == 0) & (values != 0) & ~_undefined_table(collection)
    for first in _CONFIDENCES[collection]:
        valid &= _confidence(values, first) < MEDIUM
    return valid.astype(np.uint8)


@cache
def _undefined_table(collection: int) -> np.ndarray:
    """True for each of the 65536 values that the collection does not define."""
    values = np.arange(1 << 16)
    undefined = values == 0
    for first in _ALWAYS_SET[collection]:
        undefined |= _confidence(values, first) == 0
    return undefined & (values != FILL)


def _confidence(values: np.ndarray, first: int) -> np.ndarray:
    return (values >> first) & 3
