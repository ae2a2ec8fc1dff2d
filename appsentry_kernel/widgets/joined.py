"""The browser side as anywidget wants it: several plain ES modules joined into the one it takes.

Each file stays a module that a browser loads as it is. Joined, a neighbour becomes a function that is called at once
and gives back its exports, and an import takes them from there; so every module keeps its names to itself. Only two
forms are understood: `import { … } from "./neighbour.js";` and `export` before a function, class or const.
"""

import re
from pathlib import Path

HERE = Path(__file__).parent

_IMPORT = re.compile(r'^[ \t]*import (\{[^}]*\}) from "\./([\w-]+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const) (\w+))", re.MULTILINE)


def joined_module(entry: str) -> str:
    """The module `entry` and all it imports from this folder as one module, with the exports of `entry`."""
    return part_module((HERE / f"{entry}.js").read_text("utf-8"))


def part_module(text: str) -> str:
    """A module of one's own that imports from this folder (`./view.js`, `./element.js`, …) as anywidget wants it."""
    parts = _needed(text, {})
    return "\n".join([*(_enclosed(name, part) for name, part in parts.items()), _imported(text)])


def joined_styles() -> str:
    """Every style sheet of this folder, in the order of their names."""
    return "\n".join(path.read_text("utf-8") for path in sorted(HERE.glob("*.css")))


def _needed(text: str, parts: dict[str, str]) -> dict[str, str]:
    """Add every module that the text needs, those that others need first."""
    for _, name in _IMPORT.findall(text):
        if name not in parts:
            neighbour = (HERE / f"{name}.js").read_text("utf-8")
            _needed(neighbour, parts)
            parts[name] = _imported(neighbour)
    return parts


def _imported(text: str) -> str:
    return _IMPORT.sub(r"const \1 = module_\2;", text)


def _enclosed(name: str, text: str) -> str:
    exported = ", ".join(found for _, found in _EXPORT.findall(text))
    body = _EXPORT.sub(r"\1", text)
    return f"// {name}.js\nconst module_{name} = (() => {{\n{body}\nreturn {{ {exported} }};\n}})();"
