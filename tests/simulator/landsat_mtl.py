"""Metadata of Landsat Collection-2 products: the MTL file, as ODL and as XML."""

from datetime import datetime

from . import geometry
from .scene import Scene

K1 = {"B10": 774.8853, "B11": 480.8883}
K2 = {"B10": 1321.0789, "B11": 1201.1442}
"""Thermal constants."""
RADIANCE_MAXIMUM = [770.38470, 788.88330, 726.94922, 613.00458, 375.12820, 93.29098, 31.44405, 693.75244, 146.60861]
"""W/(m2 sr um), bands 1 to 9."""


def odl(groups: list) -> str:
    """Text of MTL.txt."""
    o = ["GROUP = LANDSAT_METADATA_FILE"]
    for g, kv in groups:
        o.append(f"  GROUP = {g}")
        for k, v, quoted in kv:
            o.append(f'    {k} = "{v}"' if quoted else f"    {k} = {v}")
        o.append(f"  END_GROUP = {g}")
    return "\n".join([*o, "END_GROUP = LANDSAT_METADATA_FILE", "END", ""])


def xml(groups: list) -> str:
    """Text of MTL.xml."""
    o = ['<?xml version="1.0" encoding="UTF-8"?>', "<LANDSAT_METADATA_FILE>"]
    for g, kv in groups:
        o.append(f"  <{g}>")
        o += [f"    <{k}>{v}</{k}>" for k, v, _ in kv]
        o.append(f"  </{g}>")
    return "\n".join([*o, "</LANDSAT_METADATA_FILE>", ""])


