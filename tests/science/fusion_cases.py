"""Scenes for fusion, and its rules written out on whole images in float64 (spec 06 sections 3 to 6)."""

import numpy as np
from scipy import ndimage

from sen2like.science.fusion import AutoCheck, Fusion


def scene(shape, seed, zeros=0.0):
    """Random DN, a share of them no data."""
    rng = np.random.default_rng(seed)
    dn = rng.integers(1001, 14000, shape).astype(np.uint16)
    dn[rng.random(shape) < zeros] = 0
    return dn


def mask(shape, seed, share=0.7):
    return (np.random.default_rng(seed).random(shape) < share).astype(np.uint8)


# the rules of sections 3 to 6, written out on whole images in float64 -----------------------------------------------------


def literal_enlarge(values, shape):
    """Section 4 step 3."""
    grid = np.meshgrid(*[(np.arange(m) + 0.5) * n / m - 0.5 for n, m in zip(values.shape, shape, strict=True)], indexing="ij")
    return ndimage.map_coordinates(values.astype(float), grid, order=1, mode="mirror")


def literal_images(dn, ratio):
    """(F, H) of section 4; `ratio` 3 (10 m) or 1.5 (20 m)."""
    n = round(dn.shape[0] / ratio)
    if ratio == 3:
        low = np.floor(dn.reshape(n, 3, n, 3).mean(axis=(1, 3)) + 0.5)
    else:
        smooth = ndimage.gaussian_filter(dn.astype(float), 0.25, mode="mirror", truncate=4)
        position = (np.arange(n) + 0.5) * 1.5 - 0.5
        low = ndimage.map_coordinates(smooth, np.meshgrid(position, position, indexing="ij"), order=3, mode="mirror")
        low = np.rint(np.clip(low, dn.min(), dn.max()))
    f = dn / 10000
    h = literal_enlarge(np.clip(low / 10000, -1, 1), dn.shape)
    border = (dn != 0) & ndimage.binary_dilation(dn == 0, np.ones((3, 3)))
    return f, np.where(border, f, h)


def literal_mask(valid, shape):
    """Section 5, enlarging."""
    rows, columns = (np.floor((np.arange(m) + 0.5) * n / m).astype(int) for n, m in zip(valid.shape, shape, strict=True))
    return valid[rows[:, None], columns]


def literal_fusion(landsat, data, dn, valid, ratio, w=None):
    images = [literal_images(one, ratio) for one in dn]
    valid = [literal_mask(v, dn[0].shape) != 0 for v in valid]
    total = []
    for x in (0, 1):
        if w is None:
            result = np.zeros(dn[0].shape)
            for image, v in zip(images, valid, strict=True):
                result[v] = image[x][v]
        else:
            (x1, x2), (v1, v2) = [image[x] for image in images], valid
            result = np.select([v1 & v2, v2, v1], [x1 + w * (x2 - x1), x2, x1], 0.0)
        total.append(result)
    out = literal_enlarge(np.clip(landsat, -1, 1), dn[0].shape) + (total[0] - total[1])
    return np.where(literal_mask(data, dn[0].shape) == 0, 0, out)


def detail_rows(detail):
    """F - H: what fusion adds to a black image."""
    return Fusion(np.zeros(detail.low_shape, np.float32), np.ones(detail.low_shape, np.uint8), [detail]).rows(0, detail.shape[0])


def checked(landsat, data, fused, threshold, strip=None):
    """The check of a whole fused image, shown to it in strips of `strip` rows."""
    check = AutoCheck(landsat, data, fused.shape, threshold)
    strip = strip or len(fused)
    for start in range(0, len(fused), strip):
        check.add(start, fused[start : start + strip])
    return check.result()
