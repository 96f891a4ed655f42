// log_tail.cc: a doctest listener that has something to say only about failures.
#include "tests/e2e/harness/log_tail.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <iostream>
#include <vector>

#include "tests/e2e/harness/scratch.h"

namespace weir::e2e {

namespace {

constexpr std::size_t kTailBytes = 6'000;

struct Logs {
  std::vector<std::string> watched;  // Paths.
  std::vector<std::string> kept;     // Ends of files that are gone.
};

Logs& logs() {
  static Logs logs;
  return logs;
}

std::string end_of(const std::string& path) {
  const std::string text = read_file(path);
  return text.size() > kTailBytes ? "…" + text.substr(text.size() - kTailBytes) : text;
}

struct LogTail : doctest::IReporter {
  explicit LogTail(const doctest::ContextOptions&) {}

  // Said as it happens: a test that ctest has to kill leaves its name behind.
  void test_run_start() override { std::cout << std::unitbuf; }
  void test_case_start(const doctest::TestCaseData& test) override {
    logs().kept.clear();
    std::cout << "- " << test.m_name << "\n";
  }
  void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
    if (stats.failure_flags == 0) return;
    for (const std::string& path : logs().watched) logs().kept.push_back(end_of(path));
    for (const std::string& text : logs().kept)
      std::cout << "-- the program's log ends with:\n" << text << "--\n";
  }

  void report_query(const doctest::QueryData&) override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};

REGISTER_LISTENER("log_tail", 1, LogTail);

}  // namespace

void watch_log(const std::string& path) { logs().watched.push_back(path); }

void keep_log(const std::string& path) {
  std::erase(logs().watched, path);
  logs().kept.push_back(end_of(path));
}

}  // namespace weir::e2e
