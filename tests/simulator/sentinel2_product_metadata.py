"""MTD_MSIL1C.xml and MTD_MSIL2A.xml, as text."""

import numpy as np
from shapely.geometry import Polygon

from . import geometry
from .scene import Scene
from .sentinel2_bands import PHYSICAL_GAIN, RESOLUTION, SCENE_CLASSES, SOLAR_IRRADIANCE, WAVELENGTHS
from .sentinel2_metadata import XML_HEAD, root_attributes
from .sentinel2_names import Names, compact, iso, iso_microseconds
from .world import BANDS

FAR = 1e6
"""Metres: stands for "no limit" along the track."""


def product_metadata(scene: Scene, names: Names, images: list[str], cloud: float, refined: bool) -> str:
    """`images`: paths without extension; `cloud`: percent; `refined`: with a list of reference images (GRI)."""
    level = names.level[1:]
    return "".join([
        XML_HEAD,
        f"<n1:Level-{level}_User_Product {root_attributes(names, f'User_Product_Level-{level}')}>\n    <n1:General_Info>\n",
        _product_info(names, images),
        "        <Product_Image_Characteristics>\n",
        _special_values(),
        _quantification(names),
        _spectral(names),
        _classes(names) if names.level == "L2A" else "",
        "        </Product_Image_Characteristics>\n    </n1:General_Info>\n",
        _geometric_info(scene),
        _auxiliary(names, refined),
        _quality(cloud),
        f"</n1:Level-{level}_User_Product>\n",
    ])  # fmt: skip


def footprint(scene: Scene) -> str:
    """Outline of the data, "lat lon lat lon ..." (closed)."""
    x0, y0, cx, cy, ax, ay, half, _, start, stop, _ = scene.track
    start, stop = max(start, -FAR), min(stop, FAR)
    corners = ((-1, start), (1, start), (1, stop), (-1, stop))
    swath = Polygon([(x0 + side * half * cx + a * ax, y0 + side * half * cy + a * ay) for side, a in corners])
    west, north, east, south = scene.ulx, scene.uly, scene.ulx + scene.width, scene.uly - scene.height
    data = Polygon([(west, north), (east, north), (east, south), (west, south)]).intersection(swath)
    ring = data.exterior.coords if data.area else [(scene.ulx, scene.uly)] * 5
    lon, lat = geometry.lonlat(scene.epsg, *np.array(ring).T)
    return " ".join(f"{a:.12g} {b:.12g}" for a, b in zip(lat, lon, strict=True))


def _product_info(names, images):
    level = names.level[1:]
    doi = "            <PRODUCT_DOI>https://doi.org/10.5270/S2_-znk9xsj</PRODUCT_DOI>\n" if names.level == "L2A" else ""
    image_format = "GeoTIFF" if names.extension == "tif" else "JPEG2000"
    granule, image = ("Granules", "IMAGE_ID") if names.long else ("Granule", "IMAGE_FILE")
    listed = [path.rsplit("/", 1)[1] for path in images] if names.long else images
    files = "".join(f"                        <{image}>{path}</{image}>\n" for path in listed)
    return f'''        <Product_Info>
            <PRODUCT_START_TIME>{iso(names.datatake)}</PRODUCT_START_TIME>
            <PRODUCT_STOP_TIME>{iso(names.datatake)}</PRODUCT_STOP_TIME>
            <PRODUCT_URI>{names.product}.SAFE</PRODUCT_URI>
            <PROCESSING_LEVEL>Level-{level}</PROCESSING_LEVEL>
            <PRODUCT_TYPE>S2MSI{level}</PRODUCT_TYPE>
            <PROCESSING_BASELINE>{names.baseline}</PROCESSING_BASELINE>
{doi}            <GENERATION_TIME>{iso_microseconds(names.made)}</GENERATION_TIME>
            <PREVIEW_IMAGE_URL>Not applicable</PREVIEW_IMAGE_URL>
            <PREVIEW_GEO_INFO>Not applicable</PREVIEW_GEO_INFO>
            <Datatake datatakeIdentifier="{names.datatake_id}">
                <SPACECRAFT_NAME>Sentinel-{names.acq.sensor[1:]}</SPACECRAFT_NAME>
                <DATATAKE_TYPE>INS-NOBS</DATATAKE_TYPE>
                <DATATAKE_SENSING_START>{iso(names.datatake)}</DATATAKE_SENSING_START>
                <SENSING_ORBIT_NUMBER>{names.relative_orbit}</SENSING_ORBIT_NUMBER>
                <SENSING_ORBIT_DIRECTION>DESCENDING</SENSING_ORBIT_DIRECTION>
            </Datatake>
            <Query_Options completeSingleTile="true">
                <PRODUCT_FORMAT>{"SAFE" if names.long else "SAFE_COMPACT"}</PRODUCT_FORMAT>
            </Query_Options>
            <Product_Organisation>
                <Granule_List>
                    <{granule} datastripIdentifier="{names.datastrip_id}" granuleIdentifier="{names.tile_id}" \
imageFormat="{image_format}">
{files}                    </{granule}>
                </Granule_List>
            </Product_Organisation>
        </Product_Info>
'''


