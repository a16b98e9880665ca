"""Progress and remaining time of a run, with jobs weighted by their duration."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

SURE_AFTER_S = 40.0  # of work; after that the run's own pace outweighs the expected one


class Progress:
    """Waiting, running and finished jobs of a run, by rule.

    expected: returns the seconds that a rule's job takes, used until this run has measured one.
    parallel_jobs: returns the expected number of parallel jobs.
    """

    def __init__(
        self, expected: Callable[[str], float], parallel_jobs: Callable[[], float] = lambda: 1.0
    ) -> None:
        self._expected, self._parallel_jobs = expected, parallel_jobs
        self._waiting: Counter[str] = Counter()
        self._running: dict[int, tuple[str, float]] = {}  # rule and start time, by job number
        self._took: dict[str, list[float]] = defaultdict(list)
        self._start: float | None = None
        self._shown = 0.0

    def plan(self, jobs: Mapping[str, int], now: float) -> None:
        """Set the number of unfinished jobs of each rule, running ones included."""
        self._start = now if self._start is None else self._start
        self._waiting = Counter(jobs) - Counter(rule for rule, _ in self._running.values())

    @property
    def done(self) -> int:
        """Number of jobs done."""
        return sum(map(len, self._took.values()))

    def planned(self, rule: str) -> int:
        """Total number of a rule's jobs: waiting, running and done."""
        running = sum(name == rule for name, _ in self._running.values())
        return self._waiting[rule] + running + len(self._took[rule])

    def ended(self, rule: str) -> int:
        """Number of a rule's jobs that are done."""
        return len(self._took[rule])

    def begun(self, rule: str) -> int:
        """Number of a rule's jobs that are running or done."""
        return self.planned(rule) - self._waiting[rule]

    def start(self, job: int, rule: str, now: float) -> None:
        """Record that a job has started."""
        self._waiting[rule] = max(self._waiting[rule] - 1, 0)
        self._running[job] = rule, now

    def finish(self, job: int, now: float) -> None:
        """Record that a job is done."""
        if job in self._running:
            rule, start = self._running.pop(job)
            self._took[rule].append(now - start)

    def give_up(self, job: int) -> None:
        """Record that a job has failed: it waits again, as Snakemake may retry it."""
        if job in self._running:
            rule, _ = self._running.pop(job)
            self._waiting[rule] += 1

    def share(self, now: float) -> float:
        """Share of the work that is done, from 0 to 1; it never decreases."""
        done, left = self._work(now)
        self._shown = max(self._shown, done / (done + left) if done + left else 0.0)
        return self._shown

    def seconds_left(self, now: float) -> float:
        """Estimated seconds until all jobs are done, at the pace of this run."""
        done, left = self._work(now)
        since = now - (now if self._start is None else self._start)
        # Parallel jobs do more than a second's work per second.
        return left * (since + SURE_AFTER_S) / (done + SURE_AFTER_S * self._parallel_jobs())

    def _work(self, now: float) -> tuple[float, float]:
        """Seconds of work done, and seconds of work left."""
        done = sum(map(sum, self._took.values()))
        left = sum(number * self._of(rule, now) for rule, number in self._waiting.items())
        for rule, start in self._running.values():
            done += now - start
            left += max(self._of(rule, now) - (now - start), 0.1 * (now - start))
        return done, left

    def _of(self, rule: str, now: float) -> float:
        """Estimated seconds of a rule's job, from finished and running jobs if there are any."""
        if took := self._took[rule]:
            return sum(took) / len(took)
        # If a running job has already taken longer than expected, others will, too.
        running = [now - start for name, start in self._running.values() if name == rule]
        return max([self._expected(rule) * self._pace(), *running])

    def _pace(self) -> float:
        """Ratio of measured to expected duration of the finished jobs, shrunk towards 1."""
        took = sum(map(sum, self._took.values()))
        expected = sum(len(took) * self._expected(rule) for rule, took in self._took.items())
        return (took + SURE_AFTER_S) / (expected + SURE_AFTER_S)


def spoken(seconds: float) -> str:
    """A duration in words, rounded as an estimate should be: "4 min"."""
    if seconds < 45:
        return "under 1 min"
    if seconds < 90 * 60:
        return f"{max(round(seconds / 60), 1)} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 10 else f"{hours:.0f} h"


def clock(seconds: float) -> str:
    """A duration as [hours:]minutes:seconds: 0:07, 12:53, 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
