"""The sections of the configuration: the only place where a parameter is declared.

Every field carries its description, default and range; a default is what happens when the key is absent. The order of
sections and keys is that of the GIPP XSD (spec 01 section 2.5).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sen2like.config.types import (
    FALSE,
    TRUE,
    Compression,
    IfExists,
    ImageFormat,
    Interleave,
    Levels,
    Mask60m,
    MaskFraming,
    NbarKernel,
    NbarMethod,
    NbarSunZenith,
    OptionalPath,
    PredictMethod,
    Predictor,
    ProcessingLevel,
    QualityRule,
    ReferenceOrAccurate,
    RequiredPath,
    Resampling,
    Rounding,
    S2Band,
    S2Bands,
    SelectionRule,
    SmacMethod,
    Switch,
    bare,
)
from sen2like.execution.threads import available_cores


class Section(BaseModel):
    """One section of the configuration file; its docstring introduces it there."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    title: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, values: object) -> object:
        if not isinstance(values, Mapping):
            return values
        return {
            k: v
            for k, v in values.items()
            if v is not None or k not in cls.model_fields or bare(cls.model_fields[k].annotation)[1]
        }


class Processing(Section):
    """Which blocks run. A switch that is absent is off."""

    title = "Processing"
    doGeometry: Switch = Field(default=False, description="Put the image on the grid of the tile; needed by Landsat.")
    doStitching: Switch = Field(default=False, description="Fill the tile with the neighbouring scene of the same pass.")
    doGeometryCheck: Switch = Field(default=False, description="Measure the remaining displacement against the reference image.")
    doToa: Switch = Field(default=False, description="Digital numbers to top-of-atmosphere reflectance.")
    doInterCalibration: Switch = Field(default=False, description="Bring Sentinel-2B to the radiometry of Sentinel-2A.")
    doAtmcor: Switch = Field(default=False, description="Atmospheric correction of Level-1 products (SMAC, or Sen2Cor).")
    doNbar: Switch = Field(default=False, description="BRDF adjustment to a nadir view (NBAR).")
    doSbaf: Switch = Field(default=False, description="Spectral band adjustment of Landsat to Sentinel-2A.")
    doTopographicCorrection: Switch = Field(default=False, description="Correct the illumination of slopes; experimental.")
    doFusion: Switch = Field(default=False, description="Sharpen Landsat to 10 and 20 m with the latest Sentinel-2 L2F products.")
    doPackagerL2H: Switch = Field(default=False, description="Write L2H products: harmonised, each sensor at its own resolution.")
    doPackagerL2F: Switch = Field(default=False, description="Write L2F products: Landsat at 10 and 20 m; needs doFusion.")


class Directories(Section):
    """Where outputs go and auxiliary data are. None = not available."""

    title = "Directories"
    archive_dir: RequiredPath = Field(  # type: ignore[assignment]  # `load` refuses a configuration without it
        default=None, description="Archive of the results: <archive_dir>/<tile>/<product>.SAFE."
    )
    cams_dir: OptionalPath = Field(default=None, description="CAMS monthly files.")
    cams_daily_dir: OptionalPath = Field(default=None, description="CAMS daily files.")
    cams_hourly_dir: OptionalPath = Field(default=None, description="CAMS hourly forecasts, for near real time.")
    cams_climatology_dir: OptionalPath = Field(default=None, description="CAMS climatology, used when nothing better exists.")
    scl_dir: OptionalPath = Field(
        default=None,
        description="Scene classifications that replace the cloud mask of a Level-1 product: "
        "<scl_dir>/<tile>/T<tile>_<YYYYMMDDTHHMMSS>_SCL_60m.tif.",
    )


