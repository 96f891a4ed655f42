// complaints.h: all that is wrong, as far as anybody will read.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/config/sentence.h"

namespace weir::proxy::config {

constexpr std::size_t kComplaintsMax = 100;

struct Complaints {
  std::vector<std::string> first;  // Sentences with their places, kComplaintsMax at most.
  std::size_t more = 0;            // Beyond those.

  bool empty() const { return first.empty(); }
  void add(const Place& place, std::string_view sentence) { add(placed(place, sentence)); }
  // A line for each. REQUIRES: not empty.
  tl::unexpected<Fault> fault() const {
    std::string text;
    for (const std::string& sentence : first) text += (text.empty() ? "" : "\n") + sentence;
    if (more > 0) text += "\nand " + std::to_string(more) + " more";
    return fail("F0000", std::move(text));
  }
  // The first, and how many there are besides. `asks`: who lists them all; may be empty.
  std::string summary(const std::string& asks) const {
    const std::size_t others = first.size() - 1 + more;
    if (others == 0) return first.front();
    return first.front() + " (and " + std::to_string(others) + " more" +
           (asks.empty() ? "" : ": " + asks) + ")";
  }
  void add(std::string sentence) {
    first.size() < kComplaintsMax ? first.push_back(std::move(sentence)) : void(++more);
  }
};

}  // namespace weir::proxy::config
