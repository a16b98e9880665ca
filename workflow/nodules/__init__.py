"""The library of luna16-nodules: pure, typed functions on arrays and tables."""

__version__ = "0.1.0"
