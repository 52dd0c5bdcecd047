"""Metadata of a Sentinel-2 granule and datastrip, quality report and manifest, as text."""

import hashlib
import math
from datetime import timedelta
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from .figures import TILE_SIZE
from .scene import Scene
from .sentinel2_names import Names, iso, iso_microseconds
from .world import BANDS

XML_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
NODE_STEP = 5000
DETECTOR_MARGIN = 1000.0
"""Metres beyond its edge for which a detector's angles are given."""


def root_attributes(names: Names, schema: str) -> str:
    """Namespace declarations of a root element."""
    uri = f"https://psd-{names.psd}.sentinel2.eo.esa.int/PSD/{schema}.xsd"
    return f'xmlns:n1="{uri}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="{uri}"'


def detector_angles(scene: Scene, band_id: int) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """(1-based detector, zenith, azimuth) at the nodes, NaN outside the detector, for the detectors that see the scene."""
    im, nodes = scene.imager, scene.nodes
    across, along = im.across(nodes.x, nodes.y), im.along(nodes.x, nodes.y)
    start, stop = scene.track[8:10]
    found = []
    for k in range(im.ndet):
        seen = np.abs(across - im.centre(k)) <= im.width / 2 + DETECTOR_MARGIN
        seen &= (along > start - DETECTOR_MARGIN) & (along < stop + DETECTOR_MARGIN)
        if seen.any():
            zenith, azimuth = scene.view(k, band_id)
            found.append((k + 1, np.where(seen, zenith, np.nan), np.where(seen, azimuth, np.nan)))
    return found


def tile_metadata(scene: Scene, names: Names, content: dict, masks: list[tuple]) -> str:
    """MTD_TL.xml; `content`: Image_Content_QI by element; `masks`: (type, band id or None, path)."""
    q, level = scene.acq, names.level[1:]
    schema = f"S2_PDI_Level-{level}_Tile_Metadata"
    brief = f'    <L1C_TILE_ID metadataLevel="Brief">{names.tile_id.replace("L2A", "L1C")}</L1C_TILE_ID>\n'
    return "".join([
        XML_HEAD,
        f"<n1:Level-{level}_Tile_ID {root_attributes(names, schema)}>\n  <n1:General_Info>\n",
        brief if names.level == "L2A" else "",
        f'''    <TILE_ID metadataLevel="Brief">{names.tile_id}</TILE_ID>
    <DATASTRIP_ID metadataLevel="Standard">{names.datastrip_id}</DATASTRIP_ID>
    <DOWNLINK_PRIORITY metadataLevel="Standard">NOMINAL</DOWNLINK_PRIORITY>
    <SENSING_TIME metadataLevel="Standard">{iso_microseconds(q.when)}</SENSING_TIME>
    <Archiving_Info metadataLevel="Expertise">
      <ARCHIVING_CENTRE>2BPS</ARCHIVING_CENTRE>
      <ARCHIVING_TIME>{iso_microseconds(names.made)}</ARCHIVING_TIME>
    </Archiving_Info>
  </n1:General_Info>
  <n1:Geometric_Info>
''',
        _geocoding(scene),
        _angles(scene),
        '  </n1:Geometric_Info>\n  <n1:Quality_Indicators_Info metadataLevel="Standard">\n    <Image_Content_QI>\n',
        *(f"      <{k}>{v if isinstance(v, str) else format(v, '.6f')}</{k}>\n" for k, v in content.items()),
        '    </Image_Content_QI>\n    <Pixel_Level_QI geometry="FULL_RESOLUTION">\n',
        *(_mask_element(names, *mask) for mask in masks),
        f"    </Pixel_Level_QI>\n    <PVI_FILENAME>{names.preview}</PVI_FILENAME>\n",
        f"  </n1:Quality_Indicators_Info>\n</n1:Level-{level}_Tile_ID>\n",
    ])  # fmt: skip


def _mask_element(names, kind, band_id, path):
    band = "" if band_id is None else f'bandId="{band_id}" '
    return f'      <MASK_FILENAME {band}type="{kind}">{names.listed(path)}</MASK_FILENAME>\n'


def _geocoding(scene):
    hemisphere = "N" if scene.epsg < 32700 else "S"
    text = f'''    <Tile_Geocoding metadataLevel="Brief">
      <HORIZONTAL_CS_NAME>WGS84 / UTM zone {scene.epsg % 100:02d}{hemisphere}</HORIZONTAL_CS_NAME>
      <HORIZONTAL_CS_CODE>EPSG:{scene.epsg}</HORIZONTAL_CS_CODE>
'''
    coarse = scene.acq.coarse
    for r in (10, 20, 60):
        size = int(TILE_SIZE / (r * coarse))
        text += f'      <Size resolution="{r}">\n        <NROWS>{size}</NROWS>\n        <NCOLS>{size}</NCOLS>\n      </Size>\n'
    for r in (10, 20, 60):
        text += f'''      <Geoposition resolution="{r}">
        <ULX>{int(scene.ulx)}</ULX>
        <ULY>{int(scene.uly)}</ULY>
        <XDIM>{r * coarse}</XDIM>
        <YDIM>-{r * coarse}</YDIM>
      </Geoposition>
'''
    return text + "    </Tile_Geocoding>\n"


