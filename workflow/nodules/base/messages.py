"""Foreign text made fit for messages: on one line, printable, not too long."""

SHOWN = 64  # characters of foreign text in a message: enough for a whole UID


def escaped(text: str) -> str:
    """Text on one line, with control characters and stray bytes as escape sequences.

    Idempotent, so a message may pass through here more than once.
    """
    if text.isprintable():
        return text
    spelled = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(spelled)


def shown(text: str, most: int = SHOWN) -> str:
    """Foreign text for a message: escaped, and cut after `most` characters, a UID's length."""
    return escaped(text) if len(text) <= most else escaped(text[:most]) + ".."


def for_terminal(text: str, encoding: str | None) -> str:
    """Text with escapes for the characters that a terminal's encoding lacks; UTF-8 lacks none."""
    name = encoding or "utf-8"
    return text.encode(name, "backslashreplace").decode(name)
