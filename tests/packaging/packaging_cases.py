"""A small output product with hand-written input metadata: no pixels of an input are needed to write documents."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio

from sen2like.grid import mgrs
from sen2like.packaging.documents import MeanAngles, OutputProduct, ProductNames, WrittenFile, WrittenImage
from sen2like.packaging.quantity import Quantity
from sen2like.products.container import Folder
from sen2like.products.model import Product
from sen2like.record import ProcessingRecord

GENUINE = Path(__file__).parents[3] / "shared" / "realdata" / "sentinel2_metadata"
PRODUCED = datetime(2026, 3, 12, 10, 15, 0, 123456, tzinfo=UTC)
S2_BANDS = {
    "B01": (60, False), "B02": (10, False), "B03": (10, False), "B04": (10, False), "B05": (20, True), "B06": (20, True),
    "B07": (20, True), "B08": (10, True), "B8A": (20, False), "B11": (20, False), "B12": (20, False),
}  # fmt: skip
LANDSAT_BANDS = {
    "B01": (30, False), "B02": (30, False), "B03": (30, False), "B04": (30, False), "B8A": (30, False), "B11": (30, False),
    "B12": (30, False), "NATIVE B08": (15, True), "NATIVE B10": (30, True), "NATIVE B11": (30, True),
}  # fmt: skip
RADIANCE = Quantity("radiance", 3.342e-4, 0.1, "W m-2 sr-1 um-1", 774.8853, 1321.0789)
"""Of the thermal bands, as the metadata of Landsat 8 have it."""
DECIMATION = 30
"""Pixels are so many times coarser than the sensor's: 366 pixels a side instead of 10980."""


@dataclass(frozen=True)
class FakeProduct(Product):
    documents: dict = field(default_factory=dict)

    def read(self, band):
        raise NotImplementedError

    def radiometry(self, band):
        raise NotImplementedError

    def read_angles(self, method):
        raise NotImplementedError

    def read_masks(self, scl=None):
        raise NotImplementedError

    def document(self, kind):
        return self.documents.get(kind)


def product_xml(level="1C", baseline="05.10", satellite="A", psd=14, extra="") -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-{level}_User_Product xmlns:n1="https://psd-{psd}.sentinel2.eo.esa.int/PSD/User_Product_Level-{level}.xsd">
    <n1:General_Info>
        <Product_Info>
            <PRODUCT_START_TIME>2017-10-30T10:41:51.026Z</PRODUCT_START_TIME>
            <PRODUCT_STOP_TIME>2017-10-30T10:41:51.026Z</PRODUCT_STOP_TIME>
            <PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>
            <Datatake datatakeIdentifier="GS2{satellite}_20171030T104151_012303_N{baseline}">
                <SPACECRAFT_NAME>Sentinel-2{satellite}</SPACECRAFT_NAME>
                <DATATAKE_TYPE>INS-NOBS</DATATAKE_TYPE>
                <DATATAKE_SENSING_START>2017-10-30T10:41:51.026Z</DATATAKE_SENSING_START>
                <SENSING_ORBIT_NUMBER>8</SENSING_ORBIT_NUMBER>
                <SENSING_ORBIT_DIRECTION>DESCENDING</SENSING_ORBIT_DIRECTION>
            </Datatake>
            <Query_Options completeSingleTile="true"><PRODUCT_FORMAT>SAFE_COMPACT</PRODUCT_FORMAT></Query_Options>
        </Product_Info>
        <Product_Image_Characteristics>
            <Reflectance_Conversion>
                <U>1.0136</U>
                <Solar_Irradiance_List>
                    <SOLAR_IRRADIANCE bandId="0" unit="W/m²/µm">1884.69</SOLAR_IRRADIANCE>
                </Solar_Irradiance_List>
            </Reflectance_Conversion>
            <Spectral_Information_List>
                <Spectral_Information bandId="0" physicalBand="B1">
                    <RESOLUTION>60</RESOLUTION>
                    <Wavelength><MIN unit="nm">411</MIN><MAX unit="nm">457</MAX><CENTRAL unit="nm">443.9</CENTRAL></Wavelength>
                </Spectral_Information>
            </Spectral_Information_List>
            <PHYSICAL_GAINS bandId="0">4.10137842</PHYSICAL_GAINS>
            <PHYSICAL_GAINS bandId="1">3.75605469</PHYSICAL_GAINS>
            {extra}
        </Product_Image_Characteristics>
    </n1:General_Info>
    <n1:Geometric_Info>
        <Coordinate_Reference_System><GEO_TABLES version="1">EPSG</GEO_TABLES></Coordinate_Reference_System>
    </n1:Geometric_Info>
    <n1:Auxiliary_Data_Info>
        <GIPP_List>
            <GIPP_FILENAME type="GIP_ATMIMA" version="0002">S2A_OPER_GIP_ATMIMA</GIPP_FILENAME>

        </GIPP_List>
        <PRODUCTION_DEM_TYPE>CopernicusDEM30</PRODUCTION_DEM_TYPE>
        <GRI_List><GRI_FILENAME>S2A_OPER_GRI_MSIL1B</GRI_FILENAME></GRI_List>
    </n1:Auxiliary_Data_Info>
    <n1:Quality_Indicators_Info>
        <Cloud_Coverage_Assessment>3.14</Cloud_Coverage_Assessment>
    </n1:Quality_Indicators_Info>
