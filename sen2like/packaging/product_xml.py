"""Product metadata ``MTD_<III><LLL>.xml`` (spec 11 section 2).

What describes the input (datatake, irradiance, spectral response, gains, footprint system, auxiliary data, quality) is
copied from the product metadata of a Sentinel-2 input. An element the input lacks is left out with a warning, or says
``NONE`` where that is its usual text; values of another product never appear.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePosixPath

from lxml import etree

from sen2like.packaging import schemas
from sen2like.packaging.output import OutputProduct, spectral_band, table
from sen2like.packaging.quantity import TEMPERATURE_UNIT, Quantity
from sen2like.packaging.xmltree import SourceDocument, add, add_copy, document_root, section

PRODUCT_DOI = "https://doi.org/10.57780/esa-4862e7e"
ECCENTRICITY = 0.01673
"""Of the Earth's orbit, as used by the Sentinel-2 ground segment (spec 11 section 5)."""
DN_SATURATED = 65535
_BAND_IDS = range(13)
_AUXILIARY = (
    "PRODUCTION_DEM_TYPE", "IERS_BULLETIN_FILENAME", "ECMWF_DATA_REF", "SNOW_CLIMATOLOGY_MAP",
    "ESACCI_WaterBodies_Map", "ESACCI_LandCover_Map", "ESACCI_SnowCondition_Map_Dir",
)  # fmt: skip


def build(product: OutputProduct, sources: Mapping[str, SourceDocument], psd: int) -> etree._Element:
    """The document's root. `sources`: documents of a Sentinel-2 input, empty for other families; `psd`: 14 or 15."""
    source = sources.get("product")
    root = document_root(
        schemas.namespace(schemas.PRODUCT, product.level, psd),
        f"Level-{product.level[1:]}_User_Product",
        f"rep_info/{schemas.name(schemas.PRODUCT, product.level)}",
    )
    general = section(root, "General_Info")
    _product_info(add(general, "Product_Info"), product, source, sources.get("tile"))
    _image_characteristics(add(general, "Product_Image_Characteristics"), product, source, psd)
    _geometry(section(root, "Geometric_Info"), product, source)
    _auxiliary_data(section(root, "Auxiliary_Data_Info"), product, source)
    _quality(section(root, "Quality_Indicators_Info"), product, source)
    return root


def sun_earth_factor(time: datetime) -> float:
    """U of `time` (UTC): the inverse square of the Sun-Earth distance in astronomical units (spec 11 section 5).

    1 / (1 - e cos(0.0172 (JD - 2433283 - 2)))^2, JD the Julian date; about 1.034 in January and 0.967 in July.
    """
    seconds = (time.hour * 60 + time.minute) * 60 + time.second + time.microsecond * 1e-6
    julian_date = time.toordinal() + 1_721_424.5 + seconds / 86_400
    return 1 / (1 - ECCENTRICITY * math.cos(0.0172 * (julian_date - 2_433_283 - 2))) ** 2


def computed_time(time: datetime) -> str:
    """A time that is not copied: six decimals and Z."""
    return f"{time:%Y-%m-%dT%H:%M:%S.%f}Z"


def plain(number: float) -> str:
    """``10000`` for 10000.0, ``9999.5`` for 9999.5."""
    return str(int(number)) if float(number).is_integer() else repr(float(number))


def copied(parent: etree._Element, name: str, source: SourceDocument | None, product: OutputProduct) -> etree._Element | None:
    """Append a copy of the source's element of that name; without one nothing, and a warning."""
    found = source.element(name) if source is not None else None
    if found is None:
        if source is not None:
            product.record.warn(f"{source.what} has no {name}: left out of the {product.level} metadata")
        return None
    return add_copy(parent, found)