class InputProductArchive(Section):
    """Where input products come from. Not used by product-mode, which is given its product.

    A mission is local when its url_parameters_pattern_<mission> is a folder, remote when it follows url_parameters_pattern.
    Placeholders: {base_url} {base_url_s2} {base_url_landsat} {mission} {tile} {path} {row} {location} {start_date} {end_date}
    {cloud_cover} {s2_processing_level}.
    """

    title = "InputProductArchive"
    coverage: float = Field(default=0.1, ge=0, le=1, description="Least part of the tile that a scene must cover.")
    cloud_cover: float = Field(default=10.0, ge=0, le=100, description="Products with more clouds (percent) are not processed.")
    base_url: str | None = Field(default=None, description="Root of the archive: a folder or a catalogue address.")
    base_url_s2: str | None = Field(default=None, description="The same for Sentinel-2 alone.", examples=["/data/PRODUCTS"])
    base_url_landsat: str | None = Field(default=None, description="The same for Landsat alone.", examples=["/data/PRODUCTS"])
    url_parameters_pattern_Sentinel2: str | None = Field(default=None, description="Folder of a tile's Sentinel-2 products.")
    url_parameters_pattern_Landsat8: str | None = Field(default=None, description="Folder of a scene's Landsat 8 products.")
    url_parameters_pattern_Landsat9: str | None = Field(default=None, description="Folder of a scene's Landsat 9 products.")
    location_Landsat8: str | None = Field(
        default=None,
        description="Place clause of a remote Landsat 8 search.",
        examples=["((Collection/Name eq 'LANDSAT-8')) and (contains(Name,%27{path}{row}%27))"],
    )
    location_Landsat9: str | None = Field(
        default=None,
        description="Place clause of a remote Landsat 9 search.",
        examples=["((Collection/Name eq 'LANDSAT-9')) and (contains(Name,%27{path}{row}%27))"],
    )
    location_Sentinel2: str | None = Field(
        default=None,
        description="Place clause of a remote Sentinel-2 search.",
        examples=["((Collection/Name eq 'SENTINEL-2')) and (contains(Name,%27{tile}%27))"],
    )
    url_parameters_pattern: str | None = Field(
        default=None,
        description="Address of a remote search, for missions without a pattern of their own.",
        examples=[
            "{base_url}{location} and (ContentDate/Start ge {start_date} and ContentDate/Start le {end_date}))"
            "&$orderby=ContentDate/Start%20asc&$top=1000&$expand=Attributes"
        ],
    )
    thumbnail_property: str | None = Field(
        default=None, description="RESTO answers: where the product's path is.", examples=["properties/productIdentifier"]
    )
    cloud_cover_property: str | None = Field(
        default=None, description="RESTO answers: where the cloud cover is.", examples=["properties/cloudCover"]
    )
    gml_geometry_property: str | None = Field(
        default=None, description="RESTO answers: where the footprint is.", examples=["properties/gmlgeometry"]
    )
    selection: SelectionRule = Field(
        default="better",
        description="How products are chosen. better: versions of one image by baseline or tier, passes by what they cover "
        "together, clouds first. legacy: one product per day and sensor, as ESA's program.",
    )
    s2_processing_level: ProcessingLevel | None = Field(
        default=None,
        description="Level of the Sentinel-2 products to search. None = by the command line (--l2a).",
        examples=["LEVEL1C"],
    )


class Geometry(Section):
    """Co-registration with a reference image."""

    title = "Geometry"
    reference_band: S2Band = Field(
        default="B04", description="Sentinel-2 name of the band that is matched with the reference image."
    )
    doMatchingCorrection: Switch = Field(default=False, description="Correct the image by the measured displacement.")
    doAssessGeometry: S2Bands = Field(
        default=(), description="Bands whose remaining displacement is measured. Empty or False = none, True = reference_band."
    )
    references_map: OptionalPath = Field(
        default=None,
        description='JSON file with the reference image of each tile: {"31TFJ": "/path/image.tif"}. None = no matching.',
    )
    force_geometric_correction: Switch = Field(default=True, description="Match and correct refined Sentinel-2 products too.")
    min_points: int = Field(default=30, ge=1, description="A displacement measured with fewer matched points is not applied.")
    max_shift: float | None = Field(
        default=None,
        gt=0,
        description="A larger displacement (metres) is not applied. None = 60 for Sentinel-2, 150 for Landsat.",
    )
    skip_small_shift: float = Field(
        default=0.0,
        ge=0,
        description="A Sentinel-2 image displaced by less than this (pixels) is not resampled. 0 = always resample.",
    )

    @model_validator(mode="before")
    @classmethod
    def _assess_as_in_v12(cls, values: object) -> object:
        """The manual V1.2 has a boolean there: True = the reference band, False = none."""
        if not isinstance(values, Mapping):
            return values
        word = str(values.get("doAssessGeometry")).strip().lower()
        if word in TRUE:
            return {**values, "doAssessGeometry": values.get("reference_band") or cls.model_fields["reference_band"].default}
        return {**values, "doAssessGeometry": ()} if word in FALSE else values


