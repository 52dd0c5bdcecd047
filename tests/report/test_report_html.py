"""``report.html``: what a reader finds in it, and that it needs nothing else."""

import base64
import re
from datetime import datetime

import cv2
import numpy as np
import pytest
from lxml import html
from report import report_cases as cases

from sen2like.errors import MetadataError
from sen2like.report import as_html, as_json, figures, texts
from sen2like.report.command import rebuild, write
from sen2like.report.markup import tag
from sen2like.report.model import Geometry, MaskShares, Offset, Residuals, Step
from sen2like.report.pictures import SIDE, data_uri

DAY = datetime(2021, 6, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("html")


@pytest.fixture(scope="module")
def varied(folder):
    return cases.varied(folder / "archive")


@pytest.fixture(scope="module")
def text(varied):
    return as_html.page(varied)


@pytest.fixture(scope="module")
def page(text):
    return html.document_fromstring(text)


def cards(page, status: str):
    return page.xpath(f"//article[contains(@class, '{status}')]")


def words(element) -> str:
    return " ".join("".join(element.itertext()).split())


def test_page_refers_to_nothing_outside_itself(page, text):
    addresses = page.xpath("//@src | //@href")
    assert addresses and all(a.startswith(("data:image/jpeg;base64,", "#")) for a in addresses)
    assert not page.xpath("//link | //iframe | //object") and "url(" not in text and "@import" not in text


def test_every_link_leads_somewhere(page):
    anchors = set(page.xpath("//@id"))
    assert {a[1:] for a in page.xpath("//@href")} == anchors


def test_one_card_per_product_with_its_status(page, varied):
    assert len(page.xpath("//article")) == len(varied.products)
    for status, count in varied.counts.items():
        assert len(cards(page, status)) == count


def test_header_tells_outcome_counts_and_command(page):
    head = words(page.xpath("//header[@class='top']")[0])
    for expected in ("3 tiles: 31TFJ, 31TFK, 60WWE", "2 – 27 Jun 2021", "The run was interrupted", "3 done", "1 not begun",
                     "10 min 00 s", "2026-03-12 10:15 UTC", "https://***@host.example/api"):  # fmt: skip
        assert expected in head


def test_failure_names_block_band_and_cause_in_card_and_on_top(page):
    for place in (cards(page, "failed")[0], page.xpath("//section[@class='attention']")[0]):
        assert "Toa, band B04: tile.jp2: truncated after 10 of 40 MB; fetch it again" in words(place)


def test_refused_displacement_is_told_on_top_and_drawn(page):
    assert "31TFJ, 12 Jun 2021, Sentinel-2B: the measured displacement was refused" in words(
        page.xpath("//section[@class='attention']")[0]
    )
    assert len(page.xpath("//*[local-name()='circle'][@class='refused']")) == 1


def test_card_tells_figures(page):
    text = words(cards(page, "done")[0])
    for expected in ("+34.0, −41.0 m", "distance53.3 → 1.3 m", "2107 → 2878", "clear 60.0 %", "masked 15.0 %", "no data 25.0 %",
                     "AOT 550 nm", "0.120", "1016.5 hPa", "monthly CAMS_2021-06.nc", "read1 min 12 s"):  # fmt: skip
        assert expected in text.replace("read 1", "read1")


def test_fusion_references_link_to_the_cards_of_their_products(page):
    links = page.xpath("//ul[@class='references']//a")
    ids = [card.get("id") for card in page.xpath("//article")]
    assert [a.get("href") for a in links] == [f"#{ids[0]}", f"#{ids[1]}"]


def test_pictures_before_and_after_fusion_only_where_they_differ(page):
    captions = [[words(c) for c in card.xpath(".//figcaption")] for card in cards(page, "done")]
    same = ["natural colours (L2H and L2F)", "infrared B12, B11, B8A"]
    assert captions == [same, same, ["before fusion (L2H)", "after fusion (L2F)"]]


def test_pictures_show_the_right_file(page):
    def green(image) -> float:
        data = np.frombuffer(base64.b64decode(image.get("src").partition(",")[2]), np.uint8)
        return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., 1].mean()

    before, after = cards(page, "done")[2].xpath(".//img")
    assert abs(green(before) - 90) < 2 and abs(green(after) - 140) < 2


