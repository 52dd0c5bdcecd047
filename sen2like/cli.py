"""The command line: words -> a `Request` and a `Config`, events -> what the user sees, outcome -> exit code.

No processing here. The words themselves are in `sen2like.commands.words`.
"""

import gc
import logging
import platform
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from pydantic import ValidationError

from sen2like import __version__, logs
from sen2like.commands.configuration import configuration
from sen2like.commands.words import COMMANDS, MODES, PROG, hoisted, parsers
from sen2like.config import Config
from sen2like.config.generate import effective_ini
from sen2like.console import Narrator, listing, summary
from sen2like.errors import ConfigurationError, NothingToDo, Sen2LikeError, UsageError
from sen2like.events import Listed, ProductFinished, ProductStarted, RunStarted, TileFailed
from sen2like.request import Request

log = logging.getLogger(__name__)

OK, ERROR, USAGE, INVALID, SOME_FAILED, ALL_FAILED, EMPTY, INTERRUPTED, TERMINATED = 0, 1, 2, 3, 4, 5, 6, 130, 143
"""Exit codes (spec 01 section 1.4)."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end (SIGTERM)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: that of the process); returns the exit code, never raises for a user's mistake."""
    try:
        return _main(list(sys.argv[1:] if argv is None else argv))
    finally:
        if argv is None:
            gc.freeze()  # the process ends: to look for garbage in all its modules would take 0.3 s


def _main(argv: list[str]) -> int:
    try:
        words, word = hoisted(argv)
        parser, parser_of = parsers()
        arguments, unknown = parser.parse_known_args(words)
        if unknown:
            (parser_of[word] if word else parser).error(f"unrecognized arguments: {' '.join(unknown)}")
    except SystemExit as exit_:
        return int(exit_.code or 0)
    if word is None and not getattr(arguments, "print_config", False):
        print(f"Sen2like {__version__} with Python {platform.python_version()}\n")
        parser.print_help()
        return ERROR
    given = vars(arguments)
    try:
        if given.get("print_config"):
            print(effective_ini(_configuration(given, word)))
            return OK
        return _command(given, word, argv) if word in COMMANDS else _run(given, word, argv)
    except UsageError as error:
        (parser_of[word] if word else parser).print_usage(sys.stderr)
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


def _command(given: dict[str, Any], word: str, argv: list[str]) -> int:
    """Carry out a companion command; each imports what it needs, so that the others answer at once."""
    logs.configure(logs.LogSetup(None, given.get("debug", False), not given.get("no_log_date", False)))
    if word == "list":
        from sen2like.commands.listing import mode_of

        given = mode_of(given)
        return _run(given, given["mode"], argv)
    if word == "check":
        from sen2like.commands import check

        return INVALID if check.run(given) else OK
    if word == "stac":
        from sen2like.commands import catalogue

        listed, broken = catalogue.run(given["archive"], given.get("root_url"), given.get("dry_run", False))
        return OK if not broken else SOME_FAILED if listed else ALL_FAILED
    if word == "report":
        from sen2like.commands import report

        print(report.run(given["report"], given.get("archive")))
        return OK
    from sen2like.commands import clean

    return SOME_FAILED if clean.run(given) else OK


def _run(given: dict[str, Any], mode: str | None, argv: list[str]) -> int:
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
    return _follow(request, config, argv)


def _request(asked: dict[str, Any]) -> Request:
    try:
        return Request(**asked)
    except ValidationError as error:
        problems = [f"--{str(e['loc'][0]).replace('_', '-')} {e['input']}: {e['msg']}" for e in error.errors()]
        raise UsageError("; ".join(problems)) from error


def _configuration(given: dict[str, Any], mode: str | None) -> Config:
    return configuration(given, searching=mode in MODES and MODES[mode].searching)


def _follow(request: Request, config: Config, argv: list[str]) -> int:
    """Run, tell the events as they come, and say at the end what became of each product."""
    from sen2like.orchestrator import run  # here, so that --help and wrong words answer at once
    from sen2like.report import as_json
    from sen2like.report.collect import RunReport
    from sen2like.report.command import write

    report = RunReport(config, [PROG, *argv])
    run_dir: Path | None = None
    results: list[ProductFinished] = []
    listed: list[Listed] = []
    refused: list[TileFailed] = []
    try:
        with _sigterm_raises(), _closing(run(request, config)) as events, Narrator() as narrator:
            for event in events:
                narrator.tell(event)
                report.add(event)
                if isinstance(event, RunStarted):
                    run_dir = event.run_dir
                if isinstance(event, ProductStarted):
                    as_json.adapter()  # others work now; at the end everybody would wait for it
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
        useful = ("made before", "selected") if request.no_run else ("made before",)
        good = good or any(c.decision in useful for event in listed for c in event.candidates)
        return SOME_FAILED if good else ALL_FAILED
    if request.strict and not any(c.decision in ("selected", "made before") for event in listed for c in event.candidates):
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
