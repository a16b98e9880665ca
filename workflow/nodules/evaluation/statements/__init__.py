"""Results stated in sentences."""