def test_names_are_shown_as_they_are_and_never_as_markup(page, text):
    assert "S2A_MSIL1C_20210627_ürban <b>&amp; 雲\ufffd.SAFE" in page.text_content()
    assert "<b>&amp; 雲" not in text and not any(ord(c) < 32 and c not in "\n\t" for c in text)


def test_candidates_come_with_decision_and_reason(page):
    rows = [[words(cell) for cell in row] for row in page.xpath("//table[@class='candidates']//tr")]
    assert any(row[:2] == ["dropped", "superseded by N0510"] for row in rows)


def test_tile_without_products_says_so(page):
    assert "No product for tile 60WWE." in page.text_content()


def test_configuration_is_there_and_closed(page):
    details = page.xpath("//details[summary[starts-with(., 'Configuration')]]")[0]
    assert details.get("open") is None and "cloud_cover" in details.text_content()


def test_column_of_which_nothing_is_known_is_left_out(page):
    heads = [words(h) for h in page.xpath("(//table[contains(@class, 'overview')])[1]//th")]
    assert "fused from" in heads and "memory" not in heads


def test_sixty_products_make_a_page_that_can_be_mailed(tmp_path):
    report = cases.long_series(tmp_path / "archive")
    text = as_html.page(report)
    page = html.document_fromstring(text)
    assert len(page.xpath("//article")) == 60 == len(page.xpath("//div[@class='track']/a"))
    without_pictures = re.sub(r"data:image[^\"]+", "", text)
    assert len(without_pictures) < 1_000_000


def test_marks_stand_in_order_of_their_dates(tmp_path):
    page = html.document_fromstring(as_html.page(cases.long_series(tmp_path / "archive", 9)))
    for track in page.xpath("//div[@class='track']"):
        places = [float(re.search(r"left:([\d.]+)%", a.get("style"))[1]) for a in track.xpath("a")]
        assert places == sorted(places) and min(places) > 0 and max(places) < 100


def test_run_without_products_is_a_page_too(tmp_path):
    page = html.document_fromstring(as_html.page(cases.report_of(tmp_path, cases.Run(tmp_path))))
    assert "No product was found" in page.text_content() and not page.xpath("//article")


def test_product_of_unknown_name_is_shown_without_date(tmp_path):
    run = cases.Run(tmp_path)
    run.failed("N" * 250, "N: not a product of a known family")
    page = html.document_fromstring(as_html.page(cases.report_of(tmp_path, run)))
    assert "no date unknown sensor" in words(cards(page, "failed")[0]) and not page.xpath("//div[@class='timeline']")


def test_page_is_made_again_from_the_data(varied, text, tmp_path):
    data, first = write(varied, tmp_path)
    assert first.read_text(encoding="utf-8") == text
    first.unlink()
    assert rebuild(data) == first and first.read_text(encoding="utf-8") == text


def test_page_of_a_renamed_file_stands_beside_it(varied, tmp_path):
    assert rebuild(as_json.write(varied, tmp_path / "march.json")) == tmp_path / "march.html"


def test_pictures_are_found_where_the_archive_is_now(tmp_path):
    report = cases.varied(tmp_path / "archive")
    data = as_json.write(report, tmp_path / "report.json")
    (tmp_path / "archive").rename(tmp_path / "moved")
    gone, found = (html.document_fromstring(rebuild(data, a).read_text("utf-8")) for a in (None, tmp_path / "moved"))
    assert not gone.xpath("//img") and gone.text_content().count("no longer in the archive") == 6
    assert len(found.xpath("//img")) == 6