</n1:Level-{level}_User_Product>""".encode()


def tile_xml(level="1C", psd=14, sun="<ZENITH_ANGLE unit=\"deg\">58.3</ZENITH_ANGLE>") -> bytes:
    own = f"S2A_OPER_MSI_L{level}_TL_2BPS_20220101T000000_A012303_T31TFJ_N05.10"
    level1 = "" if level == "1C" else f'<L1C_TILE_ID metadataLevel="Brief">{own.replace("L2A", "L1C")}</L1C_TILE_ID>'
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-{level}_Tile_ID xmlns:n1="https://psd-{psd}.sentinel2.eo.esa.int/PSD/S2_PDI_Level-{level}_Tile_Metadata.xsd">
  <n1:General_Info>
    {level1}
    <TILE_ID metadataLevel="Brief">{own}</TILE_ID>
    <DATASTRIP_ID metadataLevel="Standard">S2A_OPER_MSI_L1C_DS_2BPS</DATASTRIP_ID>
    <DOWNLINK_PRIORITY metadataLevel="Standard">NOMINAL</DOWNLINK_PRIORITY>
    <SENSING_TIME metadataLevel="Standard">2017-10-30T10:47:54.590Z</SENSING_TIME>
    <Archiving_Info metadataLevel="Expertise"><ARCHIVING_CENTRE>2BPS</ARCHIVING_CENTRE></Archiving_Info>
  </n1:General_Info>
  <n1:Geometric_Info>
    <Tile_Geocoding metadataLevel="Brief">
      <HORIZONTAL_CS_NAME>WGS84 / UTM zone 31N</HORIZONTAL_CS_NAME>
    </Tile_Geocoding>
    <Tile_Angles metadataLevel="Standard">
      <Sun_Angles_Grid><Zenith/></Sun_Angles_Grid>
      <Mean_Sun_Angle>{sun}<AZIMUTH_ANGLE unit="deg">168.9</AZIMUTH_ANGLE></Mean_Sun_Angle>
      <Mean_Viewing_Incidence_Angle_List>
        <Mean_Viewing_Incidence_Angle bandId="0">
          <ZENITH_ANGLE unit="deg">3.5</ZENITH_ANGLE><AZIMUTH_ANGLE unit="deg">138.2</AZIMUTH_ANGLE>
        </Mean_Viewing_Incidence_Angle>
      </Mean_Viewing_Incidence_Angle_List>
    </Tile_Angles>
  </n1:Geometric_Info>
  <n1:Quality_Indicators_Info metadataLevel="Standard">
    <Image_Content_QI>
      <CLOUDY_PIXEL_PERCENTAGE>3.14</CLOUDY_PIXEL_PERCENTAGE>
      <DEGRADED_MSI_DATA_PERCENTAGE>0</DEGRADED_MSI_DATA_PERCENTAGE>
    </Image_Content_QI>
  </n1:Quality_Indicators_Info>
</n1:Level-{level}_Tile_ID>""".encode()


def fake_product(tmp_path, *, satellite="A", level="Level-1C", baseline="05.10", documents=None, **changes) -> FakeProduct:
    """A Sentinel-2 product; `documents` replaces single metadata documents."""
    code = level[-2:]
    psd = 15 if baseline >= "05.11" else 14
    own = {"product": product_xml(code, baseline, satellite, psd), "tile": tile_xml(code, psd)} | (documents or {})
    values = dict(
        name=f"S2{satellite}_MSIL{code}_20171030T104151_N{baseline.replace('.', '')}_R008_T31TFJ_20171030T143754.SAFE",
        container=Folder(tmp_path), family="Sentinel-2 SAFE", sensor="S2", sensor_name=f"S2{satellite}",
        mission=f"Sentinel-2{satellite}", instrument="MSI", level=level, tile="31TFJ",
        acquisition=datetime(2017, 10, 30, 10, 47, 54, 590000, tzinfo=UTC),
        datatake_start=datetime(2017, 10, 30, 10, 41, 51, 26000, tzinfo=UTC),
        datastrip_start=datetime(2017, 10, 30, 10, 47, 54, 590000, tzinfo=UTC),
        generation_time=datetime(2017, 10, 30, 14, 37, 54, tzinfo=UTC), relative_orbit=8, absolute_orbit="012303",
        baseline=baseline, cloud_cover=3.14, sun_zenith=58.3, sun_azimuth=168.9, centre=(43.74, 4.92), refined=True, epsg=32631,
        bands={}, missing_bands=(), documents=own,
    )  # fmt: skip
    return FakeProduct(**(values | changes))


