"""Answers without truth and without the loop: candidates, confidences, maps."""
