"""tidy.py ROOT: reads the source tree and complains where it leaves the house, with the cure.

One function a rule; the tables and every exception are in house.py. Silence means tidy.
"""
import collections
import pathlib
import re
import shutil
import subprocess
import sys

import house
from tree import Tree

Complaint = collections.namedtuple("Complaint", "path line text cure")


def top_level(tree):
    for path in sorted(tree.root.iterdir()):
        if not path.name.startswith(".") and path.name not in house.TOP_LEVEL:
            yield Complaint(path.name, 1, "not a name of the top level",
                            "put it into one of the rooms, or add it to TOP_LEVEL in house.py")


def arrows(tree):
    for file in tree.sources(*(room + "/" for room in house.ROOMS)):
        room = file.path.split("/")[0]
        allowed = house.ROOMS[:house.ROOMS.index(room) + 1]
        for line, header in file.includes:
            target = header.split("/")[0]
            if target in ("tests", "bench") or target in house.ROOMS and target not in allowed:
                yield Complaint(file.path, line, f"{room} includes {header}",
                                "arrows run proxy -> pool -> protocol: pass it in, or move it down")


def doors(tree):
    for file in tree.sources(*house.PRODUCTION):
        for line, header in file.includes:
            door = next((d for d in house.DOORS if re.fullmatch(d[0], header)), None)
            if door and not file.under(*door[1]):
                yield Complaint(file.path, line, f"<{header}> outside {' '.join(door[1])}", door[2])


def opening(file):
    """How many comment lines the file opens with, the #! line and docstring quotes aside."""
    lines = file.lines[1:] if file.text.startswith("#!") else file.lines
    if lines and lines[0].startswith('"""'):
        for count, line in enumerate(lines):
            if line.count('"""') == (2 if count == 0 else 1):
                return count + (line.strip() != '"""')
        return 0
    mark = "//" if file.is_source else "#"
    count = 0
    while count < len(lines) and lines[count].startswith(mark):
        count += 1
    return count


def opens_with_twin(file):
    """foo.cc and foo_test.cc may open with the header whose comment speaks for them."""
    if file.suffix != ".cc" or not file.includes or file.includes[0][0] != 1:
        return False
    return pathlib.PurePosixPath(file.includes[0][1]).stem == file.stem.removesuffix("_test")


def headers(tree):
    for file in tree.files:
        if not (file.is_source or file.is_script) or opens_with_twin(file):
            continue
        if not 1 <= opening(file) <= house.HEADER_LINES_MAX:
            yield Complaint(file.path, 1, f"opens with {opening(file)} lines of comment",
                            f"1 to {house.HEADER_LINES_MAX} lines: what it is and the one thing"
                            " to know (a .cc may open with its own header instead)")


def pragma_once(tree):
    for file in tree.sources():
        if file.suffix == ".h" and not re.search(r"^#pragma once$", file.text, re.MULTILINE):
            yield Complaint(file.path, 1, "no #pragma once", "put it under the opening comment")


def twins(tree):
    for file in tree.sources("protocol/", "pool/"):
        twin = f"tests/unit/{file.path.removesuffix('.cc')}_test.cc"
        if file.suffix == ".cc" and file.path not in house.NO_TWIN and twin not in tree.paths:
            yield Complaint(file.path, 1, "no unit test", f"write {twin}")


def listed(tree):
    """A source that no CMakeLists.txt names is never compiled, a test never run."""
    named = {(file.path.removesuffix("CMakeLists.txt"), word) for file in tree.files
             if file.name == "CMakeLists.txt" for word in re.findall(r"[\w./-]+", file.text)}
    for file in tree.sources():
        if file.suffix != ".cc" or file.path in house.NOT_LISTED:
            continue
        parts = file.path.split("/")
        tails = {("/".join([*parts[:n], ""]), "/".join(parts[n:])) for n in range(len(parts))}
        bare = {(folder, tail.removesuffix(".cc")) for folder, tail in tails}  # foreach(name ...)
        bare |= {(folder, file.stem.removesuffix("_test")) for folder, _ in tails}
        if not (tails | bare) & named:
            yield Complaint(file.path, 1, "no CMakeLists.txt names it", "add it where it is read")