def _angles(scene):
    text = [
        '    <Tile_Angles metadataLevel="Standard">\n      <Sun_Angles_Grid>\n',
        _zenith_and_azimuth(scene.sza, scene.saa),
        f'''      </Sun_Angles_Grid>
      <Mean_Sun_Angle>
        <ZENITH_ANGLE unit="deg">{scene.mean_sza:.12f}</ZENITH_ANGLE>
        <AZIMUTH_ANGLE unit="deg">{scene.mean_saa:.12f}</AZIMUTH_ANGLE>
      </Mean_Sun_Angle>
''',
    ]
    means = []
    for band_id in range(len(BANDS)):
        directions = []
        for detector, zenith, azimuth in detector_angles(scene, band_id):
            text += [
                f'      <Viewing_Incidence_Angles_Grids bandId="{band_id}" detectorId="{detector}">\n',
                _zenith_and_azimuth(zenith, azimuth),
                "      </Viewing_Incidence_Angles_Grids>\n",
            ]
            z, a = (np.radians(angle[~np.isnan(zenith)]) for angle in (zenith, azimuth))
            directions.append(np.stack([np.sin(z) * np.sin(a), np.sin(z) * np.cos(a), np.cos(z)], 1))
        mean = np.concatenate(directions).mean(0) if directions else np.array([0.0, 0.0, 1.0])
        mean /= np.linalg.norm(mean)
        means.append((math.degrees(math.acos(mean[2])), math.degrees(math.atan2(mean[0], mean[1])) % 360))
    text.append("      <Mean_Viewing_Incidence_Angle_List>\n")
    for band_id, (zenith, azimuth) in enumerate(means):
        text.append(f'''        <Mean_Viewing_Incidence_Angle bandId="{band_id}">
          <ZENITH_ANGLE unit="deg">{zenith:.12f}</ZENITH_ANGLE>
          <AZIMUTH_ANGLE unit="deg">{azimuth:.12f}</AZIMUTH_ANGLE>
        </Mean_Viewing_Incidence_Angle>
''')
    return "".join([*text, "      </Mean_Viewing_Incidence_Angle_List>\n    </Tile_Angles>\n"])


def _zenith_and_azimuth(zenith, azimuth):
    text = ""
    for tag, grid in (("Zenith", zenith), ("Azimuth", azimuth)):
        rows = "\n".join("            <VALUES>" + " ".join(_angle(v) for v in row) + "</VALUES>" for row in grid)
        text += f'''        <{tag}>
          <COL_STEP unit="m">{NODE_STEP}</COL_STEP>
          <ROW_STEP unit="m">{NODE_STEP}</ROW_STEP>
          <Values_List>
{rows}
          </Values_List>
        </{tag}>
'''
    return text


def _angle(value):
    return "NaN" if np.isnan(value) else f"{value:.6g}"


def datastrip_metadata(names: Names, refined: bool) -> str:
    """MTD_DS.xml"""
    level = names.level[1:]
    stop = names.datastrip_start + timedelta(seconds=60)
    return f'''{XML_HEAD}<n1:Level-{level}_DataStrip_ID {root_attributes(names, f"S2_PDI_Level-{level}_Datastrip_Metadata")}>
  <n1:General_Info>
    <Datatake_Info datatakeIdentifier="{names.datatake_id}">
      <SPACECRAFT_NAME>Sentinel-{names.acq.sensor[1:]}</SPACECRAFT_NAME>
      <DATATAKE_TYPE>INS-NOBS</DATATAKE_TYPE>
      <DATATAKE_SENSING_START>{iso(names.datatake)}</DATATAKE_SENSING_START>
      <SENSING_ORBIT_NUMBER>{names.relative_orbit}</SENSING_ORBIT_NUMBER>
      <SENSING_ORBIT_DIRECTION>DESCENDING</SENSING_ORBIT_DIRECTION>
    </Datatake_Info>
    <Datastrip_Time_Info>
      <DATASTRIP_SENSING_START>{iso(names.datastrip_start)}</DATASTRIP_SENSING_START>
      <DATASTRIP_SENSING_STOP>{iso(stop)}</DATASTRIP_SENSING_STOP>
    </Datastrip_Time_Info>
    <Processing_Info>
      <UTC_DATE_TIME>{iso(names.made)}</UTC_DATE_TIME>
      <PROCESSING_CENTER>2BPS</PROCESSING_CENTER>
      <PROCESSING_BASELINE>{names.baseline}</PROCESSING_BASELINE>
    </Processing_Info>
    <Downlink_Info>
      <RECEPTION_STATION>SGS_</RECEPTION_STATION>
      <DOWNLINK_ORBIT_NUMBER>{names.absolute_orbit}</DOWNLINK_ORBIT_NUMBER>
    </Downlink_Info>
    <Archiving_Info>
      <ARCHIVING_CENTRE>2BPS</ARCHIVING_CENTRE>
      <ARCHIVING_TIME>{iso(names.made)}</ARCHIVING_TIME>
    </Archiving_Info>
  </n1:General_Info>
  <n1:Image_Data_Info>
    <Geometric_Info>
      <Image_Refining flag="{"REFINED" if refined else "NOT_REFINED"}"/>
    </Geometric_Info>
  </n1:Image_Data_Info>
</n1:Level-{level}_DataStrip_ID>
'''


