"""The command line: words -> a `Request` and a `Config`, events -> what the user sees, outcome -> exit code.

No processing here. Options of all modes may stand before or after the mode word (spec 01 section 1.3): the mode word is
moved to the front before parsing, so that of an option given twice the later one wins.
"""

import argparse
import logging
import platform
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, get_args

from pydantic import ValidationError

from sen2like import __version__, logs
from sen2like.config import Config, default_configuration, load
from sen2like.config.generate import effective_ini
from sen2like.console import Narrator, listing, summary
from sen2like.errors import ConfigurationError, NothingToDo, Sen2LikeError, UsageError
from sen2like.events import Listed, ProductFinished, RunStarted, TileFailed
from sen2like.request import LANDSAT_NATIVE_BANDS, S2_BANDS, IfLocked, ListFormat, Request, WhichTiles

log = logging.getLogger(__name__)

PROG = "sen2like"
OK, ERROR, USAGE, INVALID, SOME_FAILED, ALL_FAILED, EMPTY, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 4, 5, 6, 130, 143
"""Exit codes (spec 01 section 1.4)."""
SPELLINGS = {"--no-log-data": "--no-log-date", "--config": "--conf"}
"""Spellings of earlier manuals."""
EXAMPLES = """\
examples:
  sen2like product-mode S2A_MSIL1C_20171030T104151_N0500_R008_T31TFJ_20231010T000000.SAFE
  sen2like product-mode S2B_MSIL2A_20230612T104029_N0509_R008_T31TFJ_20230612T134600.SAFE.zip --bands B04,B8A
  sen2like product-mode PRODUCT --tile 31TFJ --conf my.ini --confParams "doSbaf=False,archive_dir=/data/out"
  sen2like single-tile-mode 31TFJ --start-date 2021-06-01 --end-date 2021-06-30 --jobs 2
  sen2like multi-tile-mode region.geojson --start-date 2021-06-01 --no-run --list-format table
  sen2like roi-based-mode field.geojson --start-date 2021-06-01
  sen2like --print-config --conf my.ini

exit codes:
  0 all products done or filtered     3 invalid configuration, missing input  6 nothing found (--strict)
  1 nothing to do, unexpected error   4 some products failed                  130 interrupted
  2 wrong usage                       5 every product failed                  143 terminated
"""


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM)."""


@dataclass(frozen=True)
class Mode:
    """A word of the command line and what is particular to it."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    searching: bool
    """It looks for products in the configured archives."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: that of the process); returns the exit code, never raises for a user's mistake."""
    try:
        words, mode = _hoisted(list(sys.argv[1:] if argv is None else argv))
        parser, parsers = _parsers()
        arguments = parser.parse_args(words)
    except SystemExit as exit_:
        return int(exit_.code or 0)
    if mode is None and not getattr(arguments, "print_config", False):
        print(f"Sen2like {__version__} with Python {platform.python_version()}\n")
        parser.print_help()
        return ERROR
    given = vars(arguments)
    try:
        if given.get("print_config"):
            print(effective_ini(_configuration(given, mode)))
            return OK
        return _run(given, mode)
    except UsageError as error:
        (parsers[mode] if mode else parser).print_usage(sys.stderr)
        return _refused(error, USAGE, given)
    except NothingToDo as error:
        return _refused(error, ERROR, given)
    except Sen2LikeError as error:
        return _refused(error, INVALID, given)
    except Terminated:
        log.error("terminated; nothing was left half-written")
        return TERMINATED
    except KeyboardInterrupt:
        log.error("interrupted; nothing was left half-written")
        return INTERRUPTED
    except BrokenPipeError:
        return ERROR
    except Exception as error:
        log.exception("unexpected error, please report it: %s", error)
        return ERROR


def _run(given: dict[str, Any], mode: str | None) -> int:
    asked = {name: given[name] for name in Request.model_fields if name in given}
    request = _request(asked)
    config = _configuration(given, mode)
    at_run_time = config.run_time
    request = request.model_copy(
        update={
            "wd": at_run_time.wd or request.wd,
            "debug": at_run_time.debug,
            "intermediate_products": at_run_time.generate_intermediate_products,
            "allow_other_srs": at_run_time.allow_other_srs,
        }
    )
    log_file = None if request.no_run else request.wd / logs.FILE_NAME
    try:
        logs.configure(logs.LogSetup(log_file, request.debug, not given.get("no_log_date", False)))
    except OSError as error:
        raise ConfigurationError(f"--wd {request.wd}: cannot write there: {error.strerror}") from error
    for notice in config.notices:
        log.warning("%s", notice)
    return _follow(request, config)


def _request(asked: dict[str, Any]) -> Request:
    try:
        return Request(**asked)
    except ValidationError as error:
        problems = [f"--{str(e['loc'][0]).replace('_', '-')} {e['input']}: {e['msg']}" for e in error.errors()]
        raise UsageError("; ".join(problems)) from error


