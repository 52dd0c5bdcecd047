"""--confParams: the superset grammar of spec 01 section 2.3."""

import pytest

from sen2like.config.overrides import parse_overrides


def parsed(*texts):
    entries, problems = parse_overrides(texts)
    assert not problems
    return {e.key: e.text for e in entries}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("doNbar=False,doSbaf=False", {"doNbar": "False", "doSbaf": "False"}),
        ("coverage=0.3, cloud_cover=5", {"coverage": "0.3", "cloud_cover": "5"}),
        ("doAssessGeometry=B02,B04", {"doAssessGeometry": "B02,B04"}),
        ("doAssessGeometry=B02, B04,doNbar=True", {"doAssessGeometry": "B02,B04", "doNbar": "True"}),
        ("a=1;b=2", {"a": "1", "b": "2"}),
        ("a='1,b=2',c=3", {"a": "1,b=2", "c": "3"}),
        ('"a=1,b=2"', {"a": "1,b=2"}),
        ("a=x=y", {"a": "x=y"}),
        ("a=", {"a": ""}),
        ("a=None", {"a": None}),
        (" a = 1 , ", {"a": "1"}),
        ("base_url=https://h/p?x=1", {"base_url": "https://h/p?x=1"}),
    ],
)
def test_grammar(text, expected):
    assert parsed(text) == expected


def test_section_may_be_named():
    (entry,), _ = parse_overrides(["Geometry.reference_band=B08"])
    assert (entry.section, entry.key, entry.text) == ("Geometry", "reference_band", "B08")


def test_option_may_be_repeated():
    assert parsed("a=1", "b=2") == {"a": "1", "b": "2"}


@pytest.mark.parametrize(("text", "problem"), [("nothing", "is not 'key=value'"), ("a='1", "quote is not closed")])
def test_text_that_makes_no_sense_is_a_problem(text, problem):
    entries, problems = parse_overrides([text])
    assert not entries and len(problems) == 1 and problem in problems[0] and text in problems[0]
