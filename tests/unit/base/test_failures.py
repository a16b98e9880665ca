"""Of a failed job's log, the lines that matter, and what to do."""

import pytest

from nodules.base import failures

SENTENCE = "draw_masks: masks.npy: cut short. Make it again."
TRACEBACK = """epoch 1
draw_masks failed unexpectedly
Traceback (most recent call last):
  File "/somewhere/workflow/nodules/base/jobs.py", line 28, in run
    main(snakemake)
  File "/somewhere/workflow/nodules/learning/loop.py", line 150, in train
    step()
  File "/env/lib/python3.11/site-packages/torch/optim.py", line 9, in step
    raise ValueError("odd")
ValueError: odd
"""


def test_of_a_sentence_the_sentence() -> None:
    told = failures.decisive("draw_masks", f"many\nother lines\n{SENTENCE}\n")
    assert told == [SENTENCE]
    assert failures.remedy("exit status 1", told, SENTENCE) == "", "it holds its own remedy"


def test_of_a_message_of_several_lines_all_but_not_without_end() -> None:
    told = failures.decisive("check_scans", "check_scans: 40 defects\n" + "one\n" * 40)
    assert len(told) == failures.MOST_LINES and told[-1] == "... and 30 more lines"


def test_defects_that_the_terminal_has_not_seen_come_first() -> None:
    log = "error: a.mhd: short.\n3 scans\ncheck_scans: 1 scan cannot be used."
    assert failures.decisive("check_scans", log) == ["check_scans: 1 scan cannot be used."]
    assert failures.decisive("check_scans", log, seen=False)[0] == "error: a.mhd: short."


def test_of_a_traceback_the_error_and_the_place_in_our_own_code() -> None:
    told = failures.decisive("draw_masks", TRACEBACK)
    assert told == ["ValueError: odd", "(workflow/nodules/learning/loop.py, line 150)"]
    assert failures.remedy("exit status 1", told, TRACEBACK) == failures.REPORT


@pytest.mark.parametrize(
    ("exception", "last", "word"),
    [
        ("died with <Signals.SIGKILL: 9>.", "epoch 2", "memory ran out"),
        ("exit status 1", "torch.OutOfMemoryError: CUDA out of memory.", "`batch`"),
        ("exit status 1", "OSError: [Errno 28] No space left on device", "Free space"),
        ("died with <Signals.SIGTERM: 15>.", "", "stopped from outside"),
        ("exit status 1", "ModuleNotFoundError: No module named 'mirp'", "make setup"),
    ],
)
def test_what_the_system_says_has_a_remedy(exception: str, last: str, word: str) -> None:
    told = failures.decisive("train_unet", last)
    assert word in failures.remedy(exception, told, last)


@pytest.mark.parametrize(
    ("exception", "said"),
    [
        ("Command 'x' died with <Signals.SIGKILL: 9>.", "ended by SIGKILL and left no message"),
        ("Command 'x' returned non-zero exit status 3.", "ended with exit status 3 and left"),
        ("MissingOutputException:\nJob done, but x.txt is missing.", "but x.txt is missing"),
        ("", "It left no message."),
    ],
)
def test_of_a_job_without_a_message_how_it_ended(exception: str, said: str) -> None:
    assert said in failures.ending(exception)


def test_logs_that_are_not_there_are_empty(tmp_path) -> None:
    (tmp_path / "a.log").write_bytes(b"fine\xff")
    assert failures.read([str(tmp_path / "a.log"), str(tmp_path / "none.log")]).startswith("fine")
    assert failures.decisive("x", "") == [] and failures.remedy("", [], "") == failures.REPORT
