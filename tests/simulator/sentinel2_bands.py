"""Figures of the MSI: bands, resolutions, noise, spectral description of the metadata."""

RESOLUTION = {
    band: resolution
    for resolution, bands in {10: "B02 B03 B04 B08", 20: "B05 B06 B07 B8A B11 B12", 60: "B01 B09 B10"}.items()
    for band in bands.split()
}
"""Nominal pixel size, metres."""

JP2_BLOCK = {10: 1024, 20: 640, 60: 192}
"""Tile size of the genuine JPEG 2000 files, pixels."""

NOISE = {
    band: sigma
    for sigma, bands in {8e-4: "B02 B03 B04 B08", 6e-4: "B05 B06 B07 B8A B11 B12", 4e-4: "B01 B09", 1e-4: "B10"}.items()
    for band in bands.split()
}
"""Standard deviation of the reflectance."""

L2A_BANDS = {
    10: ["B02", "B03", "B04", "B08"],
    20: ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B8A", "B11", "B12"],
    60: ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B8A", "B09", "B11", "B12"],
}

SOLAR_IRRADIANCE = [
    1884.69, 1959.66, 1823.24, 1512.06, 1424.64, 1287.61, 1162.08, 1041.63, 955.32, 812.92, 367.15, 245.59, 85.25,
]  # fmt: skip
"""W/m2/um, by band id."""

PHYSICAL_GAIN = [4.10, 3.75, 4.18, 4.52, 5.20, 4.86, 4.52, 6.15, 5.13, 8.52, 54.9, 35.2, 106.4]

WAVELENGTHS = [
    (412, 456, 442.7), (456, 533, 492.7), (538, 583, 559.8), (646, 684, 664.6), (695, 714, 704.1), (731, 749, 740.5),
    (769, 797, 782.8), (760, 907, 832.8), (837, 881, 864.7), (932, 958, 945.1), (1337, 1412, 1373.5), (1539, 1682, 1613.7),
    (2078, 2320, 2202.4),
]  # fmt: skip
"""First, last and central wavelength, nm, by band id."""

SCENE_CLASSES = [
    "NODATA", "SATURATED_DEFECTIVE", "DARK_FEATURE_SHADOW", "CLOUD_SHADOW", "VEGETATION", "NOT_VEGETATED", "WATER",
    "UNCLASSIFIED", "CLOUD_MEDIUM_PROBA", "CLOUD_HIGH_PROBA", "THIN_CIRRUS", "SNOW_ICE",
]  # fmt: skip
