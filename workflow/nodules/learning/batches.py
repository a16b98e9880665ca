"""Training batches on the device; with a GPU, dataloader workers prepare them.

The workers live as long as the training. They write into shared, page-locked memory that the GPU
reads by itself, so a batch costs the training process, which has kernels to launch, next to
nothing.
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

AHEAD = 2  # slots that a worker fills before the first of them is used
TOGETHER = 8  # most batches in a slot: handing over a small batch costs as much as a large one
FULL = 1 << 23  # bytes of a slot up to which batches share it

Sample = tuple[np.ndarray, np.ndarray]  # input and target
Batch = tuple[Tensor, Tensor]
Filled = tuple[int, int]  # a slot, and how many samples it holds


class SampleSource(Protocol):
    """The part of a task that provides training samples."""

    def epoch(self, epoch: int) -> Sequence[Any]:
        """Keys of an epoch's samples, in order."""

    def sample(self, key: Any, rng: np.random.Generator) -> Sample:
        """Input and target of one sample, augmented with `rng`.

        Runs in workers that were forked when the training began: anything that the task learns
        later must be part of `key`. All samples of an epoch have the same shape, and all keys the
        same type.
        """


class Place(NamedTuple):
    """One sample of an epoch: its epoch, its position in the order, and its key."""

    epoch: int
    number: int
    key: Any


class SlotRequest(NamedTuple):
    """Samples of one or more batches, and the slot that a worker is to write them to."""

    slot: int
    places: list[Place]  # one after the other in the epoch's order, all with keys of one type

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickling named tuples would take most of the time that a batch costs the training process.
        (epoch, first, key), kind = self.places[0], None
        keys = [place.key for place in self.places]
        if isinstance(key, tuple) and hasattr(key, "_make"):
            kind, keys = type(key), [tuple(key) for key in keys]
        return _request, (self.slot, epoch, first, kind, keys)


def _request(slot: int, epoch: int, first: int, kind: Any, keys: list[Any]) -> SlotRequest:
    made = keys if kind is None else map(kind._make, keys)
    return SlotRequest(slot, [Place(epoch, number, key) for number, key in enumerate(made, first)])


def order(task: SampleSource, epoch: int) -> list[Place]:
    """An epoch's samples, in order."""
    return [Place(epoch, number, key) for number, key in enumerate(task.epoch(epoch))]


def sample(task: SampleSource, plan: Plan, place: Place) -> Sample:
    """One sample, made with the random numbers of its position."""
    rng = generator(*plan.draws, "sample", place.epoch, place.number)
    return task.sample(place.key, rng)


class Batches:
    """The batches of a training's epochs; to be used in a `with` statement."""

    def __init__(self, task: SampleSource, plan: Plan, device: torch.device) -> None:
        self.task, self.plan, self.device = task, plan, device
        self._processes: LoaderProcesses | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._processes is not None:
            self._processes.close()

    def of(self, places: list[Place], start: int = 0) -> Iterator[Batch]:
        """Batches of an epoch, from step `start` on; a single leftover sample is dropped.

        Batch normalisation cannot learn from one sample.
        """
        size = self.plan.batch
        lone = size > 1 and len(places) % size == 1
        wanted = places[start * size : len(places) - lone]
        if not self.plan.workers or not wanted:
            return self._made_here(wanted)
        if self._processes is None:
            first = sample(self.task, self.plan, places[0])
            self._processes = LoaderProcesses(Slots(self.task, self.plan, first), self.device)
        return self._processes.batches(wanted)

    def _made_here(self, wanted: list[Place]) -> Iterator[Batch]:
        for part in parts(wanted, self.plan.batch):
            made = zip(*(sample(self.task, self.plan, place) for place in part), strict=True)
            inputs, targets = (torch.from_numpy(np.stack(arrays)) for arrays in made)
            yield to_device(inputs, self.device), targets.to(self.device)


def parts(places: list[Place], size: int) -> list[list[Place]]:
    """Places in consecutive parts of `size`; the last part may be smaller."""
    return [places[i : i + size] for i in range(0, len(places), size)]


def shares(places: list[Place], batch: int, most: int, turn: int) -> list[list[Place]]:
    """Places in consecutive shares of whole batches, a share a slot; the last may be smaller.

    In each turn, a share a worker, they are twice as large, from one batch up to `most` samples:
    an epoch's first batches are there soon, and the others cost little to hand over.
    """
    found, start, size = list[list[Place]](), 0, batch
    while start < len(places):
        found.append(places[start : start + size])
        start += size
        if len(found) % turn == 0:
            size = min(2 * size, most)
    return found


