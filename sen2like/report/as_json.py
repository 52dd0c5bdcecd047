"""`report.json`: a `Report` as JSON and back, and its JSON Schema (shipped as ``report.schema.json``).

``python -m sen2like.report.as_json`` prints the schema; a test keeps the shipped file up to date.
"""

import json
import os
import secrets
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sen2like.errors import MetadataError
from sen2like.report.model import SCHEMA_VERSION, Report

FILE_NAME = "report.json"
SCHEMA_FILE = "report.schema.json"


@cache
def adapter() -> TypeAdapter[Report]:
    """What reads and writes reports; making it takes a tenth of a second, once."""
    return TypeAdapter(Report)


def dumps(report: Report) -> str:
    """UTF-8 text, indented, with a final line feed."""
    return adapter().dump_json(report, indent=2).decode("utf-8") + "\n"


def loads(text: str | bytes, label: str = FILE_NAME) -> Report:
    """The report a text holds; `label` names it in the `MetadataError` that says why it cannot be read."""
    try:
        version = str(json.loads(text)["schema_version"])
    except (ValueError, KeyError, TypeError) as error:
        raise MetadataError(f"{label}: not a report of sen2like ({type(error).__name__}: {error}); give a {FILE_NAME}") from error
    if version.split(".")[0] != SCHEMA_VERSION.split(".")[0]:
        raise MetadataError(
            f"{label}: schema version {version} cannot be read, only {SCHEMA_VERSION.split('.')[0]}.x; "
            "use the sen2like that wrote it"
        )
    try:
        return adapter().validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise MetadataError(f"{label}: {place}: {first['msg']}{more}; the report was changed or is of another version") from error


def read(path: Path) -> Report:
    """The report in a file; `MetadataError` when it cannot be read."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise MetadataError(f"report {path} cannot be read: {error.strerror or error}") from error
    return loads(text, str(path))


def write(report: Report, path: Path) -> Path:
    """Write `report` to `path`, complete or not at all."""
    return write_text(path, dumps(report))


def write_text(path: Path, text: str) -> Path:
    """Write a file in one go: readers see the old one or the new one."""
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(3)}")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the report."""
    title = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"sen2like run report {SCHEMA_VERSION}"}
    return {**adapter().json_schema(mode="serialization"), **title}


def shipped_schema() -> dict[str, Any]:
    """The schema as it is shipped."""
    return json.loads((files("sen2like") / "report" / SCHEMA_FILE).read_text(encoding="utf-8"))


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
