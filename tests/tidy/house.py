"""house.py: the rules of the house as tables; tidy.py reads them. Every exception stands here.

To allow something, add it to the table with its reason beside it, in the commit that needs it.
"""

TOP_LEVEL = {
    "CMakeLists.txt", "CMakePresets.json", "CHANGELOG.md", "Dockerfile", "LICENSE", "README.md",
    "bench", "build", "dev", "docs", "etc", "pool", "protocol", "proxy", "tests",
}

# Rooms in the order of the arrows: each may include itself and those before it.
ROOMS = ["protocol", "pool", "proxy"]

# (header, where it may be included, what to do instead). Longest match first; tests are exempt.
DOORS = [
    (r"uv\.h", ["proxy/io/"], "speak to the seam in proxy/world.h"),
    (r"liburing\.h", ["proxy/io/"], "speak to the seam in proxy/world.h"),
    (r"openssl/evp\.h", ["proxy/tls/openssl.h", "protocol/crypto.cc"], "use protocol/crypto.h"),
    (r"openssl/(ssl|bio|pem|x509\w*|err)\.h", ["proxy/tls/openssl.h"],
     "TLS lives in proxy/tls/, whose openssl.h gives each object one owner"),
    (r"openssl/.*", ["protocol/crypto.cc"], "use protocol/crypto.h"),
    (r"stringprep\.h", ["protocol/saslprep.cc"], "use protocol/saslprep.h"),
    (r"ini\.h", ["proxy/config/"], "configuration is read in proxy/config/"),
    (r"(postgresql/)?libpq-fe\.h", ["proxy/config/libpq.h"],
     "use proxy/config/connstring.h; connections by libpq are proxy/doctor/session.h"),
    (r"nlohmann/.*", ["proxy/doctor/report.cc"], "JSON is written in proxy/doctor/report.cc"),
    (r"spdlog/.*", ["proxy/log.h", "proxy/log.cc"], "use proxy/log.h"),
    (r"CLI/.*", ["proxy/options.cc"], "the command line is read in proxy/options.cc"),
]

# (pattern, where it is looked for, where it is allowed, complaint, cure). Code only: comments and
# texts are taken out before.
PRODUCTION = ["protocol/", "pool/", "proxy/"]
PURE = ["protocol/", "pool/"]
EVERYWHERE = [*PRODUCTION, "tests/", "bench/"]
BANNED = [
    (r"\bstd::(shared_ptr|make_shared|weak_ptr)\b", EVERYWHERE,
     ["proxy/log.cc"],  # spdlog takes its sinks and loggers so.
     "shared ownership", "give it one owner; others hold an id or a reference within the call"),
    (r"\bnew\s+[A-Za-z_:]", EVERYWHERE, [],
     "naked new", "std::make_unique, or a slot in its table"),
    (r"\bdelete\s+[A-Za-z_:(*]|\bdelete\[\]", EVERYWHERE, [],
     "naked delete", "let its owner end it"),
    (r"\bstd::(cout|cerr|clog)\b", PRODUCTION, [],
     "printing to the terminal", "proxy/log.h; for what a program is asked to print, std::fputs"),
    (r"\bthrow\s+[A-Za-z_:]", PRODUCTION, [],
     "an exception of our own", "return fail(sqlstate, text)"),
    (r"\b(sleep|usleep|nanosleep|sleep_for|sleep_until)\s*\(", ["tests/"],
     ["tests/e2e/harness/scratch.cc"],  # The one poll until a deadline.
     "a sleep in a test", "wait for the thing itself, with a deadline"),
    (r"\b(rand|srand)\s*\(|\brandom_device\b", ["tests/", *PURE], [],
     "unseeded randomness", "take a seed, print it, and draw from std::mt19937_64"),
    (r"\b(system_clock|gettimeofday|localtime\w*)\b|\btime\s*\(\s*(nullptr|NULL|0|&)",
     ["tests/", *PURE], [], "the wall clock", "take the time as an argument"),
    (r"::now\s*\(|\bclock_gettime\b", PURE, [],
     "a clock in a pure room", "take Instant now as an argument"),
    (r"#\s*include\s*<(iostream|fstream|thread|random|sys/\w+\.h|unistd\.h|netdb\.h|fcntl\.h)>",
     PURE, [], "I/O, threads or randomness in a pure room", "it belongs behind proxy/world.h"),
]

BANNED_WORDS = {
    "process", "processes", "processing", "handle", "handles", "handler", "handlers",
    "manager", "managers", "util", "utils", "helper", "helpers", "common",
}
# Other people's names, and PostgreSQL's own (manual: BackendKeyData has a "process ID").
# libuv calls its objects handles.
WORDS_ALLOWED_IN = {
    "proxy/io/": {"handle", "handles"},
    "tests/unit/proxy/io/": {"handle", "handles"},
}
WORDS_ALLOWED = [r"uv_\w+", r"UV_\w+", r"SSL_\w+", r"NID_\w+", r"set_error_handler",
                 r"error_handler_t", r"process_id", r"process_wide", r"common_name"]

COLUMNS_MAX = 100
WIDER = {
    "proxy/config/keys.cc": 160,  # A table: one row a setting.
}
LINES_MAX = 400
LONGER = {}  # path: the number of lines it may have.
HEADER_LINES_MAX = 6

NO_TWIN = {}  # A source in protocol/ or pool/ without a unit test: the reason.
NOT_LISTED = {}  # A source no CMakeLists.txt names: the reason.
