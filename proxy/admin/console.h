// console.h: the admin console, a client that talks to pgweir itself: databases pgweir, pgbouncer.
//
// Simple queries only, for now. Commands are rows of the table in commands.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/collector.h"
#include "protocol/encode.h"
#include "protocol/framer.h"
#include "protocol/result.h"
#include "proxy/commons.h"
#include "proxy/mail.h"

namespace weir::proxy {

class Client;
class Worker;

inline constexpr std::uint32_t kConsoleQueryBytesMax = 64 * 1024;

class Console {
 public:
  // `may_change`: an admin user; else only SHOW is allowed.
  Console(Worker& worker, Client& client, bool may_change);

  // As StreamUser::on_bytes().
  std::size_t take(Bytes bytes);
  // All that was sent has gone.
  void on_sent();
  // What every worker answers to CountsWanted, one call each.
  void on_counts(std::vector<PoolCounts> pools, std::size_t consoles);
  void on_reloaded(const std::string& complaint, const std::vector<std::string>& notices);

  // What whoever comes in is told of its parameters.
  static Buffer parameter_statuses();

  // For commands. Each ends in exactly one of complete(), complain(), or a later answer.
  void complete(std::string_view tag);
  void complain(const Fault& fault);
  void send(const Buffer& bytes);
  void ask_counts();
  void ask_reload();
  void show_config(bool with_sources);
  void shut_down(Stop stop);

 private:
  bool take_message(char tag, Bytes body);
  void run(std::string_view sql);
  void wait();
  void go_on();

  Worker& worker_;
  Client& client_;
  const bool may_change_;
  protocol::Framer framer_{kConsoleQueryBytesMax};
  protocol::Collector collector_;
  bool skipping_to_sync_ = false;
  bool waiting_ = false;
  std::size_t answers_missing_ = 0;
  std::vector<PoolCounts> pools_;
  std::size_t consoles_ = 0;
};

}  // namespace weir::proxy
