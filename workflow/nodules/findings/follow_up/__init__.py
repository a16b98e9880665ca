"""Follow-up of one patient: which nodule is which, and whether it has grown."""