def mtl_groups(pid: str, level: str, scene: Scene, lines: int, samples: int, path, row, cloud: float, made: datetime) -> list:
    """Groups of the MTL file of product `pid`: (name, [(key, value, is text)]); `cloud` in percent, size of the 30 m grid."""
    q, P = scene.acq, 30 * scene.acq.coarse
    s, r = _text, _number
    l1 = level == "L1TP"
    l1id = pid.replace("L2SP", "L1TP")
    x0, y0 = scene.ulx + P / 2, scene.uly - P / 2
    x1, y1 = x0 + (samples - 1) * P, y0 - (lines - 1) * P
    bands = [f"B{i}" for i in range(1, 12)]
    doi1 = "https://doi.org/10.5066/P975CC9B"
    doi = doi1 if l1 else "https://doi.org/10.5066/P9OGBGM6"
    files1 = [s(f"FILE_NAME_BAND_{b[1:]}", f"{l1id}_{b}.TIF") for b in bands]
    tail1 = [
        s("FILE_NAME_QUALITY_L1_PIXEL", f"{l1id}_QA_PIXEL.TIF"),
        s("FILE_NAME_QUALITY_L1_RADIOMETRIC_SATURATION", f"{l1id}_QA_RADSAT.TIF"),
        s("FILE_NAME_ANGLE_COEFFICIENT", f"{l1id}_ANG.txt"),
        s("FILE_NAME_ANGLE_SENSOR_AZIMUTH_BAND_4", f"{l1id}_VAA.TIF"),
        s("FILE_NAME_ANGLE_SENSOR_ZENITH_BAND_4", f"{l1id}_VZA.TIF"),
        s("FILE_NAME_ANGLE_SOLAR_AZIMUTH_BAND_4", f"{l1id}_SAA.TIF"),
        s("FILE_NAME_ANGLE_SOLAR_ZENITH_BAND_4", f"{l1id}_SZA.TIF"),
        s("FILE_NAME_METADATA_ODL", f"{l1id}_MTL.txt"),
        s("FILE_NAME_METADATA_XML", f"{l1id}_MTL.xml"),
    ]
    types1 = [s(f"DATA_TYPE_BAND_{b[1:]}", "UINT16") for b in bands] + [
        s("DATA_TYPE_QUALITY_L1_PIXEL", "UINT16"),
        s("DATA_TYPE_QUALITY_L1_RADIOMETRIC_SATURATION", "UINT16"),
        s("DATA_TYPE_ANGLE_SENSOR_AZIMUTH_BAND_4", "INT16"),
        s("DATA_TYPE_ANGLE_SENSOR_ZENITH_BAND_4", "INT16"),
        s("DATA_TYPE_ANGLE_SOLAR_AZIMUTH_BAND_4", "INT16"),
        s("DATA_TYPE_ANGLE_SOLAR_ZENITH_BAND_4", "INT16"),
    ]
    head = [
        s("ORIGIN", "Image courtesy of the U.S. Geological Survey"),
        s("DIGITAL_OBJECT_IDENTIFIER", doi),
        s("LANDSAT_PRODUCT_ID", pid),
        s("PROCESSING_LEVEL", level),
        r("COLLECTION_NUMBER", "02"),
        s("COLLECTION_CATEGORY", "T1"),
        s("OUTPUT_FORMAT", "GEOTIFF"),
    ]
    if l1:
        content = head + files1 + tail1 + types1
    else:
        content = (
            head
            + [s(f"FILE_NAME_BAND_{i}", f"{pid}_SR_B{i}.TIF") for i in range(1, 8)]
            + [
                s("FILE_NAME_QUALITY_L1_PIXEL", f"{pid}_QA_PIXEL.TIF"),
                s("FILE_NAME_QUALITY_L1_RADIOMETRIC_SATURATION", f"{pid}_QA_RADSAT.TIF"),
                s("FILE_NAME_ANGLE_COEFFICIENT", f"{pid}_ANG.txt"),
                s("FILE_NAME_METADATA_ODL", f"{pid}_MTL.txt"),
                s("FILE_NAME_METADATA_XML", f"{pid}_MTL.xml"),
            ]
            + [s(f"DATA_TYPE_BAND_{i}", "UINT16") for i in range(1, 8)]
            + [s("DATA_TYPE_QUALITY_L1_PIXEL", "UINT16"), s("DATA_TYPE_QUALITY_L1_RADIOMETRIC_SATURATION", "UINT16")]
        )
    img = (
        [
            s("SPACECRAFT_ID", "LANDSAT_" + q.sensor[-1]),
            s("SENSOR_ID", "OLI_TIRS"),
            r("WRS_TYPE", 2),
            r("WRS_PATH", path),
            r("WRS_ROW", row),
            s("NADIR_OFFNADIR", "NADIR"),
            r("TARGET_WRS_PATH", path),
            r("TARGET_WRS_ROW", row),
            r("DATE_ACQUIRED", q.when.strftime("%Y-%m-%d")),
            s("SCENE_CENTER_TIME", q.when.strftime("%H:%M:%S.%f") + "0Z"),
            s("STATION_ID", "LGN"),
            r("CLOUD_COVER", f"{cloud:.2f}"),
            r("CLOUD_COVER_LAND", f"{cloud:.2f}"),
            r("IMAGE_QUALITY_OLI", 9),
            r("IMAGE_QUALITY_TIRS", 9),
        ]
        + [s(f"SATURATION_BAND_{i}", "N") for i in range(1, 10)]
        + [
            r("ROLL_ANGLE", "-0.001"),
            r("SUN_AZIMUTH", f"{scene.mean_saa if scene.mean_saa <= 180 else scene.mean_saa - 360:.8f}"),
            r("SUN_ELEVATION", f"{90 - scene.mean_sza:.8f}"),
            r("EARTH_SUN_DISTANCE", f"{geometry.earth_sun_distance(q.day_of_year):.7f}"),
            s("TRUNCATION_OLI", "UPPER"),
            s("TIRS_SSM_MODEL", "FINAL"),
            s("TIRS_SSM_POSITION_STATUS", "ESTIMATED"),
        ]
    )
    proj = [s("MAP_PROJECTION", "UTM"), s("DATUM", "WGS84"), s("ELLIPSOID", "WGS84"), r("UTM_ZONE", scene.epsg % 100)]
    cell = [r("GRID_CELL_SIZE_PANCHROMATIC", f"{P / 2:.2f}")] * l1 + [
        r("GRID_CELL_SIZE_REFLECTIVE", f"{P:.2f}"),
        r("GRID_CELL_SIZE_THERMAL", f"{P:.2f}"),
    ]
    size = [r("PANCHROMATIC_LINES", 2 * lines - 1), r("PANCHROMATIC_SAMPLES", 2 * samples - 1)] * l1 + [
        r("REFLECTIVE_LINES", lines),
        r("REFLECTIVE_SAMPLES", samples),
        r("THERMAL_LINES", lines),
        r("THERMAL_SAMPLES", samples),
    ]
    ll, xy = [], []
    for c, x, y in (("UL", x0, y0), ("UR", x1, y0), ("LL", x0, y1), ("LR", x1, y1)):
        lo, la = geometry.lonlat(scene.epsg, x, y)
        ll += [r(f"CORNER_{c}_LAT_PRODUCT", f"{la:.5f}"), r(f"CORNER_{c}_LON_PRODUCT", f"{lo:.5f}")]
        xy += [r(f"CORNER_{c}_PROJECTION_X_PRODUCT", f"{x:.3f}"), r(f"CORNER_{c}_PROJECTION_Y_PRODUCT", f"{y:.3f}")]
    g = [
        ("PRODUCT_CONTENTS", content),
        ("IMAGE_ATTRIBUTES", img),
        ("PROJECTION_ATTRIBUTES", proj + cell + size + [s("ORIENTATION", "NORTH_UP")] + ll + xy),
    ]
    stamp = made.strftime("%Y-%m-%dT%H:%M:%SZ")
    if not l1:
        g.append(
            (
                "LEVEL2_PROCESSING_RECORD",
                [
                    s("ORIGIN", "Image courtesy of the U.S. Geological Survey"),
                    s("DIGITAL_OBJECT_IDENTIFIER", doi),
                    s("LANDSAT_PRODUCT_ID", pid),
                    s("PROCESSING_LEVEL", level),
                    s("OUTPUT_FORMAT", "GEOTIFF"),
                    r("DATE_PRODUCT_GENERATED", stamp),
                    s("PROCESSING_SOFTWARE_VERSION", "LPGS_15.4.0"),
                    s("ALGORITHM_SOURCE_SURFACE_REFLECTANCE", "LaSRC_1.5.0"),
                ],
            )
        )
        g.append(
            (
                "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS",
                [
                    x
                    for i in range(1, 8)
                    for x in (r(f"REFLECTANCE_MAXIMUM_BAND_{i}", "1.602213"), r(f"REFLECTANCE_MINIMUM_BAND_{i}", "-0.199972"))
                ]
                + [x for i in range(1, 8) for x in (r(f"QUANTIZE_CAL_MAX_BAND_{i}", 65535), r(f"QUANTIZE_CAL_MIN_BAND_{i}", 1))]
                + [r(f"REFLECTANCE_MULT_BAND_{i}", "2.75e-05") for i in range(1, 8)]
                + [r(f"REFLECTANCE_ADD_BAND_{i}", "-0.2") for i in range(1, 8)],
            )
        )
    g.append(
        (
            "LEVEL1_PROCESSING_RECORD",
            [
                s("ORIGIN", "Image courtesy of the U.S. Geological Survey"),
                s("DIGITAL_OBJECT_IDENTIFIER", doi1),
                s("REQUEST_ID", "SIMULATED_00001"),
                s("LANDSAT_SCENE_ID", f"LC{q.sensor[-1]}{path:03d}{row:03d}{q.when:%Y%j}LGN00"),
                s("LANDSAT_PRODUCT_ID", l1id),
                s("PROCESSING_LEVEL", "L1TP"),
                s("COLLECTION_CATEGORY", "T1"),
                s("OUTPUT_FORMAT", "GEOTIFF"),
                r("DATE_PRODUCT_GENERATED", stamp),
                s("PROCESSING_SOFTWARE_VERSION", "LPGS_15.4.0"),
                *files1,
                *tail1,
                s("FILE_NAME_CPF", f"LC0{q.sensor[-1]}CPF_{q.when:%Y}0401_{q.when:%Y}0630_02.03"),
                s("DATA_SOURCE_TIRS_STRAY_LIGHT_CORRECTION", "TIRS"),
                s("DATA_SOURCE_ELEVATION", "GLS2000"),
                r("GROUND_CONTROL_POINTS_VERSION", 5),
                r("GROUND_CONTROL_POINTS_MODEL", 344),
                r("GEOMETRIC_RMSE_MODEL", "5.165"),
                r("GEOMETRIC_RMSE_MODEL_Y", "3.586"),
                r("GEOMETRIC_RMSE_MODEL_X", "3.717"),
            ],
        )
    )
    g.append(
        (
            "LEVEL1_MIN_MAX_RADIANCE",
            [
                x
                for i, v in enumerate([*RADIANCE_MAXIMUM, 22.0018, 22.0018], 1)
                for x in (
                    r(f"RADIANCE_MAXIMUM_BAND_{i}", f"{v:.5f}"),
                    r(f"RADIANCE_MINIMUM_BAND_{i}", f"{-v * 0.08258:.5f}" if i < 10 else "0.10033"),
                )
            ],
        )
    )
    g.append(
        (
            "LEVEL1_MIN_MAX_REFLECTANCE",
            [
                x
                for i in range(1, 10)
                for x in (r(f"REFLECTANCE_MAXIMUM_BAND_{i}", "1.210700"), r(f"REFLECTANCE_MINIMUM_BAND_{i}", "-0.099980"))
            ],
        )
    )
    g.append(
        (
            "LEVEL1_MIN_MAX_PIXEL_VALUE",
            [x for i in range(1, 12) for x in (r(f"QUANTIZE_CAL_MAX_BAND_{i}", 65535), r(f"QUANTIZE_CAL_MIN_BAND_{i}", 1))],
        )
    )
    g.append(
        (
            "LEVEL1_RADIOMETRIC_RESCALING",
            [r(f"RADIANCE_MULT_BAND_{i}", f"{v * 1.08258 / 65534:.4E}") for i, v in enumerate(RADIANCE_MAXIMUM, 1)]
            + [r(f"RADIANCE_MULT_BAND_{i}", "3.3420E-04") for i in (10, 11)]
            + [r(f"RADIANCE_ADD_BAND_{i}", f"{-v * 0.08259:.5f}") for i, v in enumerate(RADIANCE_MAXIMUM, 1)]
            + [r(f"RADIANCE_ADD_BAND_{i}", "0.10000") for i in (10, 11)]
            + [r(f"REFLECTANCE_MULT_BAND_{i}", "2.0000E-05") for i in range(1, 10)]
            + [r(f"REFLECTANCE_ADD_BAND_{i}", "-0.100000") for i in range(1, 10)],
        )
    )
    g.append(
        ("LEVEL1_THERMAL_CONSTANTS", [r(f"K{i}_CONSTANT_BAND_{b}", {1: K1, 2: K2}[i][f"B{b}"]) for b in (10, 11) for i in (1, 2)])
    )
    g.append(
        (
            "LEVEL1_PROJECTION_PARAMETERS",
            [
                *proj,
                r("GRID_CELL_SIZE_PANCHROMATIC", f"{P / 2:.2f}"),
                r("GRID_CELL_SIZE_REFLECTIVE", f"{P:.2f}"),
                r("GRID_CELL_SIZE_THERMAL", f"{P:.2f}"),
                s("ORIENTATION", "NORTH_UP"),
                s("RESAMPLING_OPTION", "CUBIC_CONVOLUTION"),
            ],
        )
    )
    return g


def _text(key, value):
    return key, value, True


def _number(key, value):
    return key, value, False
