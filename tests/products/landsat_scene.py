"""Tiny Landsat products of every kind, for tests: 20 x 24 pixels of 30 m, UTM 31 north, corner values as in genuine files."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

ROWS, COLUMNS = 20, 24
UL = (492000.0, 4900200.0)
"""Centre of the upper-left pixel, metres."""
CLEAR = {2: 21824, 1: 2720, 0: 20480}
ELEVATION = 57.84396063
"""Degrees; that of the worked example of spec 03 section 4.4."""


@dataclass
class Scene:
    """`pixels`: DN by file ending (``B4``, ``SR_B4``, ``QA_PIXEL``); everything else is 5000, quality is clear."""

    collection: int = 2
    level: str = "L1TP"
    pixels: dict[str, np.ndarray] = field(default_factory=dict)
    changes: dict[str, str | None] = field(default_factory=dict)
    """Values of MTL keys to put in place of the usual ones; None: the line is left out."""
    instrument: str = "OLI_TIRS"
    epsg: int = 32631
    nested: bool = False
    """True: files in a folder of their own, as in old products."""

    @property
    def scene_id(self) -> str:
        return "LC81960302017334LGN00"

    @property
    def name(self) -> str:
        if self.collection == 0:
            return self.scene_id
        return f"{'LC' if 'TIRS' in self.instrument else 'LO'}08_{self.level}_196030_20171130_20171207_{self.collection:02d}_T1"

    @property
    def quality(self) -> str:
        return "QA_PIXEL" if self.collection == 2 else "BQA"

    @property
    def endings(self) -> list[str]:
        """File endings of the bands."""
        if self.level.startswith("L2"):
            return [f"SR_B{n}" for n in range(1, 8)] + (["ST_B10"] if self.level == "L2SP" else [])
        return [f"B{n}" for n in range(1, 12 if "TIRS" in self.instrument else 10)]

    def write(self, folder: Path) -> Path:
        root = folder / self.name
        place = root / f"{self.name}.TIFF" if self.nested else root
        place.mkdir(parents=True)
        (place / f"{self.name}_MTL.txt").write_text(self.odl())
        for ending in (*self.endings, self.quality):
            self.write_raster(place / f"{self.name}_{ending}.TIF", ending)
        return root

    def write_raster(self, path: Path, ending: str) -> None:
        pixel = 15.0 if ending == "B8" else 30.0
        shape = (2 * ROWS - 1, 2 * COLUMNS - 1) if ending == "B8" else (ROWS, COLUMNS)
        usual = CLEAR[self.collection] if ending == self.quality else 5000
        data = self.pixels.get(ending, np.full(shape, usual, np.uint16))
        transform = Affine(pixel, 0, UL[0] - pixel / 2, 0, -pixel, UL[1] + pixel / 2)
        with rasterio.open(
            path, "w", driver="GTiff", width=data.shape[1], height=data.shape[0], count=1, dtype=data.dtype,
            crs=f"EPSG:{self.epsg}", transform=transform,
        ) as target:  # fmt: skip
            target.update_tags(AREA_OR_POINT="Point")
            target.write(data, 1)

    def groups(self) -> dict[str, dict[str, str]]:
        """MTL groups with quoted texts, in the order of genuine files."""
        level2 = self.level.startswith("L2")
        bands = [(e.split("B")[-1], e) for e in self.endings]
        names = {
            f"FILE_NAME_BAND_{'ST_B10' if level2 and n == '10' else n}": f'"{self.name}_{e}.TIF"' for n, e in bands
        }
        rest = {
            "SPACECRAFT_ID": '"LANDSAT_8"', "SENSOR_ID": f'"{self.instrument}"', "WRS_PATH": "196", "WRS_ROW": "030",
            "DATE_ACQUIRED": "2017-11-30", "SCENE_CENTER_TIME": '"15:28:34.3964289Z"',
        }  # fmt: skip
        image = {"CLOUD_COVER": "12.34", "SUN_AZIMUTH": "160.5", "SUN_ELEVATION": f"{ELEVATION}"}
        right, bottom = UL[0] + 30 * (COLUMNS - 1), UL[1] - 30 * (ROWS - 1)
        grid = {
            "MAP_PROJECTION": '"UTM"', "DATUM": '"WGS84"', "UTM_ZONE": str(self.epsg % 100),
            "GRID_CELL_SIZE_PANCHROMATIC": "15.00", "GRID_CELL_SIZE_REFLECTIVE": "30.00", "GRID_CELL_SIZE_THERMAL": "30.00",
            "CORNER_UL_PROJECTION_X_PRODUCT": f"{UL[0]}", "CORNER_UL_PROJECTION_Y_PRODUCT": f"{UL[1]}",
            "CORNER_LR_PROJECTION_X_PRODUCT": f"{right}", "CORNER_LR_PROJECTION_Y_PRODUCT": f"{bottom}",
            "CORNER_UL_LAT_PRODUCT": "44.3", "CORNER_UL_LON_PRODUCT": "2.9", "CORNER_UR_LAT_PRODUCT": "44.2",
            "CORNER_UR_LON_PRODUCT": "3.1", "CORNER_LL_LAT_PRODUCT": "44.1", "CORNER_LL_LON_PRODUCT": "2.8",
            "CORNER_LR_LAT_PRODUCT": "44.0", "CORNER_LR_LON_PRODUCT": "3.2",
        }  # fmt: skip
        scale = {f"REFLECTANCE_MULT_BAND_{n}": "2.0000E-05" for n in range(1, 10)}
        scale |= {f"REFLECTANCE_ADD_BAND_{n}": "-0.100000" for n in range(1, 10)}
        radiance = {f"RADIANCE_{key}_BAND_{n}": v for n in (10, 11) for key, v in (("MULT", "3.3420E-04"), ("ADD", "0.10000"))}
        constants = {"K1_CONSTANT_BAND_10": "774.8853", "K2_CONSTANT_BAND_10": "1321.0789", "K1_CONSTANT_BAND_11": "480.8883",
                     "K2_CONSTANT_BAND_11": "1201.1442"}  # fmt: skip
        if self.collection == 2:
            contents = {"LANDSAT_PRODUCT_ID": f'"{self.name}"', "PROCESSING_LEVEL": f'"{self.level}"', "COLLECTION_NUMBER": "02",
                        "COLLECTION_CATEGORY": '"T1"', **names,
                        "FILE_NAME_QUALITY_L1_PIXEL": f'"{self.name}_QA_PIXEL.TIF"'}  # fmt: skip
            made = {"DATE_PRODUCT_GENERATED": "2017-12-07T01:02:03Z", "PROCESSING_SOFTWARE_VERSION": '"LPGS_15.4.0"'}
            groups = {"PRODUCT_CONTENTS": contents, "IMAGE_ATTRIBUTES": rest | image, "PROJECTION_ATTRIBUTES": grid}
            if level2:
                surface = {f"REFLECTANCE_MULT_BAND_{n}": "2.75e-05" for n in range(1, 8)}
                surface |= {f"REFLECTANCE_ADD_BAND_{n}": "-0.2" for n in range(1, 8)}
                temperature = {"TEMPERATURE_MULT_BAND_ST_B10": "0.00341802", "TEMPERATURE_ADD_BAND_ST_B10": "149.0"}
                groups |= {"LEVEL2_PROCESSING_RECORD": made, "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": surface}
                groups |= {"LEVEL2_SURFACE_TEMPERATURE_PARAMETERS": temperature} if self.level == "L2SP" else {}
            level1_name = "LC08_L1TP_196030_20171130_20171206_02_T1"
            level1 = {
                "LANDSAT_SCENE_ID": f'"{self.scene_id}"',
                "LANDSAT_PRODUCT_ID": f'"{level1_name}"',
                "PROCESSING_LEVEL": '"L1TP"',
                "FILE_NAME_BAND_9": f'"{level1_name}_B9.TIF"',
                **made,
            } | ({"DATE_PRODUCT_GENERATED": "2017-12-06T01:02:03Z"} if level2 else {})
            groups |= {"LEVEL1_PROCESSING_RECORD": level1, "LEVEL1_RADIOMETRIC_RESCALING": radiance | scale,
                       "LEVEL1_THERMAL_CONSTANTS": constants}  # fmt: skip
        else:
            identity = {"LANDSAT_SCENE_ID": f'"{self.scene_id}"'}
            collection = {}
            if self.collection == 1:
                identity |= {"LANDSAT_PRODUCT_ID": f'"{self.name}"', "COLLECTION_NUMBER": "01"}
                collection = {"COLLECTION_CATEGORY": '"T1"'}
            identity |= {"FILE_DATE": "2017-12-07T01:02:03Z", "PROCESSING_SOFTWARE_VERSION": '"LPGS_2.7.0"'}
            cells = {k: v for k, v in grid.items() if not k.startswith("CORNER")}
            corners = {k: v for k, v in grid.items() if k.startswith("CORNER")}
            groups = {
                "METADATA_FILE_INFO": identity,
                "PRODUCT_METADATA": {"DATA_TYPE": f'"{self.level}"', **collection, **rest, **corners, **names,
                                     "FILE_NAME_BAND_QUALITY": f'"{self.name}_BQA.TIF"'},
                "IMAGE_ATTRIBUTES": image,
                "RADIOMETRIC_RESCALING": radiance | scale,
                "TIRS_THERMAL_CONSTANTS": constants,
                "PROJECTION_PARAMETERS": cells,
            }  # fmt: skip
        return {
            group: {k: self.changes.get(k, v) for k, v in entries.items() if self.changes.get(k, v) is not None}
            for group, entries in groups.items()
        }  # type: ignore[misc]

    def odl(self) -> str:
        root = "LANDSAT_METADATA_FILE" if self.collection == 2 else "L1_METADATA_FILE"
        lines = [f"GROUP = {root}"]
        for group, entries in self.groups().items():
            lines += [f"  GROUP = {group}", *(f"    {k} = {v}" for k, v in entries.items()), f"  END_GROUP = {group}"]
        return "\n".join([*lines, f"END_GROUP = {root}", "END", ""])

    def xml(self) -> str:
        lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<LANDSAT_METADATA_FILE>"]
        for group, entries in self.groups().items():
            lines += [f"<{group}>", *(f"<{k}>{v.strip(chr(34))}</{k}>" for k, v in entries.items()), f"</{group}>"]
        return "\n".join([*lines, "</LANDSAT_METADATA_FILE>", ""])
