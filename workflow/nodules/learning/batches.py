"""What a training shows, batch by batch, on the device: beside a GPU other processes make it.

They live as long as the training. They write into memory that all share and the GPU reads by
itself, so that a batch costs the training process, which has kernels to launch, next to nothing.
"""

import gc
import logging
import mmap
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nodules.learning.machine import to_device
from nodules.learning.state import Plan
from nodules.stats.seeds import generator

log = logging.getLogger("nodules")

AHEAD = 2  # slots that a process fills before the first of them is used
TOGETHER = 4  # batches at most that share a slot: to hand over a small one costs as much
FULL = 1 << 22  # bytes of a slot beyond which no more batches share it

Sample = tuple[np.ndarray, np.ndarray]  # input and target
Batch = tuple[Tensor, Tensor]
Filled = tuple[int, int]  # a slot, and how many samples it holds


class Shows(Protocol):
    """The part of a task that says what an epoch shows."""

    def epoch(self, epoch: int) -> Sequence[Any]:
        """Samples that an epoch shows, in order."""

    def sample(self, key: Any, rng: np.random.Generator) -> Sample:
        """Input and target of one sample, augmented by `rng`.

        Runs in processes that were forked when the training began: what a task learns later has to
        travel in `key`. All samples of an epoch are of one shape.
        """


class Place(NamedTuple):
    """One sample of an epoch: where in its order it stands, and what it shows."""

    epoch: int
    number: int
    key: Any


class Wanted(NamedTuple):
    """Samples to make, of one batch or several, and the slot to make them in."""

    slot: int
    places: list[Place]


def order(task: Shows, epoch: int) -> list[Place]:
    """What an epoch shows, in order."""
    return [Place(epoch, number, key) for number, key in enumerate(task.epoch(epoch))]


def sample(task: Shows, plan: Plan, place: Place) -> Sample:
    """One sample, with the random numbers of its place."""
    rng = generator(*plan.draws, "sample", place.epoch, place.number)
    return task.sample(place.key, rng)


class Batches:
    """The batches of a training's epochs; use it in a `with` statement."""

    def __init__(self, task: Shows, plan: Plan, device: torch.device) -> None:
        self.task, self.plan, self.device = task, plan, device
        self._beside: Beside | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._beside is not None:
            self._beside.close()

    def of(self, places: list[Place], start: int = 0) -> Iterator[Batch]:
        """Batches of an epoch from step `start` on; a last lone sample is left out.

        Batch normalisation cannot learn from one sample.
        """
        size = self.plan.batch
        lone = size > 1 and len(places) % size == 1
        wanted = places[start * size : len(places) - lone]
        if not self.plan.workers or not wanted:
            return self._made_here(wanted)
        if self._beside is None:
            first = sample(self.task, self.plan, places[0])
            self._beside = Beside(Slots(self.task, self.plan, first), self.device)
        return self._beside.batches(wanted)

    def _made_here(self, wanted: list[Place]) -> Iterator[Batch]:
        for part in parts(wanted, self.plan.batch):
            made = zip(*(sample(self.task, self.plan, place) for place in part), strict=True)
            inputs, targets = (torch.from_numpy(np.stack(arrays)) for arrays in made)
            yield to_device(inputs, self.device), targets.to(self.device)


def parts(places: list[Place], size: int) -> list[list[Place]]:
    """Places by `size`; the last part may be smaller."""
    return [places[i : i + size] for i in range(0, len(places), size)]


