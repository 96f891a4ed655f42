// glass.h: the window into a Worker through which the auditor looks. It changes nothing.
#pragma once

#include "proxy/worker.h"

namespace weir::proxy {

struct WorkerGlass {
  static const auto& servers(const Worker& worker) { return worker.servers_; }
  static const auto& shares(const Worker& worker) { return worker.shares_; }
  static const auto& clients(const Worker& worker) { return worker.places_; }
  static const auto& cancels(const Worker& worker) { return worker.cancels_; }
};

}  // namespace weir::proxy
