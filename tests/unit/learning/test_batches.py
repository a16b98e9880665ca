"""Batches are the same whoever makes them, and none is written over while it is used."""

import gc
import os
import pickle
import signal
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch.utils.data._utils import signal_handling

from nodules.learning import batches as module
from nodules.learning.batches import (
    Batches,
    LoaderProcesses,
    Place,
    SlotRequest,
    Slots,
    order,
    page_locked,
    sample,
    shares,
)
from nodules.learning.machine import to_device
from nodules.learning.state import Plan

BROKEN = 99  # a sample that cannot be made
CPU = torch.device("cpu")
PLAN = Plan("unet", 0, 1, 3, 0.01, "cosine", 1, Path("unused"), "print")


@pytest.fixture(params=[1, 2, 8], ids="{} batches a slot".format, autouse=True)
def together(request, monkeypatch):
    """How many batches share a slot."""
    monkeypatch.setattr(module, "TOGETHER", request.param)
    return request.param


class Numbers:
    """SampleSource numbers in order; the target says which, the input is drawn at random."""

    def __init__(self, count):
        self.count = count

    def epoch(self, epoch):
        return list(range(self.count))

    def sample(self, key, rng):
        if key == BROKEN:
            raise ValueError(f"slice {key} cannot be read")
        return rng.integers(0, 256, (1, 2, 2)).astype(np.uint8), np.float32(key)


def shown(count, workers=0, start=0):
    task = Numbers(count)
    with Batches(task, replace(PLAN, workers=workers), CPU) as source:
        return list(source.of(order(task, 1), start))


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("start", [0, 2, 4])
def test_processes_make_the_very_batches_that_the_training_would_make(workers, start):
    alone, beside = shown(14)[start:], shown(14, workers, start)
    assert len(alone) == len(beside) == 5 - start
    for (inputs, targets), (same_inputs, same_targets) in zip(alone, beside, strict=True):
        assert torch.equal(inputs, same_inputs) and torch.equal(targets, same_targets)
        assert (inputs.dtype, targets.dtype) == (same_inputs.dtype, same_targets.dtype)


@pytest.mark.parametrize("workers", [0, 2])
def test_the_last_batch_is_smaller_but_never_a_lone_sample(workers):
    assert [len(targets) for _, targets in shown(8, workers)] == [3, 3, 2]
    assert [len(targets) for _, targets in shown(7, workers)] == [3, 3]
    assert shown(1, workers) == shown(6, workers, start=2) == []