class Slots(Dataset[Filled]):
    """Batches in memory shared by forked workers; a slot holds one batch, or a few small ones.

    There is one slot per worker more than they prefetch. The memory is anonymous, so that a
    container's small /dev/shm does not limit it.
    """

    def __init__(self, task: SampleSource, plan: Plan, first: Sample) -> None:
        """first: any sample; all others have its shapes and types."""
        self.task, self.plan = task, plan
        self.count = plan.workers * (AHEAD + 1)
        batch_bytes = plan.batch * sum(np.asarray(part).nbytes for part in first)
        self.size = plan.batch * max(min(FULL // batch_bytes, TOGETHER), 1)  # samples
        self.arrays = [_shared((self.count, self.size), np.asarray(part)) for part in first]

    def __getitems__(self, wanted: SlotRequest) -> Filled:
        """Make the samples of one slot, in place."""
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


class LoaderProcesses:
    """Workers that make batches in turn, and the transfer of those batches to the device."""

    def __init__(self, slots: Slots, device: torch.device) -> None:
        self.slots, self.device, self.turn = slots, device, slots.plan.workers
        self.wanted: list[SlotRequest] = []
        self.memory = [torch.from_numpy(array) for array in slots.arrays]
        self.locked: list[Tensor] = []
        self.filled: Any = None  # the loader's iterator; the workers live as long as it does
        self.loader: DataLoader[Any] = DataLoader(
            slots,
            batch_sampler=_Order(self.wanted),  # type: ignore[arg-type]
            num_workers=self.turn,
            collate_fn=_as_it_is,
            prefetch_factor=AHEAD,
            persistent_workers=True,
            multiprocessing_context="fork",  # only forked workers share the slots
        )

    def batches(self, places: list[Place]) -> Iterator[Batch]:
        """The batches of these places, in order."""
        asked = shares(places, self.slots.plan.batch, self.slots.size, self.turn)
        self.wanted[:] = [SlotRequest(n % self.slots.count, share) for n, share in enumerate(asked)]
        if self.filled is None:
            self._begin()
        else:
            iter(self.loader)  # resets the same iterator and workers to the start of the list
        filled = self._copied() if self.device.type == "cuda" else self._as_filled()
        for share in filled:
            yield from zip(*(tensor.split(self.slots.plan.batch) for tensor in share), strict=True)

    def _as_filled(self) -> Iterator[Batch]:
        """Each filled slot, whole, copied into new tensors."""
        for slot, size in self.filled:
            inputs, targets = (tensor[slot, :size] for tensor in self.memory)
            yield to_device(inputs, self.device), targets.clone()

    def _begin(self) -> None:
        """Fork the workers, then page-lock the memory, which they must not inherit locked."""
        gc.freeze()  # a forked process dies if it frees a GPU object that it inherited
        # SLURM sends SIGTERM to every process of a step. Workers inherit the blocked signal, so
        # they carry on until the training has saved its state and ends them.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        try:
            self.filled = iter(self.loader)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            gc.unfreeze()
        if self.device.type == "cuda":
            self.locked = [tensor for tensor in self.memory if page_locked(tensor, self.device)]

    def _copied(self) -> Iterator[Batch]:
        """Each filled slot, whole, copied to the GPU while the GPU computes."""
        beside = torch.cuda.Stream(self.device)
        computing = torch.cuda.current_stream(self.device)
        read = [torch.cuda.Event() for _ in range(self.turn)]
        number = 0
        try:
            while True:
                done = read[number % self.turn]
                # `next` makes a worker refill the slot read one turn ago: that copy must be done.
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
        """End the workers and release the memory."""
        if self.filled is not None:
            # Not left to garbage collection: an exception in flight keeps the iterator alive.
            self.filled._shutdown_workers()
            for process in self.filled._workers:  # stuck ones, which ignore SIGTERM
                process.kill()
        with suppress(RuntimeError):  # after a CUDA error, that error is the one to report
            if self.locked:
                torch.cuda.synchronize(self.device)
            while self.locked:
                torch.cuda.cudart().cudaHostUnregister(self.locked.pop().data_ptr())


def page_locked(memory: Tensor, device: torch.device) -> bool:
    """Page-lock memory in place, so that a GPU reads it by itself; whether that succeeded.

    Some drivers cannot, for instance under WSL: then the CPU copies, which is slower.
    """
    code = int(torch.cuda.cudart().cudaHostRegister(memory.data_ptr(), memory.nbytes, 0))
    if code == 0:
        return True
    log.warning("Batches are copied to the GPU by the processor (CUDA error %d): slower.", code)
    with suppress(RuntimeError):  # CUDA repeats the error at the next launch: let it be this one
        torch.zeros(1, device=device)
    return False


class _Order:
    """Batch sampler of the loader: on each iteration, whatever the list then holds."""

    def __init__(self, wanted: list[SlotRequest]) -> None:
        self.wanted = wanted

    def __iter__(self) -> Iterator[SlotRequest]:
        return iter(self.wanted)

    def __len__(self) -> int:
        return len(self.wanted)


def _as_it_is(filled: Any) -> Any:
    return filled
