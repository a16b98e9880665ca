# What a job computes with: the cores and the GPU of a network's, how threads wait, and memory.
from nodules.base.resources import LOADERS, has_gpu

# A thread that waits for another soon gives its core back, so that jobs side by side, and other
# people's, do not slow each other down 75 times (docs/benchmarks.md). A user's own setting stays.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# Memory that a step frees is kept for the next one, where the C library would give it back to the
# system and ask again: a training step of the U-Net takes a fifth less (docs/benchmarks.md).
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(32 << 20))  # bytes; the most that it takes
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(512 << 20))


def on_gpu():
    """Whether a network's job may have a GPU: one of this machine's, or one of a scheduler's."""
    return workflow.non_local_exec or not workflow.is_main_process or has_gpu()


def network_threads(wildcards):
    """Threads of a network's job."""
    return LOADERS if on_gpu() else config["cpu_threads"]


def gpus(wildcards):
    """GPUs of a network's job; without any, such jobs need not wait for each other."""
    return int(on_gpu())
