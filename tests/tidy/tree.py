"""tree.py: the files of a source tree as the tidy test sees them, and code without its texts."""
import functools
import pathlib
import re

UNSEEN = {"build", ".git", ".cache", "__pycache__", "corpus", "node_modules"}
SOURCE = {".cc", ".h"}
SCRIPT = {".py", ".sh"}

# Comments, raw texts, texts, characters: in this order, whichever begins first.
_NOT_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^(\s]*)\(.*?\)(?P=d)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'", re.DOTALL)
_INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


class File:
    """One file: its path within the tree, and its text in several dresses."""

    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.name, self.stem, self.suffix = path.name, path.stem, path.suffix
        self._on_disk = path

    @functools.cached_property
    def text(self):
        return self._on_disk.read_text(encoding="utf-8", errors="replace")

    @functools.cached_property
    def lines(self):
        return self.text.splitlines()

    @functools.cached_property
    def code(self):
        """The text with comments and literals blanked, every line where it was."""
        return _NOT_CODE.sub(_blank, self.text)

    @functools.cached_property
    def includes(self):
        """[(line, header)]"""
        return [(self.line_at(found.start(1)), found[1]) for found in _INCLUDE.finditer(self.text)]

    def line_at(self, offset):
        return self.text.count("\n", 0, offset) + 1

    @functools.cached_property
    def is_source(self):
        return self.suffix in SOURCE

    @functools.cached_property
    def is_script(self):
        return self.suffix in SCRIPT or (self.suffix == "" and self.text.startswith("#!"))

    def under(self, *places):
        return any(self.path == place or (place.endswith("/") and self.path.startswith(place))
                   for place in places)


def _blank(found):
    text = found[0]
    if re.match(r'"[\w./+-]+"$', text) and _is_include(found):
        return text
    return re.sub(r"[^\n]", " ", text)


def _is_include(found):
    start = found.string.rfind("\n", 0, found.start()) + 1
    return "include" in found.string[start:found.start()]


class Tree:
    """All files below a root, without what is built, kept by git or generated for the fuzzers."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.files = [File(self.root, path) for path in sorted(self._walk(self.root))]

    def _walk(self, folder):
        for path in folder.iterdir():
            if path.is_dir():
                if path.name not in UNSEEN:
                    yield from self._walk(path)
            elif path.is_file():
                yield path

    @functools.cached_property
    def paths(self):
        return {file.path for file in self.files}

    def sources(self, *places):
        return [file for file in self.files
                if file.is_source and (not places or file.under(*places))]

    def text_of(self, path):
        found = self.root / path
        return found.read_text(encoding="utf-8") if found.is_file() else ""