def _special_values():
    values = "".join(
        f"""            <Special_Values>
                <SPECIAL_VALUE_TEXT>{text}</SPECIAL_VALUE_TEXT>
                <SPECIAL_VALUE_INDEX>{index}</SPECIAL_VALUE_INDEX>
            </Special_Values>
"""
        for text, index in (("NODATA", 0), ("SATURATED", 65535))
    )
    return f"""{values}            <Image_Display_Order>
                <RED_CHANNEL>3</RED_CHANNEL>
                <GREEN_CHANNEL>2</GREEN_CHANNEL>
                <BLUE_CHANNEL>1</BLUE_CHANNEL>
            </Image_Display_Order>
"""


def _quantification(names):
    if names.level == "L1C":
        element, group = "RADIO_ADD_OFFSET", "Radiometric_Offset_List"
        text = '            <QUANTIFICATION_VALUE unit="none">10000</QUANTIFICATION_VALUE>\n'
    else:
        element, group = "BOA_ADD_OFFSET", "BOA_ADD_OFFSET_VALUES_LIST"
        text = """            <QUANTIFICATION_VALUES_LIST>
                <BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE>
                <AOT_QUANTIFICATION_VALUE unit="none">1000.0</AOT_QUANTIFICATION_VALUE>
                <WVP_QUANTIFICATION_VALUE unit="cm">1000.0</WVP_QUANTIFICATION_VALUE>
            </QUANTIFICATION_VALUES_LIST>
"""
    if not names.offset:
        return text
    offsets = "".join(f'                <{element} band_id="{i}">{-names.offset}</{element}>\n' for i in range(len(BANDS)))
    return f"{text}            <{group}>\n{offsets}            </{group}>\n"


def _spectral(names):
    u = 1 / geometry.earth_sun_distance(names.acq.day_of_year) ** 2
    irradiance = "".join(
        f'                    <SOLAR_IRRADIANCE bandId="{i}" unit="W/m²/µm">{e}</SOLAR_IRRADIANCE>\n'
        for i, e in enumerate(SOLAR_IRRADIANCE)
    )
    text = f"""            <Reflectance_Conversion>
                <U>{u:.15g}</U>
                <Solar_Irradiance_List>
{irradiance}                </Solar_Irradiance_List>
            </Reflectance_Conversion>
            <Spectral_Information_List>
"""
    for i, band in enumerate(BANDS):
        first, last, centre = WAVELENGTHS[i]
        response = " ".join(["0.1", *["1"] * (last - first - 1), "0.1"])
        text += f"""                <Spectral_Information bandId="{i}" physicalBand="{band.replace("B0", "B")}">
                    <RESOLUTION>{RESOLUTION[band]}</RESOLUTION>
                    <Wavelength>
                        <MIN unit="nm">{first}</MIN>
                        <MAX unit="nm">{last}</MAX>
                        <CENTRAL unit="nm">{centre}</CENTRAL>
                    </Wavelength>
                    <Spectral_Response>
                        <STEP unit="nm">1</STEP>
                        <VALUES>{response}</VALUES>
                    </Spectral_Response>
                </Spectral_Information>
"""
    text += "            </Spectral_Information_List>\n"
    for i, gain in enumerate(PHYSICAL_GAIN):
        text += f'            <PHYSICAL_GAINS bandId="{i}">{gain}</PHYSICAL_GAINS>\n'
    return text + "            <REFERENCE_BAND>3</REFERENCE_BAND>\n"


def _classes(names):
    text = "            <Scene_Classification_List>\n"
    for index, name in enumerate(SCENE_CLASSES):
        if name == "DARK_FEATURE_SHADOW" and names.psd == "15":
            name = "CAST_SHADOW"
        text += f"""                <Scene_Classification_ID>
                    <SCENE_CLASSIFICATION_TEXT>SC_{name}</SCENE_CLASSIFICATION_TEXT>
                    <SCENE_CLASSIFICATION_INDEX>{index}</SCENE_CLASSIFICATION_INDEX>
                </Scene_Classification_ID>
"""
    return text + "            </Scene_Classification_List>\n"


