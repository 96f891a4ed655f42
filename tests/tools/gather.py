"""gather.py BUILD TREE...: makes BUILD/all, one ctest over the tests of several build trees.

A test keeps its properties and gets its tree's name in front. What a tree leaves out is said below.
"""
import json
import pathlib
import subprocess
import sys

# A sanitizer says nothing new about text; the TSan build has no test of what has one thread.
LEFT_OUT = {
    "dev": set(),
    "san": {"tidy"},
    "tsan": {"tidy"},
    "fuzz": {"tidy", "fuzz", "exhaustive", "conversation", "unit", "sim", "e2e"},
}
NAMES_OF_TESTS = {"DEPENDS"}
NAMES_WITHIN_A_TREE = {"FIXTURES_SETUP", "FIXTURES_CLEANUP", "FIXTURES_REQUIRED"}


def tests_of(tree):
    out = subprocess.run(["ctest", "--test-dir", str(tree), "--show-only=json-v1"],
                         check=True, capture_output=True, text=True).stdout
    return json.loads(out)["tests"]


def quoted(value):
    return "[====[" + str(value) + "]====]"


def as_cmake(name, value, tree):
    """One property, as set_tests_properties takes it."""
    values = value if isinstance(value, list) else [value]
    if name in NAMES_OF_TESTS | NAMES_WITHIN_A_TREE:
        values = [f"{tree}.{each}" for each in values]
    if name == "LABELS":
        values = [*values, tree]
    words = [str(each).replace(";", "\\;") for each in values]
    return f"{name} {quoted(';'.join(words))}"


def in_front(tree):
    """g++ 12's TSan cannot map its shadow under 32 bits of address randomisation."""
    bits = pathlib.Path("/proc/sys/vm/mmap_rnd_bits")
    if tree == "tsan" and (not bits.exists() or int(bits.read_text()) > 28):
        return ["setarch", "-R"]
    return []


def lines_for(build, tree):
    for test in tests_of(build / tree):
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        if LEFT_OUT[tree] & set(properties.get("LABELS", [])):
            continue
        name = f"{tree}.{test['name']}"
        # No command: the test's program was not built. It must fail, not vanish.
        command = test.get("command") or ["false", f"{name} was not built"]
        yield f"add_test({' '.join(map(quoted, [name, *in_front(tree), *command]))})"
        settings = " ".join(as_cmake(k, v, tree) for k, v in properties.items())
        if settings:
            yield f"set_tests_properties({quoted(name)} PROPERTIES {settings})"


def main():
    build = pathlib.Path(sys.argv[1])
    lines = [line for tree in sys.argv[2:] for line in lines_for(build, tree)]
    (build / "all").mkdir(exist_ok=True)
    (build / "all" / "CTestTestfile.cmake").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
