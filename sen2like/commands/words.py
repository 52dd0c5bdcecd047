"""The words of the command line: modes, commands and their options, as argparse parsers.

Options of all modes may stand before or after the mode word (spec 01 section 1.3): `hoisted` moves that word to the front
before parsing, so that of an option given twice the later one wins. What is not given leaves no trace in the parsed words, so
that configuration and defaults can supply it.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from sen2like import __version__
from sen2like.request import LANDSAT_NATIVE_BANDS, S2_BANDS, IfLocked, ListFormat, WhichTiles

PROG = "sen2like"
_SPELLINGS = {"--no-log-data": "--no-log-date", "--config": "--conf"}
"""Spellings of earlier manuals."""
_TAKE_VALUE = frozenset({
    "--refImage", "--wd", "--conf", "--confParams", "--bands", "--list-format", "--tile", "--tiles", "--roi", "--start-date",
    "--end-date", "--jobs", "-j", "--scheduler", "--memory", "--timeout", "--if-locked", "--fusion-history", "--root-url",
    "--archive", "--older-than",
})  # fmt: skip
"""Options whose next word is their value, and no mode."""
_LATER: dict[str, Any] = {"default": argparse.SUPPRESS}

_EXIT_CODES = """\
exit codes:
  0 all products done or filtered     3 invalid configuration, missing input  6 nothing found (--strict)
  1 nothing to do, unexpected error   4 some products failed                  130 interrupted
  2 wrong usage                       5 every product failed                  143 terminated
"""
_MODE_EXAMPLES = f"""\
examples:
  sen2like product-mode S2A_MSIL1C_20171030T104151_N0500_R008_T31TFJ_20231010T000000.SAFE
  sen2like product-mode S2B_MSIL2A_20230612T104029_N0509_R008_T31TFJ_20230612T134600.SAFE.zip --bands B04,B8A
  sen2like product-mode PRODUCT --tile 31TFJ --conf my.ini --confParams "doSbaf=False,archive_dir=/data/out"
  sen2like single-tile-mode 31TFJ --start-date 2021-06-01 --end-date 2021-06-30 --jobs 2
  sen2like multi-tile-mode region.geojson --start-date 2021-06-01 --no-run --list-format table
  sen2like roi-based-mode field.geojson --start-date 2021-06-01
  sen2like --print-config --conf my.ini

{_EXIT_CODES}"""


@dataclass(frozen=True)
class Word:
    """A mode or command of the command line, and what is particular to it."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    description: str = ""
    """Introduces its help page; empty: `help` does."""
    epilog: str = _MODE_EXAMPLES
    searching: bool = False
    """A mode that looks for products in the configured archives."""


def hoisted(words: list[str]) -> tuple[list[str], str | None]:
    """The words with the mode or command first, old spellings replaced; -> (words, mode or command or None)."""
    words = [_spelled(word) for word in words]
    position = 0
    while position < len(words) and words[position] != "--":
        word = words[position]
        if word in MODES or word in COMMANDS:
            return [word, *words[:position], *words[position + 1 :]], word
        matches = {word} & _TAKE_VALUE or {o for o in _TAKE_VALUE if word.startswith("--") and o.startswith(word)}
        position += 2 if matches and word != "--" else 1
    return words, None


def _spelled(word: str) -> str:
    name, equals, value = word.partition("=")
    return _SPELLINGS.get(name, name) + equals + value


def parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of everything, and that of each mode and command."""
    parser = argparse.ArgumentParser(
        prog=PROG, formatter_class=_Formatter, epilog=_MODE_EXAMPLES,
        usage=f"{PROG} MODE ... [options]\n       {PROG} COMMAND ... [options]",
        description="Harmonised surface reflectance from Sentinel-2 and Landsat 8/9 products, on the Sentinel-2 tile grid.\n"
        f"`{PROG} MODE --help` and `{PROG} COMMAND --help` tell what each takes.",
    )  # fmt: skip
    words = parser.add_subparsers(title="modes", metavar="MODE", dest="mode", prog=PROG)
    width = max(map(len, (*MODES, *COMMANDS)))
    lines = "\n".join(f"  {name:{width}}  {command.help}" for name, command in COMMANDS.items())
    parser.add_argument_group("commands", description=lines)
    _add_common(parser)
    each = {}
    for name, word in (MODES | COMMANDS).items():
        page: dict[str, Any] = {"description": word.description or word.help, "epilog": word.epilog}
        if name in MODES:
            page["help"] = word.help
        one = words.add_parser(name, formatter_class=_Formatter, **page)
        word.add_arguments(one)
        if name in MODES:
            _add_common(one)
        each[name] = one
    return parser, each


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=34, width=110)


def _product_mode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT", type=Path, help="the product: its folder or archive file")
    parser.add_argument("--tile", help="tile, e.g. 31TFJ; needed when the product's name does not tell it", **_LATER)


def _single_tile_mode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tile", metavar="TILE", help="tile, e.g. 31TFJ")
    _add_search(parser)
    _add_many(parser)


def _multi_tile_mode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("roi", metavar="ROI", type=Path, help="vector file (GeoJSON, GeoPackage, Shapefile ...) with the region")
    _add_tiles(parser)
    _add_search(parser)
    _add_many(parser)


def _roi_based_mode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("roi", metavar="ROI", type=Path, help="vector file with the region; outside of it outputs have no data")
    parser.add_argument("--tile", help="tile that contains the region; default the one nearest to it", **_LATER)
    _add_search(parser)
    _add_many(parser)


def _add_tiles(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tiles", choices=get_args(WhichTiles), help="all that the region touches (default) or as few as cover it", **_LATER
    )


def _add_search(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which products")
    group.add_argument("--start-date", metavar="YYYY-MM-DD", help="first day", **_LATER)
    group.add_argument("--end-date", metavar="YYYY-MM-DD", help="last day, included", **_LATER)
    _add_level(group)
    group.add_argument(
        "--fusion-history", metavar="DAYS", type=int, **_LATER,
        help="look so many days before the first day for the Sentinel-2 products that fusion of the first Landsat dates needs",
    )  # fmt: skip
    _flag(group, "--strict", "finding no product is a failure (exit code 6)")


def _add_many(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("many products")
    group.add_argument("-j", "--jobs", metavar="N", type=int, help="products in work at a time; default 1", **_LATER)
    _add_scheduler(group)
    group.add_argument(
        "--memory", metavar="GB", type=float, help="memory all of them may need together; default what is free", **_LATER
    )
    group.add_argument("--timeout", metavar="MINUTES", type=float, help="give a product up after so long", **_LATER)
    group.add_argument(
        "--if-locked", choices=get_args(IfLocked), help="when another run works on the tile; default wait", **_LATER
    )
    _flag(group, "--fail-fast", "stop at the first product that fails")


def _add_level(group: Any) -> None:
    _flag(group, "--l2a", "Sentinel-2 Level-2A products instead of Level-1C")


def _add_scheduler(group: Any, text: str = "do the work on a Dask cluster, e.g. tcp://host:8786") -> None:
    group.add_argument("--scheduler", metavar="ADDRESS", help=text, **_LATER)


def _add_common(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to process")
    _add_bands(group)
    _add_reference(group)
    _add_other_srs(group)
    group = _add_configuration(parser)
    _flag(group, "--print-config", "print every value that holds and where it comes from, and stop")
    group = parser.add_argument_group("running")
    _add_wd(group)
    _flag(group, "--parallelize-bands", "work on as many bands at a time as there are processors")
    _add_force(group)
    _flag(group, "--keep", "keep the working folder of the run")
    _flag(group, "--intermediate-products", "keep what each block makes, in the working folder")
    group = parser.add_argument_group("list and log")
    _flag(group, "--no-run", "list the products and stop")
    _add_list_format(group, "text")
    _add_log(group)
    group.add_argument("-v", "--version", action="version", version=f"{PROG} {__version__}")


def _add_bands(group: Any) -> None:
    bands = ",".join((*S2_BANDS, *LANDSAT_NATIVE_BANDS))
    group.add_argument("--bands", metavar="LIST", help=f"bands, separated by commas; default all of {bands}", **_LATER)


def _add_reference(group: Any) -> None:
    group.add_argument(
        "--refImage", dest="ref_image", metavar="PATH", type=Path, **_LATER,
        help="geometric reference image; wins over references_map of the configuration",
    )  # fmt: skip


def _add_other_srs(group: Any) -> None:
    _flag(group, "--allow-other-srs", "take Landsat scenes whose nominal UTM zone is not that of the tile")


def _add_configuration(parser: argparse.ArgumentParser) -> Any:
    group = parser.add_argument_group("configuration")
    group.add_argument(
        "--conf", metavar="PATH", type=Path, **_LATER,
        help="configuration file, .ini or .xml; default conf/config.ini of the installation",
    )  # fmt: skip
    group.add_argument(
        "--confParams", dest="conf_params", metavar="KEY=VALUE,...", action="append", **_LATER,
        help="values that win over the file; may be repeated",
    )  # fmt: skip
    return group


def _add_wd(group: Any) -> None:
    group.add_argument("--wd", metavar="PATH", type=Path, help="working directory; default /data/production/wd", **_LATER)


def _add_force(group: Any) -> None:
    _flag(group, "--force", "process again, replacing earlier outputs")


def _add_list_format(group: Any, default: str) -> None:
    group.add_argument("--list-format", choices=get_args(ListFormat), help=f"form of the list; default {default}", **_LATER)


def _add_log(group: Any) -> None:
    _flag(group, "--no-log-date", "no date in log lines")
    _flag(group, "--debug", "more log lines and files, tracebacks of errors", "-d")


def _flag(group: Any, name: str, text: str, *short: str) -> None:
    group.add_argument(*short, name, action="store_true", help=text, **_LATER)


def _check(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("for which runs")
    group.add_argument("--tile", help="what a run on this tile needs", **_LATER)
    group.add_argument("--roi", metavar="PATH", type=Path, help="what a run on the tiles of this region needs", **_LATER)
    _add_level(group)
    _add_reference(group)
    _add_scheduler(group, "the Dask cluster that does the work, e.g. tcp://host:8786")
    _flag(group, "--intermediate-products", "space for what each block makes")
    group = _add_configuration(parser)
    _add_wd(group)
    _add_log(parser.add_argument_group("log"))


def _list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help="a tile (31TFJ), a vector file with a region, or a product")
    parser.add_argument("--tile", help="of a region: the tile, as in roi-based-mode; of a product: the tile it is for", **_LATER)
    _add_tiles(parser)
    _add_search(parser)
    _add_other_srs(parser)
    _add_bands(parser)
    _add_force(parser)
    group = _add_configuration(parser)
    _add_wd(group)
    group = parser.add_argument_group("list and log")
    _add_list_format(group, "table")
    _add_log(group)


def _stac(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("archive", metavar="ARCHIVE_DIR", type=Path, help="archive: <ARCHIVE_DIR>/<tile>/<product>.SAFE")
    parser.add_argument(
        "--root-url", metavar="URL", help="address at which the archive is published; default relative links", **_LATER
    )
    _flag(parser, "--dry-run", "say what would be written, and write nothing")
    _flag(parser, "--debug", "tracebacks of errors", "-d")


def _report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("report", metavar="REPORT_JSON", type=Path, help="report.json of a run, or the folder of the run")
    parser.add_argument("--archive", metavar="DIR", type=Path, help="where the outputs are now, if they were moved", **_LATER)
    _flag(parser, "--debug", "tracebacks of errors", "-d")


def _clean(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to clean (without --wd and --archive: those of the configuration)")
    group.add_argument("--wd", metavar="DIR", type=Path, help="working directory: folders of ended runs, and the cache", **_LATER)
    group.add_argument("--archive", metavar="DIR", type=Path, help="archive: half-written products of ended runs", **_LATER)
    group.add_argument("--older-than", metavar="DAYS", type=float, help="only what is older; default everything", **_LATER)
    _flag(group, "--dry-run", "say what would be removed, and remove nothing")
    _add_configuration(parser)
    _flag(parser, "--debug", "tracebacks of errors", "-d")


MODES = {
    "product-mode": Word("process one product on one tile", _product_mode),
    "single-tile-mode": Word("process all selected products of one tile", _single_tile_mode, searching=True),
    "multi-tile-mode": Word("process all tiles that a region touches", _multi_tile_mode, searching=True),
    "roi-based-mode": Word("process a region inside one tile; outside of it is no data", _roi_based_mode, searching=True),
}
COMMANDS = {
    "check": Word(
        "validate configuration and inputs without processing", _check,
        "Validate the configuration and everything it names, without processing: folders, free space, reference images, "
        "auxiliary\ndata, archives of products (one small request each), the cluster. All problems are told at once.",
        """\
