"""From a scan to the arrays that networks see, and reference masks."""