def _product_info(info, product: OutputProduct, source: SourceDocument | None, tile: SourceDocument | None) -> None:
    names, acquired = product.names, computed_time(product.source.acquisition)
    for name in ("PRODUCT_START_TIME", "PRODUCT_STOP_TIME"):
        if source is None:
            add(info, name, acquired)
        else:
            copied(info, name, source, product)
    add(info, "PRODUCT_URI", names.folder)
    add(info, "PROCESSING_LEVEL", f"Level-{product.level[1:]}")
    add(info, "PRODUCT_TYPE", f"{product.source.sensor}{names.instrument}{product.level[1:]}")
    add(info, "PROCESSING_BASELINE", names.baseline.dotted)
    add(info, "PRODUCT_DOI", PRODUCT_DOI)
    add(info, "GENERATION_TIME", f"{computed_time(product.production_time)[:-4]}Z")
    add(info, "PREVIEW_IMAGE_URL", "NONE")
    add(info, "PREVIEW_GEO_INFO", "NONE")
    if source is None:
        datatake = add(info, "Datatake")
        add(datatake, "SPACECRAFT_NAME", product.source.mission)
        add(datatake, "DATATAKE_TYPE", "INS-NOBS")
        add(datatake, "DATATAKE_SENSING_START", acquired)
        add(datatake, "SENSING_ORBIT_NUMBER", product.source.relative_orbit)
        add(datatake, "SENSING_ORBIT_DIRECTION", "DESCENDING")
    else:
        copied(info, "Datatake", source, product)
    if source is None or copied(info, "Query_Options", source, product) is None:
        add(add(info, "Query_Options", completeSingleTile="true"), "PRODUCT_FORMAT", "SAFE_COMPACT")
    granules = add(add(info, "Product_Organisation"), "Granule_List")
    granule = add(
        granules,
        "Granule",
        granuleIdentifier=tile_identifier(product, tile),
        imageFormat="JPEG2000" if product.output_format == "JPEG2000" else "GEOTIFF",
    )
    for path in sorted({str(PurePosixPath(image.path).with_suffix("")) for image in product.images}):
        add(granule, "IMAGE_FILE_2HF", path)


def tile_identifier(product: OutputProduct, tile: SourceDocument | None) -> str:
    """TILE_ID of the output; the archiving centre is the input's, ``ZZZ`` if it has none and ``ZZZ_`` for Landsat."""
    centre = "ZZZ_" if tile is None else tile.text("ARCHIVING_CENTRE") or "ZZZ"
    return product.names.tile_identifier(product.source.acquisition, centre)


def _image_characteristics(pic, product: OutputProduct, source: SourceDocument | None, psd: int) -> None:
    for text, index in (("NODATA", 0), ("SATURATED", DN_SATURATED)):
        special = add(pic, "Special_Values")
        add(special, "SPECIAL_VALUE_TEXT", text)
        add(special, "SPECIAL_VALUE_INDEX", index)
    order = add(pic, "Image_Display_Order")
    for colour, index in (("RED", 3), ("GREEN", 2), ("BLUE", 1)):
        add(order, f"{colour}_CHANNEL", index)
    quantification = add(pic, "QUANTIFICATION_VALUES_LIST")
    add(quantification, "BOA_QUANTIFICATION_VALUE", plain(product.gain), unit="none")
    add(quantification, "AOT_QUANTIFICATION_VALUE", "1000.0", unit="none")
    add(quantification, "WVP_QUANTIFICATION_VALUE", "1000.0", unit="cm")
    offsets = add(pic, "BOA_ADD_OFFSET_VALUES_LIST")
    for band_id in _BAND_IDS:
        add(offsets, "BOA_ADD_OFFSET", plain(-product.offset), band_id=band_id)
    if source is None:
        _spectral_data(pic, product)
    else:
        copied(pic, "Reflectance_Conversion", source, product)
        copied(pic, "Spectral_Information_List", source, product)
        for gains in source.elements("PHYSICAL_GAINS"):
            add_copy(pic, gains)
    add(pic, "REFERENCE_BAND", 0)
    if source is None or not product.source.is_level2 or copied(pic, "Scene_Classification_List", source, product) is None:
        _scene_classes(add(pic, "Scene_Classification_List"), psd)


