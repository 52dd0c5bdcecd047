"""The words of the command line: modes, commands and their options, as argparse parsers.

Options of all modes may stand before or after the mode word (spec 01 section 1.3): `hoisted` moves that word to the front
before parsing, so that of an option given twice the later one wins.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sen2like.commands import options
from sen2like.commands.options import LATER

PROG = "sen2like"
_SPELLINGS = {"--no-log-data": "--no-log-date", "--config": "--conf"}
"""Spellings of earlier manuals."""
_TAKE_VALUE = frozenset({
    "--refImage", "--wd", "--conf", "--confParams", "--bands", "--list-format", "--tile", "--tiles", "--roi", "--start-date",
    "--end-date", "--jobs", "-j", "--scheduler", "--memory", "--timeout", "--if-locked", "--fusion-history", "--root-url",
    "--archive", "--older-than",
})  # fmt: skip
"""Options whose next word is their value, and no mode."""

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
    options.add_common(parser)
    each = {}
    for name, word in (MODES | COMMANDS).items():
        page: dict[str, Any] = {"description": word.description or word.help, "epilog": word.epilog}
        if name in MODES:
            page["help"] = word.help
        one = words.add_parser(name, formatter_class=_Formatter, **page)
        word.add_arguments(one)
        if name in MODES:
            options.add_common(one)
        each[name] = one
    return parser, each


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=34, width=110)


def _product_mode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT", type=Path, help="the product: its folder or archive file")
    parser.add_argument("--tile", help="tile, e.g. 31TFJ; needed when the product's name does not tell it", **LATER)


def _single_tile_mode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tile", metavar="TILE", help="tile, e.g. 31TFJ")
    options.add_search(parser)
    options.add_many(parser)


def _multi_tile_mode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("roi", metavar="ROI", type=Path, help="vector file (GeoJSON, GeoPackage, Shapefile ...) with the region")
    options.add_tiles(parser)
    options.add_search(parser)
    options.add_many(parser)


def _roi_based_mode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("roi", metavar="ROI", type=Path, help="vector file with the region; outside of it outputs have no data")
    parser.add_argument("--tile", help="tile that contains the region; default the one nearest to it", **LATER)
    options.add_search(parser)
    options.add_many(parser)


def _check(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("for which runs")
    group.add_argument("--tile", help="what a run on this tile needs", **LATER)
    group.add_argument("--roi", metavar="PATH", type=Path, help="what a run on the tiles of this region needs", **LATER)
    options.add_level(group)
    options.add_reference(group)
    options.add_scheduler(group, "the Dask cluster that does the work, e.g. tcp://host:8786")
    options.add_flag(group, "--intermediate-products", "space for what each block makes")
    group = options.add_configuration(parser)
    options.add_wd(group)
    options.add_log(parser.add_argument_group("log"))


def _list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", metavar="TARGET", help="a tile (31TFJ), a vector file with a region, or a product")
    parser.add_argument("--tile", help="of a region: the tile, as in roi-based-mode; of a product: the tile it is for", **LATER)
    options.add_tiles(parser)
    options.add_search(parser)
    options.add_other_srs(parser)
    options.add_bands(parser)
    options.add_force(parser)
    group = options.add_configuration(parser)
    options.add_wd(group)
    group = parser.add_argument_group("list and log")
    options.add_list_format(group, "table")
    options.add_log(group)


def _stac(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("archive", metavar="ARCHIVE_DIR", type=Path, help="archive: <ARCHIVE_DIR>/<tile>/<product>.SAFE")
    parser.add_argument(
        "--root-url", metavar="URL", help="address at which the archive is published; default relative links", **LATER
    )
    options.add_flag(parser, "--dry-run", "say what would be written, and write nothing")
    options.add_flag(parser, "--debug", "tracebacks of errors", "-d")


def _report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("report", metavar="REPORT_JSON", type=Path, help="report.json of a run, or the folder of the run")
    parser.add_argument("--archive", metavar="DIR", type=Path, help="where the outputs are now, if they were moved", **LATER)
    options.add_flag(parser, "--debug", "tracebacks of errors", "-d")


def _clean(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to clean (without --wd and --archive: those of the configuration)")
    group.add_argument("--wd", metavar="DIR", type=Path, help="working directory: folders of ended runs, and the cache", **LATER)
    group.add_argument("--archive", metavar="DIR", type=Path, help="archive: half-written products of ended runs", **LATER)
    group.add_argument("--older-than", metavar="DAYS", type=float, help="only what is older; default everything", **LATER)
    options.add_flag(group, "--dry-run", "say what would be removed, and remove nothing")
    options.add_configuration(parser)
    options.add_flag(parser, "--debug", "tracebacks of errors", "-d")


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