class Slots(Dataset[Filled]):
    """Batches in memory that forked processes share: in each slot one, or a few small ones.

    There are slots for one turn of the processes more than they make ahead. The memory belongs to
    no file, so that a container's small /dev/shm does not limit it.
    """

    def __init__(self, task: Shows, plan: Plan, first: Sample) -> None:
        """first: a sample, as large as every other."""
        self.task, self.plan = task, plan
        self.count = plan.workers * (AHEAD + 1)
        batch_bytes = plan.batch * sum(np.asarray(part).nbytes for part in first)
        self.size = plan.batch * max(min(FULL // batch_bytes, TOGETHER), 1)  # samples
        self.arrays = [_shared((self.count, self.size), np.asarray(part)) for part in first]

    def __getitems__(self, wanted: Wanted) -> Filled:
        """Make the samples of one slot, where they belong."""
        for row, place in enumerate(wanted.places):
            made = sample(self.task, self.plan, place)
            for array, part in zip(self.arrays, made, strict=True):
                assert (part.shape, part.dtype) == (array.shape[2:], array.dtype), place
                array[wanted.slot, row] = part
        return wanted.slot, len(wanted.places)


def _shared(many: tuple[int, ...], part: NDArray[Any]) -> NDArray[Any]:
    shape = (*many, *part.shape)
    count = int(np.prod(shape))
    memory = mmap.mmap(-1, max(count * part.itemsize, 1))
    return np.frombuffer(memory, part.dtype, count).reshape(shape)


class Beside:
    """Processes that take turns to make batches, and how these come to the device."""

    def __init__(self, slots: Slots, device: torch.device) -> None:
        self.slots, self.device, self.turn = slots, device, slots.plan.workers
        self.wanted: list[Wanted] = []
        self.memory = [torch.from_numpy(array) for array in slots.arrays]
        self.locked: list[Tensor] = []
        self.filled: Any = None  # the loader's iterator: the processes live as long as it does
        self.loader: DataLoader[Any] = DataLoader(
            slots,
            batch_sampler=_Order(self.wanted),  # type: ignore[arg-type]
            num_workers=self.turn,
            collate_fn=_as_it_is,
            prefetch_factor=AHEAD,
            persistent_workers=True,
            multiprocessing_context="fork",  # what starts in another way does not share the slots
        )

    def batches(self, places: list[Place]) -> Iterator[Batch]:
        """The batches of these places, in order."""
        filled = parts(places, self.slots.size)
        self.wanted[:] = [Wanted(n % self.slots.count, part) for n, part in enumerate(filled)]
        if self.filled is None:
            self._begin()
        else:
            iter(self.loader)  # the same iterator and processes, from the list's start
        shares = self._copied() if self.device.type == "cuda" else self._as_filled()
        for share in shares:
            yield from zip(*(tensor.split(self.slots.plan.batch) for tensor in share), strict=True)

    def _as_filled(self) -> Iterator[Batch]:
        """Each filled slot, whole, as tensors of its own."""
        for slot, size in self.filled:
            inputs, targets = (tensor[slot, :size] for tensor in self.memory)
            yield to_device(inputs, self.device), targets.clone()

    def _begin(self) -> None:
        """Fork the processes; only then lock the memory, as they have no part in that."""
        gc.freeze()  # a forked process dies if it frees a GPU's object that it has inherited
        # SLURM sends SIGTERM to every process of a step: these, for which it stays blocked, go on
        # until the training has saved its state and ends them.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        try:
            self.filled = iter(self.loader)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            gc.unfreeze()
        if self.device.type == "cuda":
            self.locked = [tensor for tensor in self.memory if page_locked(tensor, self.device)]

    def _copied(self) -> Iterator[Batch]:
        """Each filled slot, whole, on the GPU, copied while the GPU computes."""
        beside = torch.cuda.Stream(self.device)
        computing = torch.cuda.current_stream(self.device)
        read = [torch.cuda.Event() for _ in range(self.turn)]
        number = 0
        try:
            while True:
                done = read[number % self.turn]
                # `next` hands out one more slot to fill, the one that was read a turn ago.
                done.synchronize()
                found = next(self.filled, None)
                if found is None:
                    return
                slot, size = found
                inputs, targets = (tensor[slot, :size] for tensor in self.memory)
                with torch.cuda.stream(beside):
                    moved = targets.to(self.device, non_blocking=True)
                    share = to_device(inputs, self.device), moved
                    done.record()
                computing.wait_event(done)
                for tensor in share:
                    tensor.record_stream(computing)
                yield share
                number += 1
        finally:
            beside.synchronize()

    def close(self) -> None:
        """End the processes, and let go of the memory."""
        if self.filled is not None:
            # Not left to the collector: an error on its way holds the iterator.
            self.filled._shutdown_workers()
            for process in self.filled._workers:  # one that is stuck, which leaves SIGTERM alone
                process.kill()
        with suppress(RuntimeError):  # after an error of CUDA's, that is the one to show
            if self.locked:
                torch.cuda.synchronize(self.device)
            while self.locked:
                torch.cuda.cudart().cudaHostUnregister(self.locked.pop().data_ptr())


def page_locked(memory: Tensor, device: torch.device) -> bool:
    """Keep memory where it is, so that a GPU reads it by itself; whether the driver does that.

    Some do not, as under Windows' Linux: then the processor copies, which takes its time.
    """
    code = int(torch.cuda.cudart().cudaHostRegister(memory.data_ptr(), memory.nbytes, 0))
    if code == 0:
        return True
    log.warning("Batches are copied to the GPU by the processor (CUDA error %d): slower.", code)
    with suppress(RuntimeError):  # CUDA tells of the error once more, at the next launch: this one
        torch.zeros(1, device=device)
    return False


class _Order:
    """What the loader is to make: each time that it is asked, what stands in the list."""

    def __init__(self, wanted: list[Wanted]) -> None:
        self.wanted = wanted

    def __iter__(self) -> Iterator[Wanted]:
        return iter(self.wanted)

    def __len__(self) -> int:
        return len(self.wanted)


def _as_it_is(filled: Any) -> Any:
    return filled
