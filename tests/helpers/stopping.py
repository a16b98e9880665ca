"""A training that is told to stop in its midst."""

import os
import signal


class StopAfter:
    """A task that sends this process a signal after some batches."""

    def __init__(self, task, batches, number=signal.SIGTERM):
        self.task, self.left, self.number = task, batches, number

    def __getattr__(self, name):
        return getattr(self.task, name)

    def loss(self, network, inputs, targets):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)
        return self.task.loss(network, inputs, targets)
