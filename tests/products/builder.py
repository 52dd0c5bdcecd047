"""Tiny Sentinel-2 products for the reader's tests: real layout and metadata, images of 12 to 72 pixels a side.

Unlike `simulator` it renders no scene: a test says what is in a file and what is wrong with it.
"""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
RESOLUTION = dict(zip(BANDS, (60, 10, 10, 10, 20, 20, 20, 10, 20, 60, 60, 20, 20), strict=True))
DATATAKE, SENSING = "20171030T104151", "20171030T104508"
EXTENT_60M = 12
"""Pixels of 60 m on a side: 720 m, so 36 pixels of 20 m and 72 of 10 m."""


@dataclass
class Safe:
    """A product to be written; change fields first, then :meth:`write`."""

    level: str = "1C"
    baseline: str = "05.00"
    satellite: str = "A"
    tile: str = "31TFJ"
    epsg: int = 32631
    ulx: float = 600000.0
    uly: float = 4900020.0
    bands: tuple[str, ...] = BANDS
    pixels: dict[str, np.ndarray] = field(default_factory=dict)
    """DN by band; 1500 everywhere else."""
    classi: np.ndarray | None = None
    clouds_gml: str | None = None
    detfoo: dict[str, np.ndarray | str] = field(default_factory=dict)
    """Detector footprints by band: raster, or GML text."""
    scl: np.ndarray | None = None
    image_format: str = "JPEG2000"
    extension: str = ".jp2"
    long_names: bool = False
    other_tiles: tuple[str, ...] = ()
    datastrip: bool = True
    gri: bool = True
    psd: int = 14
    grids: str | None = None
    """XML of the view angle grids; default: two detectors for every band."""
    edit_product: Callable[[str], str] = str
    edit_tile: Callable[[str], str] = str

    @property
    def name(self) -> str:
        if self.long_names:
            return f"S2{self.satellite}_OPER_PRD_MSIL{self.level}_PDMC_20171030T223230_R008_V{SENSING}_{SENSING}.SAFE"
        number = self.baseline.replace(".", "")
        return f"S2{self.satellite}_MSIL{self.level}_{DATATAKE}_N{number}_R008_T{self.tile}_20231014T203907.SAFE"

    def granule(self, tile: str | None = None) -> str:
        tile = tile or self.tile
        if self.long_names:
            return f"S2{self.satellite}_OPER_MSI_L{self.level}_TL_SGS__20171030T192619_A012345_T{tile}_N{self.baseline}"
        return f"L{self.level}_T{tile}_A012345_{SENSING}"

    def write(self, parent: Path) -> Path:
        root = parent / self.name
        root.mkdir(parents=True)
        name = f"S2{self.satellite}_OPER_MTD_SAFL{self.level}_PDMC.xml" if self.long_names else f"MTD_MSIL{self.level}.xml"
        (root / name).write_text(self.edit_product(self._product_xml()))
        for tile in (self.tile, *self.other_tiles):
            self._write_granule(root / "GRANULE" / self.granule(tile), tile)
        if self.datastrip:
            folder = root / "DATASTRIP" / f"DS_SGS__20171030T164154_S{SENSING}"
            folder.mkdir(parents=True)
            (folder / "MTD_DS.xml").write_text(DATASTRIP)
        return root

    def zip(self, parent: Path, top_folder: bool = True) -> Path:
        root = self.write(parent / "unzipped")
        path = parent / f"{root.stem}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(root.rglob("*")):
                archive.write(file, file.relative_to(root.parent if top_folder else root))
        return path

    def image_name(self, band: str, tile: str | None = None) -> str:
        """Path of a band's image relative to the root, without extension."""
        folder = f"GRANULE/{self.granule(tile)}/IMG_DATA"
        if self.long_names:
            return f"{folder}/{self.granule(tile)[:-7]}_{band}"
        stem = f"T{tile or self.tile}_{DATATAKE}_{band}"
        return f"{folder}/R{_resolution(band)}m/{stem}_{_resolution(band)}m" if self.level == "2A" else f"{folder}/{stem}"

    def _write_granule(self, folder: Path, tile: str) -> None:
        quality = folder / "QI_DATA"
        quality.mkdir(parents=True)
        metadata = folder / ("S2A_OPER_MTD_L1C_TL.xml" if self.long_names else "MTD_TL.xml")
        metadata.write_text(self.edit_tile(self._tile_xml(tile)))
        for band in self.bands:
            if self.level == "2A" and band == "B10":
                continue
            side = EXTENT_60M * 60 // RESOLUTION[band]
            pixels = self.pixels.get(band, np.full((side, side), 1500, np.uint16))
            self.raster(folder.parents[1] / (self.image_name(band, tile) + self.extension), pixels)
        if self.scl is not None:
            self.raster(folder.parents[1] / (self.image_name("SCL", tile) + self.extension), self.scl)
        if self.classi is not None:
            self.raster(quality / f"MSK_CLASSI_B00{self.extension}", self.classi)
        if self.clouds_gml is not None:
            (quality / "MSK_CLOUDS_B00.gml").write_text(self.clouds_gml)
        for band, content in self.detfoo.items():
            if isinstance(content, str):
                (quality / f"MSK_DETFOO_{band}.gml").write_text(content)
            else:
                self.raster(quality / f"MSK_DETFOO_{band}{self.extension}", content)

    def raster(self, path: Path, pixels: np.ndarray, epsg: int | None = None, origin: tuple[float, float] | None = None) -> None:
        """Write (y, x) or (n, y, x) over the extent of the product."""
        size = EXTENT_60M * 60 / pixels.shape[-1]
        write_raster(path, pixels, epsg or self.epsg, origin or (self.ulx, self.uly), size)

    def _product_xml(self) -> str:
        level2 = self.level == "2A"
        images = [*(b for b in BANDS if not (level2 and b == "B10")), *(["SCL"] if level2 else [])]
        tag = "IMAGE_ID" if self.long_names else "IMAGE_FILE"
        granules = ""
        for tile in (self.tile, *self.other_tiles):
            names = [self.image_name(b, tile) for b in images]
            listed = "".join(f"<{tag}>{n.split('/')[-1] if self.long_names else n}</{tag}>\n" for n in names)
            element = "Granules" if self.long_names else "Granule"
            identifier = f"S2A_OPER_MSI_L{self.level}_TL_SGS__20171030T192619_A012345_T{tile}_N{self.baseline}"
            granules += f'<{element} granuleIdentifier="{identifier}" imageFormat="{self.image_format}">\n{listed}</{element}>\n'
        quantification = "BOA_QUANTIFICATION_VALUE" if level2 else "QUANTIFICATION_VALUE"
        offset = "BOA_ADD_OFFSET" if level2 else "RADIO_ADD_OFFSET"
        has_offsets = float(self.baseline) >= 4
        offsets = "".join(f'<{offset} band_id="{i}">-1000</{offset}>\n' for i in range(13)) if has_offsets else ""
        spectral = "".join(
            f'<Spectral_Information bandId="{i}" physicalBand="{b.replace("B0", "B")}"/>\n' for i, b in enumerate(BANDS)
        )
        gri = "<GRI_List><GRI_FILENAME>S2A_OPER_GRI</GRI_FILENAME></GRI_List>" if self.gri else ""
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-{self.level}_User_Product xmlns:n1="https://psd-{self.psd}.sentinel2.eo.esa.int/PSD/User_Product.xsd">
<n1:General_Info><Product_Info>
<PRODUCT_START_TIME>2017-10-30T10:41:51.026Z</PRODUCT_START_TIME>
<PRODUCT_URI>{self.name}</PRODUCT_URI>
<PROCESSING_LEVEL>Level-{self.level}</PROCESSING_LEVEL>
<PRODUCT_TYPE>S2MSI{self.level}</PRODUCT_TYPE>
<PROCESSING_BASELINE>{self.baseline}</PROCESSING_BASELINE>
<GENERATION_TIME>2023-10-14T20:39:07.000000Z</GENERATION_TIME>
<Datatake><SPACECRAFT_NAME>Sentinel-2{self.satellite}</SPACECRAFT_NAME>
<SENSING_ORBIT_NUMBER>8</SENSING_ORBIT_NUMBER></Datatake>
{granules}</Product_Info>
<{quantification} unit="none">10000</{quantification}>
{offsets}{spectral}</n1:General_Info>
<n1:Geometric_Info><EXT_POS_LIST>44.25 4.25 44.24 5.62 43.25 5.6 43.26 4.23 44.25 4.25</EXT_POS_LIST></n1:Geometric_Info>
<n1:Auxiliary_Data_Info>{gri}</n1:Auxiliary_Data_Info>
<n1:Quality_Indicators_Info><Cloud_Coverage_Assessment>12.5</Cloud_Coverage_Assessment></n1:Quality_Indicators_Info>
</n1:Level-{self.level}_User_Product>
"""

    def _tile_xml(self, tile: str) -> str:
        quality = "" if self.long_names else f"GRANULE/{self.granule(tile)}/QI_DATA/"
        masks = "".join(
            f'<MASK_FILENAME bandId="{BANDS.index(b)}" type="MSK_DETFOO">{quality}MSK_DETFOO_{b}'
            f"{'.gml' if isinstance(content, str) else self.extension}</MASK_FILENAME>\n"
            for b, content in self.detfoo.items()
        )
        if self.classi is not None:
            masks += f'<MASK_FILENAME type="MSK_CLASSI">{quality}MSK_CLASSI_B00{self.extension}</MASK_FILENAME>\n'
        if self.clouds_gml is not None:
            masks += f'<MASK_FILENAME type="MSK_CLOUDS">{quality}MSK_CLOUDS_B00.gml</MASK_FILENAME>\n'
        grids = self.grids
        if grids is None:
            grids = "".join(
                view_grid(i, 1, [[5.0, 6.0, np.nan]] * 3, [[100.0, 101.0, np.nan]] * 3)
                + view_grid(i, 2, [[np.nan, 7.0, 8.0]] * 3, [[np.nan, 281.0, 282.0]] * 3)
                for i in range(13)
            )
        side = EXTENT_60M * 6
        return f"""<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-{self.level}_Tile_ID xmlns:n1="https://psd-{self.psd}.sentinel2.eo.esa.int/PSD/S2_PDI_Tile_Metadata.xsd">
