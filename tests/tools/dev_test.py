"""dev_test.py: ./dev with no word lists its words, every one with what it does, and no other."""
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORDS = {"setup", "demo", "test", "unit", "sim", "e2e", "fuzz", "bench", "run", "fmt", "tidy",
         "states", "ci"}


def dev(*arguments):
    return subprocess.run([ROOT / "dev", *arguments], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=60)


def listed(text):
    """The words of the list and what it says of each."""
    return dict(re.findall(r"^  ([a-z0-9]+) +(\S.*)$", text, re.MULTILINE))


class DevTest(unittest.TestCase):
    def test_no_word_lists_them(self):
        for arguments in ([], ["help"], ["-h"], ["--help"]):
            done = dev(*arguments)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertEqual("", done.stderr)
            self.assertTrue(done.stdout.startswith("usage: ./dev WORD [ARGUMENTS]\n"), done.stdout)
            self.assertEqual(WORDS, set(listed(done.stdout)), done.stdout)

    def test_a_wrong_word_is_named_and_the_list_follows(self):
        done = dev("frobnicate")
        self.assertEqual(2, done.returncode)
        self.assertEqual("", done.stdout)
        self.assertIn("dev: no word 'frobnicate'\n", done.stderr)
        self.assertEqual(WORDS, set(listed(done.stderr)), done.stderr)

    def test_every_word_that_a_document_uses_is_there(self):
        documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"),
                     *(ROOT / "tests").rglob("*.md"), *(ROOT / "bench").rglob("*.md")]
        used = {}
        for document in documents:
            for word in re.findall(r"\./dev ([a-z0-9]+)", document.read_text()):
                used.setdefault(word, document.name)
        self.assertIn("demo", used)
        self.assertIn("test", used)
        self.assertEqual({}, {word: where for word, where in used.items() if word not in WORDS})


if __name__ == "__main__":
    unittest.main()