class Masks(Section):
    """Validity masks."""

    title = "Masks"
    landsat_quality: QualityRule = Field(
        default="reference",
        description="How quality bands of Landsat are understood. reference: values up to that of clear land are valid, as ESA's "
        "program. bits: each bit and confidence is decoded, so that dilated clouds are not valid.",
    )
    mask_framing: MaskFraming = Field(
        default="reference",
        description="How validity masks get to the tile. reference: framed, then moved, each by whole pixels, as ESA's program; "
        "the mask of Landsat may end a pixel beside the image. once: in one step.",
    )


class Atmcor(Section):
    """Atmospheric correction."""

    title = "Atmcor"
    use_sen2cor: Switch = Field(default=False, description="Use Sen2Cor in place of SMAC.")
    sen2cor_path: OptionalPath = Field(
        default=Path("../sen2cor/process.py"), description="Sen2Cor program, relative to the current directory; run with python."
    )
    smac: SmacMethod = Field(
        default="reference",
        description="reference: table of 101 reflectances, nadir view, as ESA's program. exact: the equations of "
        "Rahman and Dedieu (1994) for every pixel.",
    )
    cams_interpolation: ReferenceOrAccurate = Field(
        default="reference",
        description="reference: plane through three nodes, mean of the tile corners, as ESA's program. "
        "accurate: bilinear, and linear in time for every kind of file.",
    )


class Nbar(Section):
    """BRDF adjustment."""

    title = "Nbar"
    nbar_methode: NbarMethod = Field(
        default="ROY", description="ROY: global coefficients (Roy et al. 2016). VJB: local ones, from vjb_coeff_matrice_dir."
    )
    vjb_coeff_matrice_dir: OptionalPath = Field(
        default=None, description="Folder of the VJB coefficient files (S2__USER_AUX_HABA*.nc). Used by VJB only."
    )
    nbar_kernel: NbarKernel = Field(
        default="reference",
        description="Volume kernel of ROY. reference: as ESA's program (0.42 of the published one). "
        "modis: the kernel that the coefficients were fitted with.",
    )
    nbar_sun_zenith: NbarSunZenith = Field(
        default="latitude",
        description="Sun zenith of the normalised geometry. latitude: polynomial in latitude (Zhang et al. 2016). "
        "actual: that of the observation, so that only the view is normalised.",
    )
    angles: ReferenceOrAccurate = Field(
        default="reference",
        description="View angles. reference: mean over detectors of degrees, 0 outside the swath, as ESA's "
        "program. accurate: azimuths averaged as vectors, nearest valid angles outside the swath.",
    )


class Sbaf(Section):
    """Spectral band adjustment."""

    title = "Sbaf"
    adaptative: Switch = Field(default=False, description="Factors that depend on the NDVI of the pixel; experimental.")
    adaptative_band_candidates: S2Bands = Field(default=("B04", "B11", "B12"), description="Bands with NDVI-dependent factors.")


class Fusion(Section):
    """Fusion of Landsat with Sentinel-2."""

    title = "Fusion"
    predict_method: PredictMethod = Field(
        default="predict",
        description="predict: extrapolate in time from the latest Sentinel-2 products. composite: mosaic of them.",
    )
    predict_nb_products: int = Field(default=2, ge=1, description="How many Sentinel-2 L2F products are used.")
    fusion_auto_check_band: S2Band = Field(default="B04", description="Band of the fusion check.")
    fusion_auto_check_threshold: float = Field(
        default=0.1, ge=0, le=1, description="Greatest difference of reflectance that the fusion check accepts."
    )


class Stitching(Section):
    """Filling the tile with a second scene."""

    title = "Stitching"
    same_utm_only: Switch = Field(default=True, description="Take a second scene only if it is in the UTM zone of the tile.")


class TopographicCorrection(Section):
    """Topographic correction."""

    title = "TopographicCorrection"
    topographic_correction_limiter: float = Field(default=4.0, gt=0, description="Greatest correction factor.")
    apply_valid_pixel_mask: Switch = Field(default=False, description="Correct valid pixels only.")
    sen2cor_topographic_correction: Switch = Field(default=False, description="Let Sen2Cor do the topographic correction.")


class DEMRepository(Section):
    """Elevation: <dem_folder>/<dem_dataset>/Copernicus_DSM_<src_dem_resolution>m_<tile>.TIF."""

    title = "DEMRepository"
    dem_folder: OptionalPath = Field(default=None, description="Folder of elevation data sets.")
    dem_dataset: str = Field(default="COP-DEM_GLO-90-DGED__2022_1", description="Name of the data set.")
    src_dem_resolution: int = Field(default=90, ge=1, description="Pixel size of the data set, metres.")


