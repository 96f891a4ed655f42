"""tidy_test.py: a small tidy tree passes; each fault planted in it is caught by its own rule."""
import pathlib
import tempfile
import unittest

import house
import tidy

GOOD = {
    "CMakeLists.txt": "# The build.\nadd_library(p protocol/framer.cc)\n",
    "tests/CMakeLists.txt": "# The tests.\nadd_executable(u unit/protocol/framer_test.cc)\n",
    "README.md": "# Good\n\n[the other](docs/A.md#one-two) [a site](https://example.org)\n",
    "docs/A.md": "# One two\n\n```\n[not a link](nowhere)\n```\n",
    "dev": "#!/bin/sh\n# dev: the entry.\n",
    ".clang-format": "BasedOnStyle: Google\nColumnLimit: 100\n",
    "protocol/framer.h": "// framer.h: cuts.\n#pragma once\n\n// A process in prose, new to us.\n"
                         "inline int process_id() { return 0; }\n",
    "protocol/framer.cc": '#include "protocol/framer.h"\n\nconst char* text = "new Thing";\n',
    "tests/unit/protocol/framer_test.cc": '#include "protocol/framer.h"\n\nint one = 1;\n',
}

# rule: [(path, its text when planted)]
PLANTED = {
    tidy.top_level: [("notes.txt", "hello\n")],
    tidy.arrows: [
        ("protocol/up.h", '// up.h: x.\n#pragma once\n#include "pool/list.h"\n'),
        ("pool/up.h", '// up.h: x.\n#pragma once\n#include "proxy/world.h"\n'),
        ("proxy/up.h", '// up.h: x.\n#pragma once\n#include "tests/fake.h"\n'),
    ],
    tidy.doors: [
        ("proxy/a.h", "// a.h: x.\n#pragma once\n#include <uv.h>\n"),
        ("proxy/a.h", "// a.h: x.\n#pragma once\n#include <openssl/ssl.h>\n"),
        ("proxy/tls/a.h", "// a.h: x.\n#pragma once\n#include <openssl/evp.h>\n"),
        ("proxy/a.h", "// a.h: x.\n#pragma once\n#include <stringprep.h>\n"),
        ("proxy/a.h", "// a.h: x.\n#pragma once\n#include <postgresql/libpq-fe.h>\n"),
        ("pool/a.h", "// a.h: x.\n#pragma once\n#include <ini.h>\n"),
        ("proxy/a.h", "// a.h: x.\n#pragma once\n#include <spdlog/spdlog.h>\n"),
    ],
    tidy.headers: [
        ("protocol/bare.h", "#pragma once\n"),
        ("protocol/long.h", "// 1\n// 2\n// 3\n// 4\n// 5\n// 6\n// 7\n#pragma once\n"),
        ("protocol/framer.cc", '#include "pool/list.h"\n'),
        ("etc/tool.py", "import os\n"),
        ("bench/tool", "#!/bin/sh\ntrue\n"),
    ],
    tidy.pragma_once: [("protocol/twice.h", "// twice.h: x.\n")],
    tidy.twins: [("pool/quota.cc", "// quota.cc: x.\n")],
    tidy.listed: [
        ("protocol/lost.cc", "// lost.cc: x.\n"),
        ("tests/unit/protocol/lost_test.cc", "// lost_test.cc: x.\n"),
    ],
    tidy.banned_words: [
        ("proxy/client_manager.h", "// client_manager.h: x.\n#pragma once\n"),
        ("proxy/a.h", "// a.h: x.\n#pragma once\nvoid process_bytes();\n"),
        ("proxy/a.h", "// a.h: x.\n#pragma once\nstruct QueryHandler;\n"),
        ("proxy/a.h", "// a.h: x.\n#pragma once\nconstexpr int kCommonBytes = 1;\n"),
    ],
    tidy.sizes: [
        ("proxy/a.h", "// a.h: x.\n" + "\n" * house.LINES_MAX),
        ("proxy/a.h", "// a.h: " + "x" * house.COLUMNS_MAX + "\n"),
    ],
    tidy.banned_things: [
        ("proxy/a.h", "// a.h: x.\nstd::shared_ptr<int> a;\n"),
        ("proxy/a.h", "// a.h: x.\nauto a = new int(1);\n"),
        ("proxy/a.h", "// a.h: x.\nvoid f(int* a) { delete a; }\n"),
        ("proxy/a.h", "// a.h: x.\nvoid f() { std::cout << 1; }\n"),
        ("proxy/a.h", "// a.h: x.\nvoid f() { throw Fault{}; }\n"),
        ("tests/a.h", "// a.h: x.\nvoid f() { sleep(1); }\n"),
        ("tests/a.h", "// a.h: x.\nvoid f() { std::this_thread::sleep_for(x); }\n"),
        ("tests/a.h", "// a.h: x.\nstd::random_device seed;\n"),
        ("tests/a.h", "// a.h: x.\nauto t = std::chrono::system_clock::now();\n"),
        ("pool/a.h", "// a.h: x.\nauto t = std::chrono::steady_clock::now();\n"),
        ("protocol/a.h", "// a.h: x.\n#include <unistd.h>\n"),
    ],
    tidy.links: [
        ("README.md", "[gone](docs/B.md)\n"),
        ("README.md", "[gone](docs/A.md#three)\n"),
    ],
    tidy.formatting: [("proxy/a.h", "// a.h: x.\n#pragma once\nint   a ;\n")],
}


def found_in(tree, rules):
    with tempfile.TemporaryDirectory() as folder:
        for path, text in tree.items():
            (pathlib.Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
            (pathlib.Path(folder) / path).write_text(text)
        return tidy.complaints(folder, rules)


class TidyTest(unittest.TestCase):
    def test_a_tidy_tree_passes(self):
        self.assertEqual([], found_in(GOOD, tidy.RULES))

    def test_each_planted_fault_is_caught_where_it_stands(self):
        for rule, plants in PLANTED.items():
            for path, text in plants:
                with self.subTest(rule=rule.__name__, path=path, text=text[:80]):
                    found = found_in({**GOOD, path: text}, [rule])
                    self.assertIn(path, [complaint.path for complaint in found])
                    self.assertTrue(all(complaint.cure for complaint in found))

    def test_every_rule_is_proven(self):
        self.assertEqual(set(tidy.RULES), set(PLANTED))

    def test_every_exception_is_still_needed(self):
        root = pathlib.Path(__file__).resolve().parents[2]
        for table in (house.WIDER, house.LONGER, house.NO_TWIN, house.NOT_LISTED):
            for path in table:
                self.assertTrue((root / path).exists(), f"{path} is gone: take it out of house.py")


if __name__ == "__main__":
    unittest.main()
