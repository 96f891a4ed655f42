// main.cc: plays seeds until one complains; then plays that one again with its trace.
//
//   sim [--seeds A..B] [--seed S] [--replay FILE] [--workers N] [--steps N] [--trace]
//       [--must-complain TEXT]   (for planted faults: success is a seed that complains of TEXT)
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/run.h"

namespace {

using weir::sim::Ask;
using weir::sim::Outcome;

constexpr std::size_t kTailLines = 60;

// For the signal: a failed check aborts within a run.
volatile std::sig_atomic_t playing_seed = 0;

void on_abort(int) {
  std::printf("seed %d: a check failed\nreplay: sim --seed %d --trace\n",
              static_cast<int>(playing_seed), static_cast<int>(playing_seed));
  std::fflush(stdout);
  std::_Exit(1);
}

struct Plan {
  std::vector<std::uint64_t> seeds;
  Ask ask;
  std::string must_complain_of;  // Empty: every complaint is a failure.
};

std::uint64_t number(const char* text) { return std::strtoull(text, nullptr, 10); }

void add_file(Plan& plan, const char* path) {
  std::FILE* const file = std::fopen(path, "r");
  if (file == nullptr) {
    std::fprintf(stderr, "cannot read %s\n", path);
    std::exit(2);
  }
  char line[512];
  while (std::fgets(line, sizeof(line), file) != nullptr) {
    if (line[0] >= '0' && line[0] <= '9') plan.seeds.push_back(number(line));
  }
  std::fclose(file);
}

Plan read(int argc, char** argv) {
  Plan plan;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const char* const value = i + 1 < argc ? argv[i + 1] : "";
    if (word == "--trace") {
      plan.ask.tracing = true;
      continue;
    }
    ++i;
    if (word == "--seed") plan.seeds.push_back(number(value));
    if (word == "--replay") add_file(plan, value);
    if (word == "--must-complain") plan.must_complain_of = value;
    if (word == "--workers") plan.ask.workers = number(value);
    if (word == "--steps") plan.ask.steps_max = number(value);
    if (word != "--seeds") continue;
    const char* const dots = std::strstr(value, "..");
    const std::uint64_t last = dots != nullptr ? number(dots + 2) : number(value);
    for (std::uint64_t seed = number(value); seed <= last; ++seed) plan.seeds.push_back(seed);
  }
  return plan;
}

void show(const Ask& ask, const Outcome& outcome, std::size_t lines) {
  const std::size_t from = outcome.trace.size() - std::min(lines, outcome.trace.size());
  std::printf("%s", outcome.scenario.c_str());
  for (std::size_t i = from; i < outcome.trace.size(); ++i) {
    std::printf("%s\n", outcome.trace[i].c_str());
  }
  const std::string workers =
      ask.workers > 0 ? " --workers " + std::to_string(ask.workers) : std::string{};
  std::printf("seed %llu: %s\nreplay: sim --seed %llu%s --trace\n",
              static_cast<unsigned long long>(ask.seed),
              outcome.complaint.empty() ? "nothing to complain of" : outcome.complaint.c_str(),
              static_cast<unsigned long long>(ask.seed), workers.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGABRT, on_abort);
  Plan plan = read(argc, argv);
  const std::string& wanted = plan.must_complain_of;
  std::size_t steps = 0, answers = 0;
  for (const std::uint64_t seed : plan.seeds) {
    playing_seed = static_cast<std::sig_atomic_t>(seed);
    Ask ask = plan.ask;
    ask.seed = seed;
    Outcome outcome = weir::sim::play(ask);
    steps += outcome.steps;
    answers += outcome.answers;
    if (!outcome.complaint.empty() && !ask.tracing && wanted.empty()) {
      ask.tracing = true;
      outcome = weir::sim::play(ask);
      show(ask, outcome, kTailLines);
    } else if (ask.tracing) {
      show(ask, outcome, outcome.trace.size());
    }
    if (outcome.complaint.empty()) continue;
    if (wanted.empty()) return 1;
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed),
                outcome.complaint.c_str());
    if (outcome.complaint.find(wanted) != std::string::npos) return 0;
  }
  std::printf("%zu seeds, %zu steps, %zu answers: nothing to complain of%s%s\n", plan.seeds.size(),
              steps, answers, wanted.empty() ? "" : " that has to do with: ", wanted.c_str());
  return wanted.empty() ? 0 : 1;
}
