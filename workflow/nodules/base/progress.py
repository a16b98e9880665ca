"""How far a run is, and how long it still takes: jobs weighted by the seconds that they take."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping

SURE_AFTER_S = 40.0  # of work: from then on a run's own pace counts for more than the usual one


class Progress:
    """Jobs of a run, by rule: those that wait, run and are done.

    expected: seconds that a job of a rule takes, until this run has measured one itself. abreast:
    jobs that usually run side by side, likewise.
    """

    def __init__(
        self, expected: Callable[[str], float], abreast: Callable[[], float] = lambda: 1.0
    ) -> None:
        self._expected, self._abreast = expected, abreast
        self._waiting: Counter[str] = Counter()
        self._running: dict[int, tuple[str, float]] = {}  # rule and start of a job, by its number
        self._took: dict[str, list[float]] = defaultdict(list)
        self._start: float | None = None
        self._shown = 0.0

    def plan(self, jobs: Mapping[str, int], now: float) -> None:
        """Take how many jobs of each rule are left to do, those that run among them."""
        self._start = now if self._start is None else self._start
        self._waiting = Counter(jobs) - Counter(rule for rule, _ in self._running.values())

    @property
    def done(self) -> int:
        """Number of jobs done."""
        return sum(map(len, self._took.values()))

    def planned(self, rule: str) -> int:
        """Number of a rule's jobs in all: waiting, running, done."""
        running = sum(name == rule for name, _ in self._running.values())
        return self._waiting[rule] + running + len(self._took[rule])

    def ended(self, rule: str) -> int:
        """Number of a rule's jobs that are done."""
        return len(self._took[rule])

    def begun(self, rule: str) -> int:
        """Number of a rule's jobs that run or are done."""
        return self.planned(rule) - self._waiting[rule]

    def start(self, job: int, rule: str, now: float) -> None:
        """A job starts."""
        self._waiting[rule] = max(self._waiting[rule] - 1, 0)
        self._running[job] = rule, now

    def finish(self, job: int, now: float) -> None:
        """A job is done."""
        if job in self._running:
            rule, start = self._running.pop(job)
            self._took[rule].append(now - start)

    def give_up(self, job: int) -> None:
        """A job has failed: it waits again, as its rule may be tried once more."""
        if job in self._running:
            rule, _ = self._running.pop(job)
            self._waiting[rule] += 1

    def share(self, now: float) -> float:
        """Share of the work that is done, from 0 to 1; it never goes back."""
        done, left = self._work(now)
        self._shown = max(self._shown, done / (done + left) if done + left else 0.0)
        return self._shown

    def seconds_left(self, now: float) -> float:
        """Seconds until all is done, at the pace of this run."""
        done, left = self._work(now)
        since = now - (now if self._start is None else self._start)
        # Jobs side by side do more than a second's work in a second.
        return left * (since + SURE_AFTER_S) / (done + SURE_AFTER_S * self._abreast())

    def _work(self, now: float) -> tuple[float, float]:
        """Seconds of work that are done, and that are left."""
        done = sum(map(sum, self._took.values()))
        left = sum(number * self._of(rule, now) for rule, number in self._waiting.items())
        for rule, start in self._running.values():
            done += now - start
            left += max(self._of(rule, now) - (now - start), 0.1 * (now - start))
        return done, left

    def _of(self, rule: str, now: float) -> float:
        """Seconds that a job of a rule takes, by what is known by now."""
        if took := self._took[rule]:
            return sum(took) / len(took)
        # One that runs longer than expected tells of the others.
        running = [now - start for name, start in self._running.values() if name == rule]
        return max([self._expected(rule) * self._pace(), *running])

    def _pace(self) -> float:
        """How much longer jobs take here than expected, by those that are done."""
        took = sum(map(sum, self._took.values()))
        expected = sum(len(took) * self._expected(rule) for rule, took in self._took.items())
        return (took + SURE_AFTER_S) / (expected + SURE_AFTER_S)


def spoken(seconds: float) -> str:
    """A duration in words, as exact as an estimate is: "4 min"."""
    if seconds < 45:
        return "under 1 min"
    if seconds < 90 * 60:
        return f"{max(round(seconds / 60), 1)} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 10 else f"{hours:.0f} h"


def clock(seconds: float) -> str:
    """A duration as a clock shows it: 0:07, 12:53, 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
