"""What each network learns from, and its loss."""