def words_of(identifier):
    for part in identifier.split("_"):
        yield from (word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", part))


def banned_words(tree):
    cure = "name the act or the thing itself: relay, park, grant, table, owner"
    for file in tree.files:
        if not (file.is_source or file.is_script):
            continue
        banned = house.BANNED_WORDS.difference(
            *(words for place, words in house.WORDS_ALLOWED_IN.items() if file.under(place)))
        for line, identifier in identifiers(file):
            for word in banned & set(words_of(identifier)):
                yield Complaint(file.path, line, f"the word {word} in {identifier}", cure)


def identifiers(file):
    """[(line, identifier)] of a source, its name first; other people's names are left out."""
    allowed = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(house.WORDS_ALLOWED)})(?![A-Za-z])")
    yield 1, allowed.sub("", file.stem)
    for number, line in enumerate(file.code.splitlines() if file.is_source else [], 1):
        if not line.lstrip().startswith("#"):
            for identifier in re.findall(r"[A-Za-z_]\w*", allowed.sub(" ", line)):
                yield number, identifier


def sizes(tree):
    for file in tree.files:
        if not (file.is_source or file.is_script or file.name == "CMakeLists.txt"):
            continue
        most = house.LONGER.get(file.path, house.LINES_MAX)
        if len(file.lines) > most:
            yield Complaint(file.path, most, f"{len(file.lines)} lines, more than {most}",
                            "find the second thing it does and give that its own file")
        columns = house.WIDER.get(file.path, house.COLUMNS_MAX)
        for number, line in enumerate(file.lines, 1):
            if len(line) > columns:
                yield Complaint(file.path, number, f"{len(line)} columns",
                                f"break it before {columns}")


def banned_things(tree):
    for pattern, places, allowed, text, cure in house.BANNED:
        for file in tree.sources(*places):
            if file.under(*allowed):
                continue
            for found in re.finditer(pattern, file.code):
                yield Complaint(file.path, file.line_at(found.start()), text, cure)


def anchor(heading):
    """The name a Markdown heading gets, as the usual renderers make it."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def links(tree):
    for file in tree.files:
        if file.suffix != ".md":
            continue
        prose = re.sub(r"^```.*?^```|`[^`\n]*`", lambda m: re.sub(r"[^\n]", " ", m[0]), file.text,
                       flags=re.DOTALL | re.MULTILINE)
        for found in re.finditer(r"\]\(([^)\s]+)\)", prose):
            target, _, name = found[1].partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            where = (tree.root / file.path).parent / target if target else tree.root / file.path
            missing = not where.exists()
            if not missing and name and where.suffix == ".md":
                titles = re.findall(r"^#+ (.*)$", where.read_text(encoding="utf-8"), re.MULTILINE)
                missing = name not in map(anchor, titles)
            if missing:
                yield Complaint(file.path, file.line_at(found.start()), f"{found[1]} leads nowhere",
                                "correct the link, or write what it promises")


def formatting(tree):
    paths = [file.path for file in tree.sources()]
    program = next(filter(None, map(shutil.which, ("clang-format-14", "clang-format"))), None)
    if not program:
        yield Complaint(".clang-format", 1, "clang-format is not installed", "./dev setup")
    elif paths:
        done = subprocess.run([program, "--dry-run", "--ferror-limit=1", "-Werror", *paths],
                              cwd=tree.root, capture_output=True, text=True)
        for found in re.finditer(r"^([^\s:]+):(\d+):\d+: error", done.stderr, re.MULTILINE):
            yield Complaint(found[1], int(found[2]), "not in the house's format", "./dev fmt")
        if done.returncode and not done.stderr.count(": error"):
            yield Complaint(".clang-format", 1, done.stderr.strip(), "mend the call in tidy.py")


RULES = [top_level, arrows, doors, headers, pragma_once, twins, listed, banned_words, sizes,
         banned_things, links, formatting]


def complaints(root, rules=RULES):
    tree = Tree(root)
    return [complaint for rule in rules for complaint in rule(tree)]


def main():
    found = complaints(sys.argv[1] if len(sys.argv) > 1 else ".")
    for each in found:
        print(f"{each.path}:{each.line}: {each.text}\n    cure: {each.cure}")
    print(f"tidy: {len(found)} complaints" if found else "tidy: nothing to complain about")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
