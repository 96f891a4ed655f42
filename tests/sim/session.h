// session.h: a toy PostgreSQL session without time or connection: messages in, messages out.
//
// The model server runs one a connection. Each model client runs one of its own as an oracle:
// what a private server would have answered is what it must see through the pooler.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pool/instant.h"
#include "protocol/bytes.h"
#include "tests/sim/message.h"
#include "tests/sim/settings.h"

namespace weir::sim {

class Session {
 public:
  // `asked`: parameters of the startup packet.
  explicit Session(const Settings& asked);

  // How long the message runs before its first statement takes effect. Only then it can be
  // cancelled.
  Instant cost(const Message& message) const;
  // The message does its work; the answers are added to `out`, whole messages.
  void step(const Message& message, Buffer& out);
  // It is cancelled instead. `marker`: of the statement that was hit.
  void cancel(const Message& message, Buffer& out);
  // The message is read past, or only noted: no answer to it can come.
  bool silent(const Message& message) const;

  char status() const { return status_; }
  bool copying_in() const { return copy_ != Copy::none; }
  bool in_batch() const { return batch_; }  // An extended query waits for its Sync.
  // Nothing is begun that has not ended with ReadyForQuery.
  bool at_rest() const { return status_ == 'I' && !batch_ && !skipping_ && !copying_in(); }
  bool over() const { return over_; }
  const Settings& settings() const { return now_.settings; }

 private:
  struct Portal {
    std::string sql;
    std::size_t rows_sent = 0;
  };
  enum class Copy { none, simple, extended };
  // What holds now, and what of it has been SET: the rest goes by the startup packet.
  struct State {
    Settings settings;
    std::set<std::string> by_session;
  };

  void query(std::string_view sql, Buffer& out);
  bool extended(const Message& message, Buffer& out);
  bool parse(std::string_view body, Buffer& out);
  bool bind(std::string_view body, Buffer& out);
  bool describe(std::string_view body, Buffer& out);
  bool execute(std::string_view body, Buffer& out);
  void close(std::string_view body, Buffer& out);
  void call(std::string_view body, Buffer& out);
  void copy_step(const Message& message, Buffer& out);
  // False: it failed, and has said so.
  bool run(std::string_view statement, bool described, Portal* portal, Buffer& out);
  bool run_set(std::vector<std::string> words, Buffer& out);
  bool run_set_config(std::string_view statement, Buffer& out);
  void set(const std::string& name, const std::optional<std::string>& value);
  void reset(const std::string& name);
  bool run_transaction(const std::string& verb, Buffer& out);
  void run_rows(const std::vector<std::string>& words, Portal* portal, Buffer& out);
  bool fail(const char* sqlstate, std::string text, Buffer& out);
  void roll_back();
  void ready(Buffer& out);

  State now_;
  Settings startup_;
  Settings reported_;
  std::optional<State> saved_;  // From before the transaction, implicit ones included.
  Settings before_local_;
  std::map<std::string, std::string> statements_;
  std::map<std::string, Portal> portals_;
  char status_ = 'I';
  bool batch_ = false;     // Extended messages since the last Sync.
  bool skipping_ = false;  // To the next Sync.
  bool over_ = false;
  std::size_t rows_max_ = 0;
  Copy copy_ = Copy::none;
  std::size_t copied_ = 0;
};

}  // namespace weir::sim
