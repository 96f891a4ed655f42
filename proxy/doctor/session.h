// session.h: libpq, with a deadline on every wait. The one place in pgweir that logs in by libpq:
// what pgweir's own login and libpq's both say of a server is so.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/doctor/facts.h"
#include "proxy/doctor/wire.h"

struct pg_conn;
struct pg_result;

namespace weir::proxy::doctor {

// What is sent as application_name, and what other visits of ours are known by.
inline constexpr const char* kApplicationName = "pgweir doctor";

// All that libpq is told; what it would take from its own variables and files it is not.
struct Login {
  const Visit& visit;
  const config::Config& config;
  const config::Database& target;
  std::vector<std::string> addresses;  // In numbers; none for a unix socket.
  std::string password;                // Empty: none.
};

class Answer {
 public:
  explicit Answer(pg_result* result = nullptr);

  bool ok() const;
  int rows() const;
  int columns() const;
  std::string text(int row, int column) const;  // Empty for NULL.
  bool null(int row, int column) const;
  int number(int row, int column) const;
  std::string sqlstate() const;
  std::string complaint() const;  // Never empty unless ok().

 private:
  struct Free {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Free> result_;
};

class Session {
 public:
  explicit Session(const Login& login);
  ~Session();

  bool open() const;
  std::string complaint() const;  // Why it is not open, in PostgreSQL's own words.
  Answer ask(const std::string& sql, const std::vector<std::string>& parameters = {});
  int server_pid() const;   // As the login was told.
  std::string tls() const;  // Its version; empty: in the clear.
  std::optional<Validity> certificate() const;

 private:
  struct Close {
    void operator()(pg_conn* connection) const;
  };
  void connect(Clock::time_point deadline);

  std::unique_ptr<pg_conn, Close> connection_;
  bool late_ = false;
};

}  // namespace weir::proxy::doctor
