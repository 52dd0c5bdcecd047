"""Options that several modes and commands have, in their groups.

What is not given leaves no trace in the parsed words, so that configuration and defaults can supply it.
"""

import argparse
from pathlib import Path
from typing import Any, get_args

from sen2like import __version__
from sen2like.request import LANDSAT_NATIVE_BANDS, S2_BANDS, IfLocked, ListFormat, WhichTiles

LATER: dict[str, Any] = {"default": argparse.SUPPRESS}
"""Of every option: its default is supplied later."""


def add_tiles(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tiles", choices=get_args(WhichTiles), help="all that the region touches (default) or as few as cover it", **LATER
    )


def add_search(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which products")
    group.add_argument("--start-date", metavar="YYYY-MM-DD", help="first day", **LATER)
    group.add_argument("--end-date", metavar="YYYY-MM-DD", help="last day, included", **LATER)
    add_level(group)
    group.add_argument(
        "--fusion-history", metavar="DAYS", type=int, **LATER,
        help="look so many days before the first day for the Sentinel-2 products that fusion of the first Landsat dates needs",
    )  # fmt: skip
    add_flag(group, "--strict", "finding no product is a failure (exit code 6)")


def add_many(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("many products")
    group.add_argument("-j", "--jobs", metavar="N", type=int, help="products in work at a time; default 1", **LATER)
    add_scheduler(group)
    group.add_argument(
        "--memory", metavar="GB", type=float, help="memory all of them may need together; default what is free", **LATER
    )
    group.add_argument("--timeout", metavar="MINUTES", type=float, help="give a product up after so long", **LATER)
    group.add_argument(
        "--if-locked", choices=get_args(IfLocked), help="when another run works on the tile; default wait", **LATER
    )
    add_flag(group, "--fail-fast", "stop at the first product that fails")


def add_level(group: Any) -> None:
    add_flag(group, "--l2a", "Sentinel-2 Level-2A products instead of Level-1C")


def add_scheduler(group: Any, text: str = "do the work on a Dask cluster, e.g. tcp://host:8786") -> None:
    group.add_argument("--scheduler", metavar="ADDRESS", help=text, **LATER)


def add_common(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to process")
    add_bands(group)
    add_reference(group)
    add_other_srs(group)
    group = add_configuration(parser)
    add_flag(group, "--print-config", "print every value that holds and where it comes from, and stop")
    group = parser.add_argument_group("running")
    add_wd(group)
    add_flag(group, "--parallelize-bands", "work on as many bands at a time as there are processors")
    add_force(group)
    add_flag(group, "--keep", "keep the working folder of the run")
    add_flag(group, "--intermediate-products", "keep what each block makes, in the working folder")
    group = parser.add_argument_group("list and log")
    add_flag(group, "--no-run", "list the products and stop")
    add_list_format(group, "text")
    add_log(group)
    group.add_argument("-v", "--version", action="version", version=f"sen2like {__version__}")


def add_bands(group: Any) -> None:
    bands = ",".join((*S2_BANDS, *LANDSAT_NATIVE_BANDS))
    group.add_argument("--bands", metavar="LIST", help=f"bands, separated by commas; default all of {bands}", **LATER)


def add_reference(group: Any) -> None:
    group.add_argument(
        "--refImage", dest="ref_image", metavar="PATH", type=Path, **LATER,
        help="geometric reference image; wins over references_map of the configuration",
    )  # fmt: skip


def add_other_srs(group: Any) -> None:
    add_flag(group, "--allow-other-srs", "take Landsat scenes whose nominal UTM zone is not that of the tile")


def add_configuration(parser: argparse.ArgumentParser) -> Any:
    group = parser.add_argument_group("configuration")
    group.add_argument(
        "--conf", metavar="PATH", type=Path, **LATER,
        help="configuration file, .ini or .xml; default conf/config.ini of the installation",
    )  # fmt: skip
    group.add_argument(
        "--confParams", dest="conf_params", metavar="KEY=VALUE,...", action="append", **LATER,
        help="values that win over the file; may be repeated",
    )  # fmt: skip
    return group


def add_wd(group: Any) -> None:
    group.add_argument("--wd", metavar="PATH", type=Path, help="working directory; default /data/production/wd", **LATER)


def add_force(group: Any) -> None:
    add_flag(group, "--force", "process again, replacing earlier outputs")


def add_list_format(group: Any, default: str) -> None:
    group.add_argument("--list-format", choices=get_args(ListFormat), help=f"form of the list; default {default}", **LATER)


def add_log(group: Any) -> None:
    add_flag(group, "--no-log-date", "no date in log lines")
    add_flag(group, "--debug", "more log lines and files, tracebacks of errors", "-d")


def add_flag(group: Any, name: str, text: str, *short: str) -> None:
    group.add_argument(*short, name, action="store_true", help=text, **LATER)
