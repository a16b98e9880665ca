# Resources of a job: threads and GPU for networks, how threads wait, and the allocator's settings.
from nodules.base.resources import LOADERS, has_gpu

# Waiting threads spin only briefly before they sleep: otherwise jobs that share cores slow each
# other down 75-fold (docs/benchmarks.md). The user's own settings take precedence.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# Keep freed memory for the next training step instead of returning it to the system each time: a
# step of the U-Net takes a fifth less time (docs/benchmarks.md).
os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(32 << 20))  # bytes, the maximum
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(512 << 20))


def on_gpu():
    """Whether network jobs can use a GPU, on this machine or through a cluster's scheduler."""
    return workflow.non_local_exec or not workflow.is_main_process or has_gpu()


def network_threads(wildcards):
    """Threads for a job that runs a network."""
    return LOADERS if on_gpu() else config["cpu_threads"]


def gpus(wildcards):
    """GPUs for a job that runs a network; 0 if there is none, so that such jobs run in parallel."""
    return int(on_gpu())