def test_rebuilding_from_what_is_no_report_is_refused(tmp_path):
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(MetadataError, match="not a report"):
        rebuild(tmp_path / "report.json")
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("side, expected", [(3660, SIDE), (1000, SIDE), (343, SIDE), (300, 300), (5, 5)])
def test_pictures_are_made_small_and_never_large(tmp_path, side, expected):
    ramp = np.linspace(0, 255, side, dtype=np.uint8)[None, :].repeat(side, 0)
    cv2.imwrite(str(tmp_path / "a.jpg"), ramp)
    data = np.frombuffer(base64.b64decode(data_uri(tmp_path / "a.jpg").partition(",")[2]), np.uint8)
    small = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert small.shape == (expected, expected, 3)
    middle = small[:, expected // 2].mean()
    assert abs(middle - 127.5) < (4 if side > 5 else 40)


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_missing_or_broken_picture_is_empty(tmp_path, content):
    if content is not None:
        (tmp_path / "a.jpg").write_bytes(content)
    assert data_uri(tmp_path / "a.jpg") == ""


def test_displacement_is_drawn_east_to_the_right_and_south_down():
    before = Residuals(50.0, None, None, None, Offset(30.0, 40.0), 10)
    svg = figures.displacement(Geometry(Offset(30, 40), False, before, None, None))
    ring = svg.xpath(".//circle[@class='before']")[0]
    # the outer ring, 66 units from the middle at 84, is 50 m
    assert (float(ring.get("cx")), float(ring.get("cy"))) == (84 + round(66 * 0.6, 1), 84 + round(66 * 0.8, 1))
    assert "50 m" in "".join(svg.itertext())


def test_nothing_measured_is_not_drawn():
    assert figures.displacement(Geometry(Offset(0, 0), False, None, None, None)) is None


def test_parts_of_the_tile_add_up():
    bar = figures.shares(MaskShares(90.0, 40.0)).xpath(".//div[@class='bar']/span/@style")
    assert bar == ["width:54.00%", "width:6.00%", "width:40.00%"]


def test_small_steps_are_told_together_and_nothing_is_lost():
    steps = [Step("read", "process", 100.0), *(Step(f"Block{n}", "process", 0.1) for n in range(5))]
    rows = [[words(cell) for cell in row.xpath("span")] for row in figures.step_times(steps).xpath("div")]
    assert [(row[0], row[2]) for row in rows] == [("read", "1 min 40 s"), ("5 more", "0.5 s")]


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"), (185, "3 min 05 s"), (3599.6, "1 h 00 min"), (7800, "2 h 10 min")],
)
def test_durations(seconds, text):
    assert texts.duration(seconds) == text


def test_periods():
    day = datetime
    assert texts.period([day(2021, 6, 23), day(2021, 6, 2)]) == "2 – 23 Jun 2021"
    assert texts.period([day(2021, 5, 28), day(2021, 6, 3)]) == "28 May – 3 Jun 2021"
    assert texts.period([day(2020, 12, 31), day(2021, 1, 1)]) == "31 Dec 2020 – 1 Jan 2021"
    assert texts.period([day(2021, 6, 2, 10), day(2021, 6, 2, 11)]) == "2 Jun 2021" and texts.period([]) == ""


def test_numbers_never_show_minus_zero():
    assert [texts.number(v, 1, sign=True) for v in (-0.04, 0.04, -1.5, 1.5, None)] == ["0.0", "0.0", "−1.5", "+1.5", "–"]


def test_tag_escapes_texts_and_attributes():
    element = tag("p", "a < b & c", tag("br"), "\x00tail", title='"<x>"', hidden=True, id=None, class_="k", data_value=0)
    assert html.tostring(element) == (
        b'<p title=\'"&lt;x&gt;"\' hidden="" class="k" data-value="0">a &lt; b &amp; c<br>&#65533;tail</p>'
    )
