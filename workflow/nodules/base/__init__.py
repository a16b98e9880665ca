"""Files, tables, messages, logs and config: nothing here affects the content of a result."""
