"""Both files of a report, and the page made again from the data (companion command ``report``)."""

from pathlib import Path

from sen2like.report import as_html, as_json
from sen2like.report.model import Report


def write(report: Report, folder: Path) -> tuple[Path, Path]:
    """``report.json`` and ``report.html`` in `folder`; the paths in this order."""
    return as_json.write(report, folder / as_json.FILE_NAME), as_html.write(report, folder / as_html.FILE_NAME)


def rebuild(report_json: Path, archive: Path | None = None) -> Path:
    """Make the page beside `report_json` again and return its path.

    `archive`: where the output products are now, if not where the run put them. `MetadataError` when the file is no report.
    """
    path = report_json.with_name(as_html.FILE_NAME if report_json.name == as_json.FILE_NAME else f"{report_json.stem}.html")
    return as_html.write(as_json.read(report_json), path, archive)
