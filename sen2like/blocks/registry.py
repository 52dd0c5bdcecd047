"""The blocks and their order (spec 01 section 4.5).

Other packages add theirs through the entry point group ``sen2like.blocks``.
"""

from importlib.metadata import entry_points

from sen2like.blocks.atmcor import S2L_Atmcor
from sen2like.blocks.base import Job, S2L_Process
from sen2like.blocks.fusion import S2L_Fusion
from sen2like.blocks.geometry import S2L_GeometryKLT
from sen2like.blocks.geometry_check import S2L_GeometryCheck
from sen2like.blocks.intercalibration import S2L_InterCalibration
from sen2like.blocks.nbar import S2L_Nbar
from sen2like.blocks.packager import S2L_PackagerL2F, S2L_PackagerL2H
from sen2like.blocks.region import S2L_Region
from sen2like.blocks.sbaf import S2L_Sbaf
from sen2like.blocks.stitching import S2L_Stitching
from sen2like.blocks.toa import S2L_Toa
from sen2like.config import Config
from sen2like.errors import ConfigurationError

BLOCKS: tuple[type[S2L_Process], ...] = (
    S2L_GeometryKLT,
    S2L_Stitching,
    S2L_Region,
    S2L_GeometryCheck,
    S2L_Toa,
    S2L_InterCalibration,
    S2L_Atmcor,
    S2L_Nbar,
    S2L_Sbaf,
    S2L_PackagerL2H,
    S2L_Fusion,
    S2L_PackagerL2F,
)


def known_blocks() -> list[type[S2L_Process]]:
    """Built-in and plugged-in blocks in processing order."""
    plugged = []
    for point in entry_points(group="sen2like.blocks"):
        block = point.load()
        if not (isinstance(block, type) and issubclass(block, S2L_Process)):
            raise ConfigurationError(f"plug-in {point.name} ({point.value}) is not an S2L_Process block")
        plugged.append(block)
    return sorted((*BLOCKS, *plugged), key=lambda block: block.order)


def chain(job: Job) -> tuple[list[S2L_Process], list[str]]:
    """(blocks that run on this product in order, one line for each that is switched on but declines, saying why)."""
    run, declined = [], []
    for block in known_blocks():
        if not getattr(job.config.processing, block.switch, True) or job.product.sensor not in block.sensors:
            continue
        if block is S2L_Region and job.region is None:
            continue  # not worth a line: only roi-based-mode has it
        instance = block()
        reason = instance.declines(job)
        if reason:
            declined.append(f"{block.name()} not applied: {reason}")
        else:
            run.append(instance)
    return run, declined


def check_available(config: Config) -> None:
    """`ConfigurationError` that lists every method the configuration asks for and this version cannot carry out."""
    switches = {block.switch for block in known_blocks()}
    problems = []
    if config.processing.doTopographicCorrection and "doTopographicCorrection" not in switches:
        problems.append("doTopographicCorrection = True: there is no topographic correction in this version yet; set it to False")
    if config.processing.doAtmcor and config.atmcor.use_sen2cor:
        problems.append("use_sen2cor = True: Sen2Cor cannot be called in this version yet; set it to False to correct with SMAC")
    if config.processing.doNbar and config.nbar.nbar_methode == "VJB":
        problems.append("nbar_methode = VJB: only ROY is available in this version; set nbar_methode = ROY")
    if problems:
        raise ConfigurationError(problems)
