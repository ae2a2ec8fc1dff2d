"""What a type says of itself, for the generated documents."""

import inspect


def first_paragraph(kind: type) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())
