// auditor.h: looks at everything after every turn and complains of what must never be.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "proxy/worker.h"
#include "tests/sim/postgres.h"
#include "tests/sim/scenario.h"
#include "tests/sim/stage.h"

namespace weir::sim {

class Auditor {
 public:
  Auditor(Stage& stage, const Postgres& postgres) : stage_(stage), postgres_(postgres) {}

  // These limits may be in force from now on; the larger ones of before stay allowed.
  void allow(const Limits& limits);
  void after_turn();
  // Nothing can happen but by time: no mail, no bytes under way.
  void when_quiet();
  void when_mail_is_under_way() { wrong_since_.clear(); }
  // All clients have left and been forgotten.
  void at_the_end();

 private:
  void check_server(const proxy::Server& server);
  bool is_kept(const proxy::Server& server) const;
  void check_client(const proxy::Client& client);
  void check_limits();
  void check_timeouts(const proxy::Client& client);
  void check_remembered(const std::set<proxy::PoolId>& pools);
  void check_waiting(const proxy::PoolId& id);
  void complain_if_lasting(bool wrong, const proxy::PoolId& id, const std::string& what);
  void complain(const std::string& what) { stage_.complain(what); }
  proxy::Worker& worker(std::size_t index) { return stage_.town.worker(index); }

  Stage& stage_;
  const Postgres& postgres_;
  std::map<std::pair<proxy::PoolId, std::string>, Instant> wrong_since_;
  Limits allowed_{.pool_size = 0};
};

}  // namespace weir::sim
