"""``report``: the page of a run made again from its data."""

from pathlib import Path

from sen2like.errors import MetadataError
from sen2like.report.as_json import FILE_NAME
from sen2like.report.command import rebuild


def run(report: Path, archive: Path | None = None) -> Path:
    """Make the page beside `report` (or beside the report in that folder) again; its path.

    `archive`: where the outputs are now. `MetadataError`: there is no report, or the page cannot be written.
    """
    file = report / FILE_NAME if report.is_dir() else report
    if archive is not None and not archive.is_dir():
        raise MetadataError(f"--archive {archive}: there is no such folder; correct the path, or leave the option out")
    try:
        return rebuild(file, archive)
    except OSError as error:
        cause = error.strerror or error
        raise MetadataError(f"the page beside {file} cannot be written: {cause}; make its folder writable") from error
