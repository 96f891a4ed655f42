"""gather_test.py: gathered tests keep their meaning, and one that was not built fails aloud."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TREE = """
add_test(quick "/bin/true")
set_tests_properties(quick PROPERTIES LABELS "unit;quick")
add_test(text "/bin/true")
set_tests_properties(text PROPERTIES LABELS tidy)
add_test(told "/bin/sh" "-c" "test \\"$WORD\\" = 'a b;c'")
set_tests_properties(told PROPERTIES ENVIRONMENT "WORD=a b\\;c")
add_test(lost "/nowhere/lost")
add_test(wrong "/bin/false")
"""


class GatherTest(unittest.TestCase):
    def test_two_trees_in_one_ctest(self):
        with tempfile.TemporaryDirectory() as folder:
            for tree in ("dev", "san"):
                place = pathlib.Path(folder, tree)
                place.mkdir()
                (place / "CTestTestfile.cmake").write_text(TREE)
            gather = pathlib.Path(__file__).with_name("gather.py")
            subprocess.run([sys.executable, gather, folder, "dev", "san"], check=True)
            done = subprocess.run(["ctest", "--test-dir", folder + "/all"], capture_output=True,
                                  text=True)
        results = {line.split()[3]: "Passed" in line for line in done.stdout.splitlines()
                   if " Test " in line and ": " in line}
        self.assertEqual({
            "dev.quick": True, "dev.text": True, "dev.told": True, "dev.lost": False,
            "dev.wrong": False,
            "san.quick": True, "san.told": True, "san.lost": False, "san.wrong": False,
        }, results, done.stdout)
        self.assertNotEqual(0, done.returncode)


if __name__ == "__main__":
    unittest.main()
