"""The client against a server that misbehaves: what is tried again, how long it waits, and what the error tells."""

import subprocess
import sys
import threading
import time

import pytest
from archive.web import Reply

from sen2like.archive.http import AT_A_TIME, Http, Unreachable, retry_after, shown

GOOD = Reply({"value": [1]})


def test_json_comes_through(web, http, slept):
    assert http.get_json(web.says("/a", GOOD)) == {"value": [1]} and slept == []
    assert web.asked[0].headers["User-Agent"].startswith("sen2like/")


@pytest.mark.parametrize(
    "bad",
    [
        Reply("oops", 500),
        Reply("busy", 503),
        Reply("<html>login</html>", 200, {"Content-Type": "text/html"}),
        Reply('{"value": [1, 2'),
        Reply({"value": [1, 2, 3]}, cut=5),
        Reply("no", 403),
    ],
    ids=["500", "503", "html", "truncated json", "broken off", "403"],
)
def test_a_passing_fault_is_tried_again_after_growing_pauses(web, http, slept, bad):
    assert http.get_json(web.says("/a", bad, bad, GOOD)) == {"value": [1]}
    assert slept == [5, 10]


def test_after_four_attempts_the_error_has_address_status_and_the_start_of_the_answer(web, http, slept):
    url = web.says("/a", Reply("<html>" + "x" * 400, 502))
    with pytest.raises(Unreachable) as caught:
        http.get_json(url)
    assert len(web.asked) == 4 and slept == [5, 10, 20]
    message = str(caught.value)
    assert message.startswith(f"{url}: HTTP 502, ") and "'<html>" + "x" * 194 + "'" in message and "4 attempts" in message


@pytest.mark.parametrize("status", [404, 400, 401])
def test_what_cannot_change_is_not_tried_again(web, http, slept, status):
    with pytest.raises(Unreachable, match=rf"HTTP {status}.*'gone'.*1 attempt\).*correct the address"):
        http.get_json(web.says("/a", Reply("gone", status)))
    assert len(web.asked) == 1 and slept == []


def test_html_page_and_truncated_json_are_reported_in_the_end(web, http):
    with pytest.raises(Unreachable, match=r"HTTP 200, answer begins '<html>sign in</html>', which is not complete JSON"):
        http.get_json(web.says("/a", Reply("<html>sign in</html>")))
    with pytest.raises(Unreachable, match=r"""'\{"value": \[', which is not complete JSON"""):
        http.get_json(web.says("/b", Reply('{"value": [')))


def test_json_that_is_no_object_is_an_error(web, http):
    with pytest.raises(Unreachable, match="not a JSON object"):
        http.get_json(web.says("/a", Reply([1])))


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("0", 0), ("Sun, 09 Sep 2001 01:47:10 GMT", 30), ("Sun, 09 Sep 2001 01:00:00 GMT", 0)]
)
def test_retry_after_is_honoured_in_both_forms(web, http, slept, header, seconds):
    http.get_json(web.says("/a", Reply("slow down", 429, {"Retry-After": header}), GOOD))
    assert slept == [seconds]  # the clock of `http` stands at 2001-09-09T01:46:40Z


def test_a_server_that_asks_for_an_hour_is_given_up(web, http, slept):
    with pytest.raises(Unreachable, match=r"HTTP 429.*asks to wait 3600 s"):
        http.get_json(web.says("/a", Reply("quota", 429, {"Retry-After": "3600"})))
    assert slept == []


@pytest.mark.parametrize("value", [None, "", "soon"])
def test_a_header_that_asks_nothing(value):
    assert retry_after(value, 0.0) is None


def test_a_server_that_does_not_answer_is_told_with_the_limit(web):
    client = Http(timeout=0.1, attempts=2, sleep=lambda _: None)
    with pytest.raises(Unreachable, match=r"no answer within 0\.1 s \(2 attempts\)"):
        client.get_json(web.says("/a", Reply(delay=0.5)))


def test_a_host_that_refuses_is_told_with_the_cause(web, http):
    web.close()
    with pytest.raises(Unreachable, match="refused"):
        http.get_json(web.url + "/a")


@pytest.mark.parametrize("url", ["ftp://host/x", "http://", "nowhere"])
def test_an_address_that_cannot_be_asked_is_not_tried_again(http, slept, url):
    with pytest.raises(Unreachable, match="not an address"):
        http.get_json(url)
    assert slept == []


def test_post_sends_its_body(web, http):
    http.post_json(web.says("/a", GOOD), {"limit": 3})
    assert (web.asked[0].method, web.asked[0].body) == ("POST", {"limit": 3})


def test_few_requests_at_a_time(web, http):
    url = web.says("/a", Reply({}, delay=0.02))
    threads = [threading.Thread(target=http.get_json, args=(url,)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(web.asked) == 12 and 1 < web.most_at_a_time <= AT_A_TIME


def test_closing_ends_a_pause(web):
    client = Http(pause=60)
    threading.Timer(0.1, client.close).start()
    started = time.monotonic()
    with pytest.raises(Unreachable, match="the run is ending"):
        client.get_json(web.says("/a", Reply("", 500)))
    assert time.monotonic() - started < 10


def test_a_password_in_an_address_is_not_shown():
    assert shown("https://me:secret@host/x?y") == "https://host/x?y"


def test_a_run_that_asks_nobody_does_not_load_the_client():
    code = "import sys, sen2like.cli, sen2like.orchestrator; sys.exit('requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
