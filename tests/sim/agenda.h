// agenda.h: what the models mean to do, and when. The run lets it happen between two steps of the
// street.
#pragma once

#include <functional>
#include <map>
#include <utility>

#include "pool/instant.h"

namespace weir::sim {

class Agenda {
 public:
  void at(Instant when, std::function<void()> what) {
    entries_.emplace(when, std::move(what));  // Equal keys keep their order.
  }
  Instant next() const { return entries_.empty() ? kNever : entries_.begin()->first; }
  // The first that is due; false when none is.
  bool run_one(Instant now) {
    if (next() > now) return false;
    const auto what = std::move(entries_.extract(entries_.begin()).mapped());
    what();
    return true;
  }

 private:
  std::multimap<Instant, std::function<void()>> entries_;
};

}  // namespace weir::sim
