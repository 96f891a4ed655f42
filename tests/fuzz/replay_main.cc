// Runs a fuzz target as an ordinary test: every file of its corpus, then some mutations
// of them from a seed that is printed. WEIR_SEED chooses another seed, WEIR_MUTATIONS their number.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

using weir::Buffer;
using weir::Bytes;

constexpr std::size_t kInputBytesMax = 70'000;
constexpr std::uint64_t kSeed = 20'250'301;
constexpr std::uint64_t kMutations = 20'000;

Buffer current;  // What the target is at, for the last words.

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : next() % limit; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(next()); }

 private:
  std::uint64_t next() {  // splitmix64.
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

void mutate(Buffer& input, const Buffer& other, Dice& dice) {
  constexpr std::uint32_t kLengths[] = {0,          1,          3,          4,         5,
                                        0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe};
  const auto at = static_cast<std::ptrdiff_t>(dice.below(input.size() + 1));
  const auto left = input.size() - static_cast<std::size_t>(at);
  const auto some = static_cast<std::ptrdiff_t>(dice.below(left + 1));
  switch (dice.below(7)) {
    case 0:
      if (left > 0)
        input[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1u << dice.below(8));
      break;
    case 1:
      if (left > 0) input[static_cast<std::size_t>(at)] = dice.byte();
      break;
    case 2:
      input.erase(input.begin() + at, input.begin() + at + some);
      break;
    case 3:
      input.insert(input.begin() + at, 1 + dice.below(40), dice.byte());
      break;
    case 4: {
      const Buffer twice(input.begin() + at, input.begin() + at + some);
      input.insert(input.begin() + at, twice.begin(), twice.end());
      break;
    }
    case 5:
      if (left >= 4) weir::store_u32(input.data() + at, kLengths[dice.below(std::size(kLengths))]);
      break;
    default: {
      const auto from = static_cast<std::ptrdiff_t>(dice.below(other.size() + 1));
      input.erase(input.begin() + at, input.end());
      input.insert(input.end(), other.begin() + from, other.end());
    }
  }
  if (input.size() > kInputBytesMax) input.resize(kInputBytesMax);
}

void last_words(int) {
  std::fputs("the input was: ", stderr);
  for (const auto byte : current) std::fprintf(stderr, "%02x", byte);
  std::fputs("\n", stderr);
}

void run(Buffer input) {
  current = std::move(input);
  LLVMFuzzerTestOneInput(current.data(), current.size());
}

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  std::signal(SIGABRT, last_words);
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());  // The same run from the same seed everywhere.
  std::vector<Buffer> seeds;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    run(seeds.back());
  }
  WEIR_CHECK(!seeds.empty());

  const std::uint64_t seed = number_from("WEIR_SEED", kSeed);
  const std::uint64_t mutations = number_from("WEIR_MUTATIONS", kMutations);
  std::printf("%zu files, %llu mutations, WEIR_SEED=%llu\n", seeds.size(),
              static_cast<unsigned long long>(mutations), static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  Dice dice(seed);
  for (std::uint64_t i = 0; i < mutations; ++i) {
    Buffer input = seeds[dice.below(seeds.size())];
    const std::size_t steps = 1 + dice.below(4);
    for (std::size_t step = 0; step < steps; ++step) {
      mutate(input, seeds[dice.below(seeds.size())], dice);
    }
    run(std::move(input));
  }
  return 0;
}