<n1:General_Info>
<TILE_ID>S2A_OPER_MSI_L{self.level}_TL_SGS__20171030T192619_A012345_T{tile}_N{self.baseline}</TILE_ID>
<SENSING_TIME>2017-10-30T10:45:08.461234Z</SENSING_TIME>
</n1:General_Info>
<n1:Geometric_Info>
<HORIZONTAL_CS_NAME>WGS84 / UTM</HORIZONTAL_CS_NAME><HORIZONTAL_CS_CODE>EPSG:{self.epsg}</HORIZONTAL_CS_CODE>
<Size resolution="10"><NROWS>{side}</NROWS><NCOLS>{side}</NCOLS></Size>
<Size resolution="60"><NROWS>1</NROWS><NCOLS>1</NCOLS></Size>
<Geoposition resolution="10"><ULX>{self.ulx:.0f}</ULX><ULY>{self.uly:.0f}</ULY><XDIM>10</XDIM><YDIM>-10</YDIM></Geoposition>
<Tile_Angles>
{angle_grid("Sun_Angles_Grid", "", [[43.0, 42.9, 42.8]] * 3, [[172.9, 173.0, 173.1]] * 3)}
<Mean_Sun_Angle><ZENITH_ANGLE>42.895</ZENITH_ANGLE><AZIMUTH_ANGLE>174.7</AZIMUTH_ANGLE></Mean_Sun_Angle>
{grids}</Tile_Angles></n1:Geometric_Info>
<n1:Quality_Indicators_Info><Pixel_Level_QI>
{masks}</Pixel_Level_QI></n1:Quality_Indicators_Info>
</n1:Level-{self.level}_Tile_ID>
"""


def write_raster(path: Path, pixels: np.ndarray, epsg: int, origin: tuple[float, float], size: float, **options) -> None:
    """Write (y, x) or (n, y, x): lossless JPEG 2000, or GeoTIFF for other extensions."""
    layers = np.atleast_3d(pixels.T).T
    profile = {"count": len(layers), "height": layers.shape[1], "width": layers.shape[2], "dtype": layers.dtype,
               "crs": f"EPSG:{epsg}", "transform": from_origin(*origin, size, size)}
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() != ".jp2":
        with rasterio.open(path, "w", driver="GTiff", **profile, **options) as target:
            target.write(layers)
        return
    with MemoryFile() as memory:
        with memory.open(driver="GTiff", **profile) as target:
            target.write(layers)
        with rasterio.Env(GDAL_PAM_ENABLED="NO"):
            lossless = {"QUALITY": "100", "REVERSIBLE": "YES", "YCC": "NO"}
            rasterio.shutil.copy(memory.name, str(path), driver="JP2OpenJPEG", **lossless, **options)


def angle_grid(element: str, attributes: str, zenith, azimuth, step: float = 5000) -> str:
    parts = ""
    for key, values in (("Zenith", zenith), ("Azimuth", azimuth)):
        rows = "".join(f"<VALUES>{' '.join('NaN' if np.isnan(v) else repr(float(v)) for v in row)}</VALUES>" for row in values)
        steps = f'<COL_STEP unit="m">{step:.0f}</COL_STEP><ROW_STEP unit="m">{step:.0f}</ROW_STEP>'
        parts += f"<{key}>{steps}<Values_List>{rows}</Values_List></{key}>\n"
    return f"<{element}{attributes}>\n{parts}</{element}>\n"


def view_grid(band_id: int, detector: int, zenith, azimuth) -> str:
    return angle_grid("Viewing_Incidence_Angles_Grids", f' bandId="{band_id}" detectorId="{detector}"', zenith, azimuth)


def gml(*features: tuple[str, str, str], dimension: int = 2, holes: dict[str, str] | None = None) -> str:
    """A GML mask of (type, id, positions) polygons; `holes`: positions of an interior ring by id."""
    members = ""
    for kind, identifier, positions in features:
        inner = ""
        if holes and identifier in holes:
            inner = f'<gml:interior><gml:LinearRing><gml:posList srsDimension="{dimension}">{holes[identifier]}' \
                    "</gml:posList></gml:LinearRing></gml:interior>"
        members += f"""<eop:MaskFeature gml:id="{identifier}"><eop:maskType>{kind}</eop:maskType><eop:extentOf>
<gml:Polygon><gml:exterior><gml:LinearRing><gml:posList srsDimension="{dimension}">{positions}</gml:posList>
</gml:LinearRing></gml:exterior>{inner}</gml:Polygon></eop:extentOf></eop:MaskFeature>
"""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<eop:Mask xmlns:eop="http://www.opengis.net/eop/2.0" xmlns:gml="http://www.opengis.net/gml/3.2" gml:id="MASK">
<eop:maskMembers>{members}</eop:maskMembers></eop:Mask>
"""


def _resolution(band: str) -> int:
    return 20 if band == "SCL" else RESOLUTION[band]


DATASTRIP = """<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-1C_DataStrip_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-1C_Datastrip_Metadata.xsd">
<n1:General_Info>
<DATATAKE_SENSING_START>2017-10-30T10:41:51.026Z</DATATAKE_SENSING_START>
<DATASTRIP_SENSING_START>2017-10-30T10:45:08Z</DATASTRIP_SENSING_START>
</n1:General_Info></n1:Level-1C_DataStrip_ID>
"""
