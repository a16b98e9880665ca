"""Progress in expected seconds, and the time left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodules.base.progress import Progress, clock, spoken

SECONDS = {"short": 1.0, "long": 100.0}


def planned(jobs: dict[str, int]) -> Progress:
    """A run that starts at 0 s."""
    progress = Progress(SECONDS.__getitem__)
    progress.plan(jobs, 0.0)
    return progress


def test_a_long_job_weighs_more_than_many_short_ones() -> None:
    progress = planned({"short": 100, "long": 1})
    for job in range(100):
        progress.start(job, "short", float(job))
        progress.finish(job, job + 1.0)
    assert progress.done == 100
    assert progress.share(100.0) == pytest.approx(0.5)


def test_the_time_left_follows_the_runs_own_pace() -> None:
    progress = planned({"long": 4})
    assert progress.seconds_left(0.0) == pytest.approx(400)
    for job in (0, 1):  # two at once, each in half of what was expected
        progress.start(job, "long", 0.0)
    for job in (0, 1):
        progress.finish(job, 50.0)
    left = progress.seconds_left(50.0)
    assert 50 <= left < 70, "two more of 50 s each, side by side"


def test_jobs_that_usually_run_side_by_side_take_as_much_less_time() -> None:
    progress = Progress(SECONDS.__getitem__, lambda: 2.0)
    progress.plan({"long": 4}, 0.0)
    assert progress.seconds_left(0.0) == pytest.approx(200)
    progress.start(0, "long", 0.0)
    progress.finish(0, 100.0)
    assert progress.seconds_left(100.0) > 220, "this run does one after the other"


def test_a_job_that_takes_longer_tells_of_its_like() -> None:
    progress = planned({"short": 3})
    progress.start(0, "short", 0.0)
    assert progress.seconds_left(1000.0) > 2000


def test_what_is_done_tells_of_what_has_not_begun() -> None:
    progress = planned({"short": 100, "long": 1})
    for job in range(100):  # a machine, or a config, that takes a tenth of what is usual
        progress.start(job, "short", job / 10)
        progress.finish(job, (job + 1) / 10)
    assert 10 < progress.seconds_left(10.0) < 40


def test_a_failed_job_waits_again() -> None:
    progress = planned({"short": 2})
    progress.start(0, "short", 0.0)
    progress.give_up(0)
    assert progress.planned("short") == 2 and progress.begun("short") == 0 == progress.done


def test_a_new_plan_knows_what_runs() -> None:
    progress = planned({"short": 1})
    progress.start(0, "short", 0.0)
    progress.plan({"short": 5}, 1.0)
    assert progress.planned("short") == 5 and progress.begun("short") == 1


@given(st.lists(st.tuples(st.sampled_from(list(SECONDS)), st.floats(0.01, 1e4)), min_size=1))
def test_progress_never_goes_back_and_ends_at_one(jobs: list[tuple[str, float]]) -> None:
    progress = planned({rule: sum(r == rule for r, _ in jobs) for rule in SECONDS})
    now, before = 0.0, 0.0
    for job, (rule, took) in enumerate(jobs):
        progress.start(job, rule, now)
        now += took
        progress.finish(job, now)
        share = progress.share(now)
        assert before <= share <= 1
        before = share
    assert before == pytest.approx(1) and progress.seconds_left(now) == pytest.approx(0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(10, "under 1 min"), (50, "1 min"), (400, "7 min"), (7000, "1.9 h"), (90_000, "25 h")],
)
def test_a_duration_is_as_exact_as_an_estimate(seconds: float, words: str) -> None:
    assert spoken(seconds) == words


def test_a_clock() -> None:
    assert [clock(s) for s in (7, 773, 3723.9)] == ["0:07", "12:53", "1:02:03"]