class OutputFormat(Section):
    """Encoding of the images: DN = reflectance x gain + offset, 0 = no data."""

    title = "OutputFormat"
    gain: int = Field(default=10000, ge=1, le=65535, description="DN per unit of reflectance.")
    offset: int = Field(default=1000, ge=0, le=65534, description="DN of reflectance 0.")
    output_format: ImageFormat = Field(default="COG", description="File format of the images.")
    rounding: Rounding = Field(
        default="truncate", description="truncate: as ESA's program, half a DN too low on average. nearest: no bias."
    )
    clip_negative: Switch = Field(
        default=True, description="Negative reflectance becomes 0, as in ESA's program. False keeps it."
    )
    mask_60m: Mask60m = Field(
        default="reference",
        description="No-data mask of 60 m bands. reference: no data if any 20 m pixel of a 9 x 9 window is, as "
        "ESA's program. nearest: the 20 m pixel in the middle.",
    )


class COGoptions(Section):
    """Cloud-optimised GeoTIFF. Compression never changes pixels."""

    title = "COGoptions"
    interleave: Interleave = Field(default="PIXEL", description="No effect: images have one band.")
    internal_tiling: int = Field(default=1024, ge=16, multiple_of=16, description="Block size, pixels.")
    internal_overviews: int = Field(
        default=1024, ge=16, multiple_of=16, description="Accepted and not used: overviews have the blocks of the image."
    )
    downsampling_levels: str | None = Field(default=None, description="Accepted and not used.", examples=["variable"])
    downsampling_levels_10: Levels = Field(
        default=(2, 6, 12, 36), description="Overview factors of 10 m images, and of resolutions without a list of their own."
    )
    downsampling_levels_15: Levels = Field(default=(2, 4, 8, 24), description="Overview factors of 15 m images.")
    downsampling_levels_20: Levels = Field(default=(3, 6, 18), description="Overview factors of 20 m images.")
    downsampling_levels_30: Levels = Field(default=(2, 4, 12), description="Overview factors of 30 m images.")
    downsampling_levels_60: Levels = Field(default=(2, 6), description="Overview factors of 60 m images.")
    resampling_algo_MASK: Resampling = Field(default="MODE", description="Overview resampling of masks.")
    resampling_algo: Resampling = Field(default="AVERAGE", description="Overview resampling of images.")
    compression: Compression = Field(
        default="DEFLATE", description="DEFLATE with predictor 2 is a third smaller than ESA's LZW with 1."
    )
    predictor: Predictor = Field(default=2, description="1 = none, 2 = horizontal differences.")
    compression_level: int | None = Field(
        default=1,
        ge=1,
        le=22,
        description="Effort of DEFLATE (1-12) or ZSTD (1-22); 1 is twice as fast as 6 and hardly larger. None = the library's.",
    )


class JPEG2000options(Section):
    """JPEG 2000 output."""

    title = "JPEG2000options"
    lossless_jpeg2000: Switch = Field(default=True, description="False: smaller files, pixels change.")


class Multiprocessing(Section):
    """Use of the machine."""

    title = "Multiprocessing"
    number_of_process: int = Field(
        default_factory=available_cores,
        ge=1,
        examples=[5],
        description="Greatest number of threads or processes working at a time. Default: the processors of the machine.",
    )


class Packager(Section):
    """Output products."""

    title = "Packager"
    quicklook_jpeg_quality: int = Field(default=95, ge=1, le=100, description="JPEG quality of the quicklooks.")
    json_metadata: Switch = Field(default=True, description="Write JSON copies of the metadata files.")
    if_exists: IfExists = Field(
        default="skip",
        description="What happens to an earlier output of the same observation: replace = remove it when the new one is there, "
        "skip = do not process again what the same product and configuration gave, else replace, "
        "keep_both = leave both, as ESA's program.",
    )


class RunTime(Section):
    """Set by the command line; a value given here is used when the command line says nothing."""

    title = "RunTime"
    dx: int = Field(default=0, description="Accepted and not used.")
    dy: int = Field(default=0, description="Accepted and not used.")
    wd: OptionalPath = Field(
        default=Path("/data/production/wd"), description="Working directory (--wd): the log and one folder per run."
    )
    debug: Switch = Field(default=False, description="Log level DEBUG and extra files (--debug).")
    generate_intermediate_products: Switch = Field(
        default=False, description="Keep what each block makes (--intermediate-products)."
    )
    allow_other_srs: Switch = Field(default=False, description="Take Landsat scenes of another UTM zone (--allow-other-srs).")