def _configuration(given: dict[str, Any], mode: str | None) -> Config:
    options: dict[str, object] = {
        key: given[name]
        for name, key in (
            ("wd", "wd"),
            ("debug", "debug"),
            ("intermediate_products", "generate_intermediate_products"),
            ("allow_other_srs", "allow_other_srs"),
        )
        if name in given
    }
    if given.get("force"):
        options["if_exists"] = "replace"
    if given.get("l2a"):
        options["s2_processing_level"] = "LEVEL2A"
    path = given.get("conf") or default_configuration()
    return load(path, given.get("conf_params", []), options, searching=mode is not None and MODES[mode].searching)


def _follow(request: Request, config: Config) -> int:
    """Run, tell the events as they come, and say at the end what became of each product."""
    from sen2like.orchestrator import run  # here, so that --help and wrong words answer at once
    from sen2like.report.collect import RunReport
    from sen2like.report.command import write

    report = RunReport(config, [PROG, *sys.argv[1:]])
    run_dir: Path | None = None
    results: list[ProductFinished] = []
    listed: list[Listed] = []
    refused: list[TileFailed] = []
    try:
        with _sigterm_raises(), Narrator() as narrator, _closing(run(request, config)) as events:
            for event in events:
                narrator.tell(event)
                report.add(event)
                if isinstance(event, RunStarted):
                    run_dir = event.run_dir
                if isinstance(event, ProductFinished):
                    results.append(event)
                elif isinstance(event, Listed):
                    listed.append(event)
                elif isinstance(event, TileFailed):
                    refused.append(event)
    finally:
        if request.no_run and listed:
            print(listing(listed, request.list_format))
        elif results:
            print(summary(results))
        if run_dir is not None:  # also of a run that was broken off
            run_dir.mkdir(parents=True, exist_ok=True)  # cleared at the end of a good run
            log.info("report: %s", write(report.report(), run_dir)[1])
    return _exit_code(results, listed, refused, request)


def _exit_code(results: list[ProductFinished], listed: list[Listed], refused: list[TileFailed], request: Request) -> int:
    failed = [result for result in results if result.status == "failed"]
    if any(result.status == "interrupted" for result in results) and not (request.fail_fast and failed):
        return INTERRUPTED
    if failed or refused:
        good = any(result.status in ("done", "skipped") for result in results)
        good = good or any(c.decision == "made before" for event in listed for c in event.candidates)
        return SOME_FAILED if good else ALL_FAILED
    if request.strict and not any(event.candidates for event in listed):
        return EMPTY
    return OK


def _refused(error: Sen2LikeError, code: int, given: dict[str, Any]) -> int:
    """One line per problem; the traceback only with --debug."""
    problems = error.problems if isinstance(error, ConfigurationError) else [str(error)]
    for problem in problems:
        print(f"{PROG}: error: {problem}", file=sys.stderr)
    if given.get("debug"):
        traceback.print_exception(error, file=sys.stderr)
    return code


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """SIGTERM becomes an exception, so that everything open is closed; a second one while closing is ignored."""

    def raise_terminated(signum: int, frame: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, raise_terminated)
    except ValueError:  # not the main thread: its owner handles signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _closing(events: Any) -> Any:
    """Generators are closed however the loop ends; plain iterables have nothing to close."""
    return closing(events) if hasattr(events, "close") else closing(_generator(events))


def _generator(events: Any) -> Any:
    yield from events


def _hoisted(words: list[str]) -> tuple[list[str], str | None]:
    """The words with the mode word first, old spellings replaced; -> (words, mode or None)."""
    words = [_spelled(word) for word in words]
    takes_value = {
        "--refImage", "--wd", "--conf", "--confParams", "--bands", "--list-format", "--tile", "--tiles", "--start-date",
        "--end-date", "--jobs", "-j", "--scheduler", "--memory", "--timeout", "--if-locked", "--fusion-history",
    }  # fmt: skip
    position = 0
    while position < len(words) and words[position] != "--":
        word = words[position]
        if word in MODES:
            return [word, *words[:position], *words[position + 1 :]], word
        matches = {word} & takes_value or {option for option in takes_value if word.startswith("--") and option.startswith(word)}
        position += 2 if matches and word != "--" else 1
    return words, None


def _spelled(word: str) -> str:
    name, equals, value = word.partition("=")
    return SPELLINGS.get(name, name) + equals + value


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=34, width=110)


def _parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(
        prog=PROG, formatter_class=_Formatter, epilog=EXAMPLES,
        description="Harmonised surface reflectance from Sentinel-2 and Landsat 8/9 products, on the Sentinel-2 tile grid.",
    )  # fmt: skip
    _add_common(parser)
    modes = parser.add_subparsers(title="modes", metavar="MODE", dest="mode")
    parsers = {}
    for name, mode in MODES.items():
        one = modes.add_parser(name, help=mode.help, description=mode.help, epilog=EXAMPLES, formatter_class=_Formatter)
        mode.add_arguments(one)
        _add_common(one)
        parsers[name] = one
    return parser, parsers


