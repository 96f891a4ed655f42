// run.h: one seed, one run: the pooler between model clients and a model PostgreSQL.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::sim {

struct Ask {
  std::uint64_t seed = 1;
  std::size_t workers = 0;  // Zero: the seed decides.
  std::size_t steps_max = 2'000'000;
  bool tracing = false;
};

struct Outcome {
  std::string complaint;  // Empty: nothing was wrong.
  std::string scenario;
  std::vector<std::string> trace;  // When tracing.
  std::size_t steps = 0;
  std::size_t answers = 0;  // Messages that clients saw and had expected.
};

Outcome play(const Ask& ask);

}  // namespace weir::sim