examples:
  sen2like check --conf my.ini
  sen2like check --conf my.ini --tile 31TFJ --wd /data/wd --scheduler tcp://host:8786

exit codes:
  0 nothing is wrong, or warnings only    3 a run would fail
""",
    ),
    "list": Word(
        "list the products that a mode would process, with every decision and its reason", _list,
        "List the products that a mode would process, and why; the same as that mode with --no-run.\n"
        "A tile is listed as by single-tile-mode, a region as by multi-tile-mode (with --tile: roi-based-mode),\na product as by "
        "product-mode.",
        """\
examples:
  sen2like list 31TFJ --start-date 2021-06-01 --end-date 2021-06-30
  sen2like list region.geojson --tiles auto --list-format csv
  sen2like list S2A_MSIL1C_20171030T104151_N0500_R008_T31TFJ_20231010T000000.SAFE
""",
    ),
    "stac": Word(
        "write the STAC catalogue of an archive", _stac,
        "Write catalog.json and the collections (collection-l2h.json, collection-l2f.json) of an archive of outputs, with links "
        "to\nthe item of every product. Products whose item is broken are told and left out. May be repeated at any time.",
        """\
examples:
  sen2like stac /data/S2L
  sen2like stac /data/S2L --root-url https://data.example.org/s2l

exit codes:
  0 done    1 no product there    3 no such archive    4 some products are broken    5 all are
""",
    ),
    "report": Word(
        "make the HTML report of a run again, from its JSON", _report, "",
        """\
examples:
  sen2like report /data/production/wd/20260312T101500-1a2b3c
  sen2like report report.json --archive /mnt/moved/S2L
""",
    ),
    "clean": Word(
        "remove what ended runs left: their folders, half-written products, cache", _clean,
        "Remove folders of ended runs (their logs and reports with them), half-written products of ended processes, and the "
        "cache.\nFinished products and whatever a living run may use stay.",
        """\
examples:
  sen2like clean --wd /data/production/wd --older-than 30
  sen2like clean --conf my.ini --dry-run

exit codes:
  0 done    4 something could not be removed
""",
    ),
}  # fmt: skip
