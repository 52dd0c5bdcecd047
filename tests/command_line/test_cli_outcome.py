"""Exit codes, the summary, and what is told meanwhile."""

import os
import signal
import time
from pathlib import Path

import pytest
from command_line.fake_run import S2, finished

from sen2like.errors import ConfigurationError, ProductError, UsageError
from sen2like.events import ProductStarted, RunFinished, StepDone


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (["done"], 0),
        (["skipped"], 0),
        (["done", "failed"], 4),
        (["skipped", "failed"], 4),
        (["failed"], 5),
        (["failed", "failed"], 5),
        (["interrupted"], 130),
    ],
)
def test_exit_code_of_the_outcomes(cli, runs, statuses, code):
    runs.events = [finished(status, f"P{i}") for i, status in enumerate(statuses)]
    assert cli("product-mode", S2) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [(UsageError("u"), 2), (ConfigurationError("c"), 3), (ProductError("no such product"), 3), (RuntimeError("bug"), 1),
     (KeyboardInterrupt(), 130)],
)  # fmt: skip
def test_exit_code_of_errors(cli, runs, error, code):
    runs.events = [error]
    assert cli("product-mode", S2) == code
    assert runs.closed


def test_sigterm_ends_the_run_cleanly_with_143(cli, runs):
    before = signal.getsignal(signal.SIGTERM)

    def killed():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        raise AssertionError("not interrupted")

    runs.events = [ProductStarted("31TFJ", S2, ("B02",)), killed]
    assert cli("product-mode", S2) == 143
    assert runs.closed and signal.getsignal(signal.SIGTERM) is before


def test_the_summary_tells_status_seconds_outputs_and_reason(cli, runs, capsys):
    runs.events = [finished("done", "A"), finished("failed", "B", "Toa, B02: truncated file"), RunFinished(Path("/r"), 2.0)]
    cli("product-mode", S2)
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["tile", "product", "status", "seconds", "outputs", "reason"]
    assert first.split() == ["31TFJ", "A", "done", "1.2", "A.SAFE"]
    assert second.endswith("Toa, B02: truncated file")


def test_what_finished_is_summarised_even_when_interrupted(cli, runs, capsys):
    runs.events = [finished("done", "A"), KeyboardInterrupt()]
    assert cli("product-mode", S2) == 130
    assert "A.SAFE" in capsys.readouterr().out


def test_start_and_end_of_a_product_are_logged(cli, runs, tmp_path):
    runs.events = [ProductStarted("31TFJ", S2, ("B02",)), StepDone("31TFJ", S2, "Toa", "B02", 0.5), finished("done")]
    cli("product-mode", S2)
    log = (tmp_path / "wd" / "sen2like.log").read_text()
    assert f"{S2} on tile 31TFJ: bands B02" in log and f"{S2}: done in 1.2 s" in log and "Toa" not in log


def test_on_a_terminal_progress_does_not_tear_log_lines(cli, runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes the captured stream for a terminal
    runs.events = [ProductStarted("31TFJ", S2, ("B02",)), StepDone("31TFJ", S2, "Toa", "B02", 0.5), finished("done")]
    assert cli("product-mode", S2) == 0
    assert "done in 1.2 s" in (tmp_path / "wd" / "sen2like.log").read_text()
