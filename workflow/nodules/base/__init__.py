"""Files, tables, messages, logs, config: decides nothing about a result's content."""
