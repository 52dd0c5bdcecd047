"""How the cost of a run grows with pixels, bands and products (with jobs: workloads ``tile`` and ``area``)."""

from __future__ import annotations

from benchmarks.inputs import COARSE, TILE, link_archive
from benchmarks.results import Result
from benchmarks.workloads import Bench, emptied, product_mode, searching

SIZES = 3
"""Pixel sizes that are compared: that of the session and the next larger ones; 10, 20 and 30 m have 9, 2.25 and 1 parts."""
BANDS = {
    "1 band": ("B04",),
    "quarter of the pixels": ("B04", "B05", "B01"),
    "half of the pixels": ("B02", "B04", "B05", "B8A", "B11", "B01"),
}
"""Bands that hold 18, 23 and 50 % of the pixels of all; all of them: workload ``s2`` or the first pixel size."""


def growth(bench: Bench) -> list[Result]:
    """One Sentinel-2 product with larger pixels and with fewer bands; two and three products of a tile."""
    return [*_pixels(bench), *_bands(bench), *_products(bench)]


def _pixels(bench: Bench) -> list[Result]:
    archive = bench.work / "archive_growth"
    first = COARSE.index(bench.inputs.coarse)
    results = []
    for coarse in COARSE[first : first + SIZES]:
        product, reference = bench.inputs.other_size(coarse)
        conf = bench.configuration("growth", archive)
        words = ["product-mode", product, "--tile", TILE, "--conf", conf, "--refImage", reference]
        label = f"pixels of {10 * coarse} m"
        results.append(bench.measured("growth", label, words, [product, reference], emptied(archive), coarse))
    return results


def _bands(bench: Bench) -> list[Result]:
    archive, product = bench.work / "archive_growth", bench.inputs.sentinel2[0]
    words = product_mode(bench, "growth", product, archive)
    given = [product, bench.inputs.reference()]
    return [
        bench.measured("growth", label, [*words, "--bands", ",".join(bands)], given, emptied(archive))
        for label, bands in BANDS.items()
    ]


def _products(bench: Bench) -> list[Result]:
    archive, results = bench.work / "archive_growth", []
    for count in range(2, len(bench.inputs.sentinel2) + 1):
        products = bench.inputs.sentinel2[:count]
        links = link_archive(bench.work / "products_growth", [(TILE, product) for product in products])
        conf = bench.configuration("growth", archive, searching(bench, "growth", links, [TILE]))
        words, given = ["single-tile-mode", TILE, "--conf", conf], [*products, bench.inputs.reference()]
        results.append(bench.measured("growth", f"{count} products", words, given, emptied(archive)))
    return results
