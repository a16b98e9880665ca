"""HTML that is safe by construction: text that is not Markup is escaped."""

from html import escape

VOID = {"img", "meta", "link", "br", "hr"}


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, *inside: str, **attributes: str | bool) -> Markup:
    """An element with its content, escaped unless it is Markup.

    attributes: a trailing underscore is dropped (`class_`), others become hyphens (`aria_label`);
    True gives an attribute without a value, False leaves it out.
    """
    shown = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(value)}"')
        for key, value in attributes.items()
        if value is not False
    )
    end = "" if name in VOID else f"</{name}>"
    return Markup(f"<{name}{shown}>{join(*inside)}{end}")


def join(*parts: str) -> Markup:
    """Parts one after another, escaped unless they are Markup."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def slug(text: str) -> str:
    """A heading's anchor: its words in lower case, joined by hyphens."""
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())
