"""Layouts of data sets other than LUNA16's, and how their cases are listed."""
