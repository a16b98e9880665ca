"""The same patient twice: which nodule is which, and has it grown."""
