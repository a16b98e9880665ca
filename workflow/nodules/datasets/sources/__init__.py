"""Where a run's scans come from: LUNA16's layout, other data sets' layouts, and phantoms."""
