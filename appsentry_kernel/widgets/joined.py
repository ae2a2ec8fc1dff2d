"""The browser side as anywidget wants it: several plain ES modules joined into the one it takes.

Each file stays a module that a browser loads as it is; the joined text is what remains when every import of a
neighbour and every `export` before a declaration is taken away, in the order of the imports. So top-level names are
unique across the files, which the browser enforces: a second declaration of one is a syntax error.
"""

import re
from pathlib import Path

HERE = Path(__file__).parent

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const)\b)", re.MULTILINE)


def joined_module(entry: str) -> str:
    """The module `entry` and all it imports from this folder as one module; its `export default` stays."""
    parts: dict[str, str] = {}
    _visit(entry, parts)
    return "\n".join(f"// {name}\n{text}" for name, text in parts.items())


def joined_styles() -> str:
    """Every style sheet of this folder, in the order of their names."""
    return "\n".join(path.read_text("utf-8") for path in sorted(HERE.glob("*.css")))


def _visit(name: str, parts: dict[str, str]) -> None:
    text = (HERE / name).read_text("utf-8")
    for needed in _IMPORT.findall(text):
        if needed not in parts:
            _visit(needed, parts)
    parts[name] = _EXPORT.sub("", _IMPORT.sub("", text))
