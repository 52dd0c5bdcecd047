"""``report.json``: there and back, and its schema."""

import json

import jsonschema
import pytest
from report import report_cases as cases

from sen2like.errors import MetadataError
from sen2like.report import as_json
from sen2like.report.model import SCHEMA_VERSION


@pytest.fixture(scope="module")
def varied(tmp_path_factory):
    return cases.varied(tmp_path_factory.mktemp("json") / "archive")


@pytest.fixture(scope="module")
def validator():
    jsonschema.Draft202012Validator.check_schema(as_json.shipped_schema())
    return jsonschema.Draft202012Validator(as_json.shipped_schema(), format_checker=jsonschema.FormatChecker())


def test_report_is_the_same_after_writing_and_reading(varied, tmp_path):
    assert as_json.read(as_json.write(varied, tmp_path / "report.json")) == varied


def test_shipped_schema_is_that_of_the_model():
    assert as_json.shipped_schema() == as_json.schema(), "python -m sen2like.report.as_json > sen2like/report/report.schema.json"


def test_report_of_every_case_is_valid(varied, validator):
    content = json.loads(as_json.dumps(varied))
    validator.validate(content)
    assert content["schema_version"] == SCHEMA_VERSION


def test_report_of_nothing_is_valid(tmp_path, validator):
    validator.validate(json.loads(as_json.dumps(cases.report_of(tmp_path))))


@pytest.mark.parametrize("change", [{"status": "fine"}, {"tiles": None}, {"more": 1}, {"seconds": "long"}])
def test_schema_refuses_what_is_no_report(varied, validator, change):
    assert not validator.is_valid({**json.loads(as_json.dumps(varied)), **change})


def test_every_field_of_the_schema_is_documented_or_speaks_for_itself():
    undocumented = {
        f"{name}.{key}"
        for name, part in as_json.schema()["$defs"].items()
        for key, field in part["properties"].items()
        if field.get("type") == "number" and "description" not in field
    }
    assert undocumented <= {"Offset.dx", "Offset.dy", "BandTime.seconds", "ProductReport.seconds"}, "units of numbers are told"


@pytest.mark.parametrize(
    "text, cause",
    [
        ("", "not a report"),
        ("[]", "not a report"),
        ("{}", "not a report"),
        ('{"schema_version": "2.0"}', "schema version 2.0 cannot be read"),
        ('{"schema_version": "1.0"}', "status: Field required"),
    ],
)
def test_file_that_is_no_report_is_named_with_its_fault(tmp_path, text, cause):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(MetadataError, match=r"other\.json") as error:
        as_json.read(path)
    assert cause in str(error.value)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(MetadataError, match=r"nothing\.json cannot be read: No such file"):
        as_json.read(tmp_path / "nothing.json")


def test_writing_replaces_in_one_go_and_leaves_nothing_else(varied, tmp_path):
    for _ in range(2):
        as_json.write(varied, tmp_path / "report.json")
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
