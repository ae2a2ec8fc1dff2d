"""Names as a figure writes them: as they are, whatever they contain."""

from typing import Final

_ENTITIES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "&#36;"})
_LONGEST: Final = 40


def written(name: str, longest: int = _LONGEST) -> str:
    """The name for a title, a tick or a hover box, shortened in the middle where it is longer than `longest`.

    Plotly reads tags in any text, a link included, and MathJax what stands between dollars: neither is one here.
    """
    line = " ".join(str(name).split())
    if len(line) > longest:
        half = (longest - 1) // 2
        line = f"{line[:half]}…{line[-half:]}"
    return line.translate(_ENTITIES)
