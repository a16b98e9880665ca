"""Networks, the tasks that they learn, and the one training loop with its state."""