def _product_mode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", metavar="PRODUCT", type=Path, help="the product: its folder or archive file")
    parser.add_argument("--tile", help="tile, e.g. 31TFJ; needed when the product's name does not tell it", **_LATER)


def _single_tile_mode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tile", metavar="TILE", help="tile, e.g. 31TFJ")
    _add_search(parser)


def _multi_tile_mode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("roi", metavar="ROI", type=Path, help="vector file (GeoJSON, GeoPackage, Shapefile ...) with the region")
    parser.add_argument(
        "--tiles", choices=get_args(WhichTiles), help="all that the region touches (default) or as few as cover it", **_LATER
    )
    _add_search(parser)


def _roi_based_mode(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("roi", metavar="ROI", type=Path, help="vector file with the region; outside of it outputs have no data")
    parser.add_argument("--tile", help="tile that contains the region; default the one nearest to it", **_LATER)
    _add_search(parser)


def _add_search(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("which products")
    group.add_argument("--start-date", metavar="YYYY-MM-DD", help="first day", **_LATER)
    group.add_argument("--end-date", metavar="YYYY-MM-DD", help="last day, included", **_LATER)
    _flag(group, "--l2a", "Sentinel-2 Level-2A products instead of Level-1C")
    group.add_argument(
        "--fusion-history", metavar="DAYS", type=int, **_LATER,
        help="look so many days before the first day for the Sentinel-2 products that fusion of the first Landsat dates needs",
    )  # fmt: skip
    group = parser.add_argument_group("many products")
    group.add_argument("-j", "--jobs", metavar="N", type=int, help="products in work at a time; default 1", **_LATER)
    group.add_argument("--scheduler", metavar="ADDRESS", help="do the work on a Dask cluster, e.g. tcp://host:8786", **_LATER)
    group.add_argument(
        "--memory", metavar="GB", type=float, help="memory all of them may need together; default what is free", **_LATER
    )
    group.add_argument("--timeout", metavar="MINUTES", type=float, help="give a product up after so long", **_LATER)
    group.add_argument(
        "--if-locked", choices=get_args(IfLocked), help="when another run works on the tile; default wait", **_LATER
    )
    _flag(group, "--fail-fast", "stop at the first product that fails")
    _flag(group, "--strict", "finding no product is a failure (exit code 6)")


_LATER: dict[str, Any] = {"default": argparse.SUPPRESS}
"""What is not given leaves no trace, so that file and defaults can supply it."""


def _add_common(parser: argparse.ArgumentParser) -> None:
    bands = ",".join((*S2_BANDS, *LANDSAT_NATIVE_BANDS))
    group = parser.add_argument_group("what to process")
    group.add_argument("--bands", metavar="LIST", help=f"bands, separated by commas; default all of {bands}", **_LATER)
    group.add_argument(
        "--refImage",
        dest="ref_image",
        metavar="PATH",
        type=Path,
        **_LATER,
        help="geometric reference image; wins over references_map of the configuration",
    )
    _flag(group, "--allow-other-srs", "take Landsat scenes whose nominal UTM zone is not that of the tile")
    group = parser.add_argument_group("configuration")
    group.add_argument(
        "--conf",
        metavar="PATH",
        type=Path,
        **_LATER,
        help="configuration file, .ini or .xml; default conf/config.ini of the installation",
    )
    group.add_argument(
        "--confParams",
        dest="conf_params",
        metavar="KEY=VALUE,...",
        action="append",
        **_LATER,
        help="values that win over the file; may be repeated",
    )
    _flag(group, "--print-config", "print every value that holds and where it comes from, and stop")
    group = parser.add_argument_group("running")
    group.add_argument("--wd", metavar="PATH", type=Path, help="working directory; default /data/production/wd", **_LATER)
    _flag(group, "--parallelize-bands", "work on as many bands at a time as there are processors")
    _flag(group, "--force", "process again, replacing earlier outputs")
    _flag(group, "--keep", "keep the working folder of the run")
    _flag(group, "--intermediate-products", "keep what each block makes, in the working folder")
    group = parser.add_argument_group("list and log")
    _flag(group, "--no-run", "list the products and stop")
    group.add_argument("--list-format", choices=get_args(ListFormat), help="form of that list; default text", **_LATER)
    _flag(group, "--no-log-date", "no date in log lines")
    _flag(group, "--debug", "more log lines and files, tracebacks of errors", "-d")
    group.add_argument("-v", "--version", action="version", version=f"{PROG} {__version__}")


def _flag(group: Any, name: str, text: str, *short: str) -> None:
    group.add_argument(*short, name, action="store_true", help=text, **_LATER)


MODES = {
    "product-mode": Mode("process one product on one tile", _product_mode, searching=False),
    "single-tile-mode": Mode("process all selected products of one tile", _single_tile_mode, searching=True),
    "multi-tile-mode": Mode("process all tiles that a region touches", _multi_tile_mode, searching=True),
    "roi-based-mode": Mode("process a region inside one tile; outside of it is no data", _roi_based_mode, searching=True),
}
