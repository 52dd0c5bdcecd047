"""The INI reader: the semantics of configparser as ESA's program uses it, with line numbers and every error."""

import configparser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sen2like.config.ini import read_ini
from sen2like.errors import ConfigurationError


@pytest.fixture
def read(tmp_path):
    def reader(text: str):
        path = tmp_path / "c.ini"
        path.write_text(text, encoding="utf-8")
        entries, problems = read_ini(path)
        return {e.key: e for e in entries}, [p.removeprefix(f"{tmp_path}/") for p in problems]

    return reader


def test_percent_and_inline_hash_are_part_of_the_value(read):
    entries, _ = read("[A]\nx = %27{tile}%27 # not a comment\n")
    assert entries["x"].text == "%27{tile}%27 # not a comment"


def test_full_line_comments_of_both_kinds_are_skipped(read):
    entries, problems = read("# one\n[A]\n; two\nx = 1\n")
    assert list(entries) == ["x"] and not problems


def test_key_without_value_and_the_word_none_are_null(read):
    entries, _ = read("[A]\nx\ny = None\nz =\n")
    assert (entries["x"].text, entries["y"].text, entries["z"].text) == (None, None, "")


def test_an_indented_line_continues_the_value(read):
    entries, _ = read("[A]\nx = 1\n   2\ny = 3\n")
    assert entries["x"].text == "1\n2" and entries["y"].text == "3"


def test_origin_is_file_and_line(read):
    entries, _ = read("[A]\n\n# c\nx = 1\n")
    assert entries["x"].origin.endswith("c.ini:4")


def test_duplicate_key_and_section_and_stray_text_are_all_reported_with_their_line(read):
    _, problems = read("stray = 1\n[A]\nx = 1\nx = 2\n[A]\n= 3\n")
    assert [p.split(":")[1] for p in problems] == ["1", "4", "5", "6"]
    assert "at line 3" in problems[1] and "at line 2" in problems[2]


def test_a_file_that_is_not_text_is_named(tmp_path):
    path = tmp_path / "c.ini"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match=r"c\.ini: not UTF-8"):
        read_ini(path)


_KEY = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
_VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@given(st.dictionaries(_KEY, st.tuples(st.sampled_from([" = ", "=", ": "]), _VALUE), max_size=6))
def test_values_are_those_of_configparser(tmp_path_factory, options):
    text = "[Section]\n" + "".join(f"{key}{delimiter}{value}\n" for key, (delimiter, value) in options.items())
    expected = configparser.ConfigParser(interpolation=None, allow_no_value=True)
    expected.optionxform = str
    expected.read_string(text)
    path = tmp_path_factory.mktemp("ini") / "c.ini"
    path.write_text(text)
    entries, problems = read_ini(path)
    assert not problems
    assert {e.key: e.text for e in entries} == {k: None if v == "None" else v for k, v in expected["Section"].items()}
