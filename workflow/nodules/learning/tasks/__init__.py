"""What each network is shown, and its loss."""