def quality_report(names: Names, content: dict) -> str:
    """L2A_QUALITY.xml: scene classification and atmospheric correction values of an L2A granule."""
    atmospheric = [k for k in content if k.startswith(("AOT", "GRANULE", "OZONE", "WATER_VAPOUR", "RADIATIVE"))]
    checks = [
        ("L2A_SC", "SCENE_CLASS_QUALITY", [k for k in content if k not in atmospheric]),
        ("L2A_AC", "ATMOSPHERIC_CORRECTION_QUALITY", atmospheric),
    ]
    text = [
        XML_HEAD,
        '<Earth_Explorer_File xmlns="http://gs2.esa.int/DATA_STRUCTURE/l2aqiReport">\n  <Earth_Explorer_Header>\n'
        "    <Fixed_Header>\n      <File_Name>L2A_QUALITY</File_Name>\n    </Fixed_Header>\n  </Earth_Explorer_Header>\n"
        '  <Data_Block type="xml">\n',
        f'    <report date="{iso(names.made)}" gippVersion="1.0" globalStatus="PASSED">\n',
    ]
    for parent, name, keys in checks:
        values = "".join(f'            <value name="{k}">{_value(content[k])}</value>\n' for k in keys)
        text.append(f'''      <checkList>
        <parentID>{parent}</parentID>
        <name>{name}</name>
        <version>1.0</version>
        <check>
          <inspection creation="{iso(names.made)}" duration="0" execution="{iso(names.made)}" id="{name}" status="PASSED"/>
          <message contentType="text/plain">simulated</message>
          <extraValues>
{values}          </extraValues>
        </check>
      </checkList>
''')
    return "".join([*text, "    </report>\n  </Data_Block>\n</Earth_Explorer_File>\n"])


def _value(value):
    return value if isinstance(value, str) else f"{value:.6f}"


def manifest(root: Path, names: Names) -> str:
    """manifest.safe of the files that are in the product now: complete list with sizes and SHA3-256."""
    objects, units = [], []
    for path in sorted(p for p in root.rglob("*") if p.is_file() and p.name != "manifest.safe"):
        identifier = f"D{len(objects) + 1:03d}_{path.stem}"
        mime = "text/xml" if path.suffix == ".xml" else "application/octet-stream"
        digest = hashlib.sha3_256(path.read_bytes()).hexdigest()
        objects.append(f'''    <dataObject ID="{identifier}">
      <byteStream mimeType="{mime}" size="{path.stat().st_size}">
        <fileLocation locatorType="URL" href="./{escape(path.relative_to(root).as_posix())}"/>
        <checksum checksumName="SHA3-256">{digest}</checksum>
      </byteStream>
    </dataObject>
''')
        units.append(
            f'      <xfdu:contentUnit ID="U_{identifier}" unitType="Measurement Data Unit">'
            f'<dataObjectPointer dataObjectID="{identifier}"/></xfdu:contentUnit>\n'
        )
    version = f"esa/safe/sentinel/1.1/sentinel-2/msi/archive_{names.level.lower()}_user_product"
    return f'''{XML_HEAD}<xfdu:XFDU xmlns:gml="http://www.opengis.net/gml" xmlns:safe="http://www.esa.int/safe/sentinel/1.1" \
xmlns:xfdu="urn:ccsds:schema:xfdu:1" version="{version}">
  <informationPackageMap>
    <xfdu:contentUnit textInfo="Sentinel-2 MSI {names.level} user product" unitType="Product">
{"".join(units)}    </xfdu:contentUnit>
  </informationPackageMap>
  <metadataSection>
    <metadataObject ID="acquisitionPeriod" classification="DESCRIPTION" category="DMD"><metadataWrap mimeType="text/xml" \
vocabularyName="SAFE"><xmlData><safe:acquisitionPeriod><safe:startTime>{iso(names.datatake)}</safe:startTime>\
</safe:acquisitionPeriod></xmlData></metadataWrap></metadataObject>
  </metadataSection>
  <dataObjectSection>
{"".join(objects)}  </dataObjectSection>
</xfdu:XFDU>
'''