def _spectral_data(pic, product: OutputProduct) -> None:
    """Irradiance and wavelengths of the bands present: Sentinel-2A's, to which the data are adjusted, and Landsat's own."""
    conversion = add(pic, "Reflectance_Conversion")
    add(conversion, "U", repr(sun_earth_factor(product.source.acquisition)))
    irradiances = add(conversion, "Solar_Irradiance_List")
    spectra = add(pic, "Spectral_Information_List")
    bands = [(image, spectral_band(image, product.source.sensor)) for image in product.images]
    for image, band in sorted(bands, key=lambda pair: (pair[0].native, -1 if pair[1].band_id is None else pair[1].band_id)):
        identifier = {} if band.band_id is None else {"bandId": band.band_id}
        if band.irradiance is not None:
            add(irradiances, "SOLAR_IRRADIANCE", band.irradiance, **identifier, unit="W/m²/µm")
        spectrum = add(spectra, "Spectral_Information", **identifier, physicalBand=band.physical_band)
        add(spectrum, "RESOLUTION", plain(image.resolution))
        wavelength = add(spectrum, "Wavelength")
        add(wavelength, "MIN", plain(band.minimum), unit="nm")
        add(wavelength, "MAX", plain(band.maximum), unit="nm")
        add(wavelength, "CENTRAL", plain(band.central), unit="nm")
        if image.quantity.unit is not None:
            _scale(add(spectrum, "Radiometric_Scale", quantity=image.quantity.name), image.quantity)


def _scale(scale, quantity: Quantity) -> None:
    """value = MULT * DN + ADD of a band that is no reflectance; K1 and K2 turn a radiance into brightness temperature."""
    add(scale, "MULT", quantity.scale, unit=quantity.unit)
    add(scale, "ADD", quantity.offset, unit=quantity.unit)
    if quantity.k1 is not None and quantity.k2 is not None:
        add(scale, "K1", quantity.k1, unit=quantity.unit)
        add(scale, "K2", quantity.k2, unit=TEMPERATURE_UNIT)


def _scene_classes(classes, psd: int) -> None:
    for row in table("scene_classes.csv"):
        entry = add(classes, "Scene_Classification_ID")
        renamed = psd >= 15 and row["index"] == "2"
        add(entry, "SCENE_CLASSIFICATION_TEXT", "SC_CAST_SHADOW" if renamed else row["text"])
        add(entry, "SCENE_CLASSIFICATION_INDEX", row["index"])


def _geometry(geometric, product: OutputProduct, source: SourceDocument | None) -> None:
    outer = add(geometric, "Product_Footprint")
    corners = [*product.tile.corners, product.tile.corners[0]]
    positions = " ".join(f"{lat:.7f} {lon:.7f}" for lon, lat in corners)
    add(add(add(outer, "Product_Footprint"), "Global_Footprint"), "EXT_POS_LIST", positions)
    add(outer, "RASTER_CS_TYPE", "POINT")
    add(outer, "PIXEL_ORIGIN", 1)
    if source is None:
        system = add(geometric, "Coordinate_Reference_System")
        add(system, "GEO_TABLES", "EPSG", version=1)
        add(system, "HORIZONTAL_CS_TYPE", "GEOGRAPHIC")
    else:
        copied(geometric, "Coordinate_Reference_System", source, product)


def _auxiliary_data(auxiliary, product: OutputProduct, source: SourceDocument | None) -> None:
    gipp = add(auxiliary, "GIPP_List")
    if source is not None:
        for entry in source.elements("GIPP_FILENAME"):
            add_copy(gipp, entry)
    configuration = product.configuration_name.replace("\\", "/")
    add(gipp, "GIPP_FILENAME", PurePosixPath(configuration).stem, version=product.names.baseline.compact, type="GIP_S2LIKE")
    for name in _AUXILIARY:
        add(auxiliary, name, source.text(name) or "NONE" if source is not None else "NONE")
    gri = add(auxiliary, "GRI_List")
    if source is not None:
        for entry in source.elements("GRI_FILENAME"):
            add_copy(gri, entry)


def _quality(quality, product: OutputProduct, source: SourceDocument | None) -> None:
    if source is None:
        if product.source.cloud_cover is not None:
            add(quality, "Cloud_Coverage_Assessment", product.source.cloud_cover)
        return
    found = source.element("Quality_Indicators_Info")
    if found is None:
        product.record.warn(f"{source.what} has no Quality_Indicators_Info: left out of the {product.level} metadata")
        return
    for child in found:
        add_copy(quality, child)