def test_the_same_processes_go_on_with_the_next_epoch():
    task, epochs = Numbers(40), {}
    for workers in (0, 2):
        with Batches(task, replace(PLAN, workers=workers), CPU) as source:
            epochs[workers] = [list(source.of(order(task, epoch))) for epoch in (1, 2, 3)]
    for alone, beside in zip(epochs[0], epochs[2], strict=True):
        assert len(alone) == len(beside) == 13
        for one, other in zip(alone, beside, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(epochs[2][0][0][0], epochs[2][1][0][0])


def test_an_epoch_that_is_left_early_leaves_nothing_in_the_next():
    task = Numbers(60)
    with Batches(task, replace(PLAN, workers=2), CPU) as source:
        left = source.of(order(task, 1))
        assert next(left)[1].tolist() == [0, 1, 2]
        del left
        assert [targets[0].item() for _, targets in source.of(order(task, 2))] == [*range(0, 60, 3)]


@pytest.mark.parametrize(("full", "batches"), [(1, 1), (24, 1), (48, 2), (71, 2), (1 << 22, 8)])
@pytest.mark.parametrize("together", [8], indirect=True)
def test_a_slot_holds_no_more_batches_than_fit_and_never_less_than_one(full, batches, monkeypatch):
    """A sample has 8 bytes here, a batch 24."""
    monkeypatch.setattr(module, "FULL", full)
    plan, task = replace(PLAN, workers=1), Numbers(3)
    assert Slots(task, plan, sample(task, plan, order(task, 1)[0])).size == 3 * batches


def test_shares_grow_from_one_batch_and_miss_nothing():
    places = order(Numbers(100), 1)
    found = shares(places, 3, 18, turn=2)
    assert [len(share) for share in found] == [3, 3, 6, 6, 12, 12, 18, 18, 18, 4]
    assert [place for share in found for place in share] == places
    assert shares([], 3, 18, turn=2) == []


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("together", [1, 2], indirect=True)
def test_a_slot_is_not_written_over_for_a_whole_turn(workers, together):
    """However slowly they are used, the last `workers` slots stay as they are."""
    plan, task, older = replace(PLAN, workers=workers), Numbers(90), 0
    places = order(task, 1)
    beside = LoaderProcesses(Slots(task, plan, sample(task, plan, places[0])), CPU)

    def stands(slot, part):
        held = beside.slots.arrays[1][slot, : len(part)].tolist()
        return held == [place.key for place in part]

    with closing(beside):
        for first in (0, 4, 0):  # whole epochs, and one that is taken up in its midst
            left = places[3 * together * first :]
            asked = iter(shares(left, 3, 3 * together, workers))
            used, due = [], 0  # batches of the share that is used
            for _ in beside.batches(left):
                if due == 0:
                    used.append((len(used) % beside.slots.count, next(asked)))
                    due = -(-len(used[-1][1]) // 3)
                    time.sleep(0.01)  # they make as much ahead as they may
                    assert all(stands(*share) for share in used[-workers:])
                    older += sum(not stands(*share) for share in used[-workers - 1 : -workers])
                due -= 1
    assert older > 0  # no slot is kept longer than it must be


class Key(NamedTuple):
    """A key as the tasks have them, with a value that may be left out."""

    scan: int
    mined: tuple[float, ...] = ()


@pytest.mark.parametrize(
    "keys", [[4, 5], ["a", "b"], [(1, 2), (3, 4)], [Key(0), Key(1, (2.5, 3.0))]], ids=repr
)
def test_a_request_reaches_a_process_as_it_was_sent(keys):
    sent = SlotRequest(3, [Place(2, 17 + n, key) for n, key in enumerate(keys)])
    received = pickle.loads(pickle.dumps(sent))
    assert received == sent and type(received) is SlotRequest
    assert [type(place) for place in received.places] == [Place, Place]
    assert [type(place.key) for place in received.places] == [type(key) for key in keys]


def test_what_goes_wrong_in_a_process_is_told_with_its_place():
    with pytest.raises(ValueError, match="slice 99 cannot be read"):
        shown(120, workers=2)


def test_where_the_gpu_cannot_read_memory_by_itself_it_is_said_and_gone_on(monkeypatch, caplog):
    class Runtime:
        def cudaHostRegister(self, *_):
            return 801  # cudaErrorNotSupported

    monkeypatch.setattr(torch.cuda, "cudart", Runtime)

    def launch(*_, **__):
        raise RuntimeError("operation not supported")

    monkeypatch.setattr(torch, "zeros", launch)
    assert not page_locked(torch.ones(3), CPU)
    assert "copied to the GPU by the processor (CUDA error 801)" in caplog.text


def test_a_process_that_has_only_just_begun_leaves_sigterm_to_the_training(monkeypatch):
    """SLURM may send it when a part of them have begun: PyTorch would let it end these."""
    begin = signal_handling._set_worker_signal_handlers

    def begin_and_be_told_to_stop():
        begin()
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(signal_handling, "_set_worker_signal_handlers", begin_and_be_told_to_stop)
    assert len(shown(14, workers=2)) == 5
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


class Stuck(Numbers):
    """Whose samples from the second slot on take for ever."""

    def sample(self, key, rng):
        if key >= self.count // 2:
            time.sleep(600)
        return super().sample(key, rng)


def test_a_process_that_is_stuck_does_not_outlive_the_training(monkeypatch, together):
    monkeypatch.setattr(torch.utils.data._utils, "MP_STATUS_CHECK_INTERVAL", 0.2)
    task = Stuck(2 * 3 * together)
    with Batches(task, replace(PLAN, workers=2), CPU) as source:
        next(source.of(order(task, 1)))
        processes = source._processes.filled._workers
        assert all(process.is_alive() for process in processes)
    for process in processes:
        process.join(5)
    outlived = [process for process in processes if process.is_alive()]
    for process in outlived:  # pytest would wait for them
        process.kill()
    assert not outlived


class FreedBy:
    """Garbage that says which process has freed it."""

    def __init__(self, told):
        self.told, self.itself = told, self

    def __del__(self):
        with self.told.open("a") as stream:
            stream.write(f"{os.getpid()}\n")


class Tidy(Numbers):
    """Tidies up before it shows anything, in a process of its own."""

    def __init__(self, count):
        super().__init__(count)
        self.training = os.getpid()

    def sample(self, key, rng):
        if os.getpid() != self.training:
            gc.collect()
        return super().sample(key, rng)


def test_processes_do_not_free_what_the_training_holds_on_a_gpu(tmp_path):
    """A process that was forked ends when it frees a CUDA graph that it has inherited."""
    told, task = tmp_path / "freed", Tidy(12)
    gc.collect()
    gc.disable()
    try:
        FreedBy(told)
        with Batches(task, replace(PLAN, workers=2), CPU) as source:
            assert len(list(source.of(order(task, 1)))) == 4
    finally:
        gc.enable()
    gc.collect()
    assert told.read_text().split() == [str(os.getpid())]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("workers", [1, 3])
def test_batches_reach_the_gpu_whole_however_long_copying_takes(workers, monkeypatch):
    gpu, task = torch.device("cuda"), Numbers(16 * 3 + 2)

    def late(inputs, device):
        torch.cuda._sleep(20_000_000)  # cycles, some 10 ms, on the stream that copies
        return to_device(inputs, device)

    here = shown(16 * 3 + 2)
    monkeypatch.setattr(module, "to_device", late)
    with Batches(task, replace(PLAN, workers=workers), gpu) as source:
        there = []
        for batch in source.of(order(task, 1)):
            torch.cuda._sleep(5_000_000)  # and the network is still busy when the next is copied
            there.append([tensor.clone() for tensor in batch])
            del batch
    assert len(there) == len(here)
    for copied, made in zip(there, here, strict=True):
        assert torch.allclose(copied[0].cpu(), made[0]) and torch.equal(copied[1].cpu(), made[1])
