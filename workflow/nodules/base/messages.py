"""How foreign text is shown in a message: on one line, printable, not too long."""

SHOWN = 64  # characters of foreign text in a message: a whole UID


def escaped(text: str) -> str:
    """A text on one line that any terminal can print: control characters and stray bytes spelled.

    Spelled twice is spelled once, so a message may pass through here again.
    """
    if text.isprintable():
        return text
    spelled = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(spelled)


def shown(text: str, most: int = SHOWN) -> str:
    """Foreign text as a message shows it: on one line, printable, not longer than a UID."""
    return escaped(text) if len(text) <= most else escaped(text[:most]) + ".."


def for_terminal(text: str, encoding: str | None) -> str:
    """A text with what a terminal's encoding lacks spelled; UTF-8 lacks nothing."""
    name = encoding or "utf-8"
    return text.encode(name, "backslashreplace").decode(name)