def landsat_product(tmp_path, **changes) -> FakeProduct:
    values = dict(
        family="Landsat", sensor="L8", sensor_name="LS8", mission="LANDSAT_8", instrument="OLI_TIRS", level="L1TP",
        name="LC08_L1TP_196030_20170420_20200904_02_T1", relative_orbit=196, absolute_orbit="000000", baseline="02",
        acquisition=datetime(2017, 4, 20, 10, 22, 53, 650000, tzinfo=UTC),
        datatake_start=datetime(2017, 4, 20, 10, 22, 53, 650000, tzinfo=UTC),
        datastrip_start=datetime(2017, 4, 20, 10, 22, 53, 650000, tzinfo=UTC),
        generation_time=datetime(2020, 9, 4, 1, 2, 3, tzinfo=UTC), cloud_cover=1.53, sun_zenith=35.28, sun_azimuth=148.15,
    )  # fmt: skip
    return fake_product(tmp_path, **(values | changes | {"documents": {"product": None, "tile": None}}))


def output_product(
    source, level="L2H", *, tile="31TFJ", bands=None, decimation=DECIMATION, files=True, **changes
) -> OutputProduct:
    """The output of `source` with images and files that are listed but not written (see `write_rasters`)."""
    names = ProductNames.of(source, level, tile, PRODUCED, "4.6.0")
    square = mgrs.tile(tile)
    bands = bands or (S2_BANDS if source.sensor == "S2" else LANDSAT_BANDS)
    images = []
    for key, (resolution, native) in bands.items():
        grid = square.geobox(resolution * decimation)
        band = key.removeprefix("NATIVE ")
        path = names.image(band, resolution, native)
        meaning = RADIANCE if source.sensor != "S2" and native and band != "B08" else Quantity.reflectance(10000, 1000)
        images.append(WrittenImage(path, band, native, resolution * decimation, tuple(grid.shape), grid.affine, square.epsg,
                                   "uint16", 0, meaning, "COG", 1, "0" * 64))  # fmt: skip
    grid = square.geobox(20 * decimation)
    auxiliary = (
        WrittenFile(names.angles, "ANG"),
        WrittenFile(names.copied_mask("MSK_DETFOO_B01.jp2"), "INPUT_MASK", "JPEG2000", {"bandId": "0", "type": "MSK_DETFOO"}),
        WrittenFile(names.mask, "MSK", "COG", {}, tuple(grid.shape), grid.affine),
        WrittenFile(names.preview, "PVI"),
        WrittenFile(names.quicklook("B432"), "QL_B432", "JPEG"),
    )  # fmt: skip
    values = dict(
        level=level, names=names, source=source, tile=square, record=ProcessingRecord(), images=tuple(images),
        files=auxiliary if files else (), production_time=PRODUCED, gain=10000.0, offset=1000.0, output_format="COG",
        configuration_name="config.ini", configuration_hash="abc123", mean_angles=MeanAngles(58.25, 168.9, 3.5, 138.2),
    )  # fmt: skip
    return OutputProduct(**(values | changes))


def write_rasters(folder: Path, product: OutputProduct) -> OutputProduct:
    """Really write what `product` lists, and return it with true sizes and checksums."""
    images, others = [], []
    for image in product.images:
        path = folder / image.path
        path.parent.mkdir(parents=True, exist_ok=True)
        height, width = image.shape
        with rasterio.open(path, "w", driver="GTiff", height=height, width=width, count=1, dtype="uint16",
                           transform=image.transform, crs=f"EPSG:{image.epsg}") as out:  # fmt: skip
            out.write(np.full(image.shape, 2000, np.uint16), 1)
        content = path.read_bytes()
        images.append(replace(image, size=len(content), sha256=hashlib.sha256(content).hexdigest()))
    for file in product.files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.shape is None:
            path.write_bytes(b"x")
        else:
            height, width = file.shape
            with rasterio.open(path, "w", driver="GTiff", height=height, width=width, count=1, dtype="uint8") as out:
                out.write(np.ones(file.shape, np.uint8), 1)
        others.append(replace(file, size=path.stat().st_size))
    return replace(product, images=tuple(images), files=tuple(others))

