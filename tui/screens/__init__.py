"""What takes the place of the dashboard for a moment."""