def _geometric_info(scene):
    return f"""    <n1:Geometric_Info>
        <Product_Footprint>
            <Product_Footprint>
                <Global_Footprint>
                    <EXT_POS_LIST>{footprint(scene)}</EXT_POS_LIST>
                </Global_Footprint>
            </Product_Footprint>
            <RASTER_CS_TYPE>POINT</RASTER_CS_TYPE>
            <PIXEL_ORIGIN>1</PIXEL_ORIGIN>
        </Product_Footprint>
        <Coordinate_Reference_System>
            <GEO_TABLES version="1">EPSG</GEO_TABLES>
            <HORIZONTAL_CS_TYPE>GEOGRAPHIC</HORIZONTAL_CS_TYPE>
        </Coordinate_Reference_System>
    </n1:Geometric_Info>
"""


def _auxiliary(names, refined):
    gipp = f"{names.acq.sensor}_OPER_GIP_PROBAS_MPC__20231208T000510_V20231213T030000_21000101T000000_B00"
    iers = "S2__OPER_AUX_UT1UTC_PDMC_20210527T000000_V20210528T000000_20220527T000000"
    gri = """        <GRI_List>
            <GRI_FILENAME>S2A_OPER_AUX_GRI065_PDMC_20190626T090000_S20161031T000000_B00</GRI_FILENAME>
        </GRI_List>
"""
    day = f"{names.acq.when:%Y%m%d}"
    cams = f"S2__OPER_AUX_CAMSFO_ADG__{compact(names.made)}_V{day}T090000_{day}T210000"
    text = f"""    <n1:Auxiliary_Data_Info>
        <GIPP_List>
            <GIPP_FILENAME type="GIP_PROBAS" version="{names.baseline.replace(".", "")}">{gipp}</GIPP_FILENAME>
        </GIPP_List>
        <PRODUCTION_DEM_TYPE>S2__OPER_DEM_COPF30_MPC__20150605T094736_S19991130T000000</PRODUCTION_DEM_TYPE>
        <IERS_BULLETIN_FILENAME>{iers}</IERS_BULLETIN_FILENAME>
{gri if refined else ""}        <ECMWF_DATA_REF>{cams}</ECMWF_DATA_REF>
"""
    if names.level == "L2A":
        text += """        <LUT_List>
            <LUT_FILENAME>None</LUT_FILENAME>
        </LUT_List>
        <SNOW_CLIMATOLOGY_MAP>None</SNOW_CLIMATOLOGY_MAP>
        <ESACCI_WaterBodies_Map>ESACCI-LC-L4-WB-Map-150m-P13Y-2000-v4.0.tif</ESACCI_WaterBodies_Map>
        <ESACCI_LandCover_Map>ESACCI-LC-L4-LCCS-Map-300m-P1Y-2015-v2.0.7.tif</ESACCI_LandCover_Map>
        <ESACCI_SnowCondition_Map_Dir>ESACCI-LC-L4-Snow-Cond-500m-MONTHLY-2000-2012-v2.4</ESACCI_SnowCondition_Map_Dir>
"""
    return text + "    </n1:Auxiliary_Data_Info>\n"


def _quality(cloud):
    kinds = ("SENSOR_QUALITY", "GEOMETRIC_QUALITY", "GENERAL_QUALITY", "FORMAT_CORRECTNESS", "RADIOMETRIC_QUALITY")
    checks = "".join(f'                <quality_check checkType="{kind}">PASSED</quality_check>\n' for kind in kinds)
    return f"""    <n1:Quality_Indicators_Info>
        <Cloud_Coverage_Assessment>{cloud:.6f}</Cloud_Coverage_Assessment>
        <Technical_Quality_Assessment>
            <DEGRADED_ANC_DATA_PERCENTAGE>0.0</DEGRADED_ANC_DATA_PERCENTAGE>
            <DEGRADED_MSI_DATA_PERCENTAGE>0</DEGRADED_MSI_DATA_PERCENTAGE>
        </Technical_Quality_Assessment>
        <Quality_Control_Checks>
            <Quality_Inspections>
{checks}            </Quality_Inspections>
            <Failed_Inspections/>
        </Quality_Control_Checks>
    </n1:Quality_Indicators_Info>
"""
