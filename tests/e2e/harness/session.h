// session.h: libpq as a client, with a deadline on every wait.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/e2e/harness/deadline.h"

namespace weir::e2e {

// One result of libpq. An empty one means that the deadline passed or there was none.
class Answer {
 public:
  explicit Answer(PGresult* result = nullptr) : result_(result, PQclear) {}

  explicit operator bool() const { return result_ != nullptr; }
  ExecStatusType status() const { return PQresultStatus(result_.get()); }
  bool ok() const;
  int rows() const { return PQntuples(result_.get()); }
  int columns() const { return PQnfields(result_.get()); }
  std::string column(int index) const { return PQfname(result_.get(), index); }
  std::string value(int row = 0, int column = 0) const;
  bool null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
  std::string tag() const { return PQcmdStatus(result_.get()); }
  std::string field(int code) const;  // PG_DIAG_…
  std::string sqlstate() const { return field(PG_DIAG_SQLSTATE); }
  std::string text() const { return field(PG_DIAG_MESSAGE_PRIMARY); }

 private:
  std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

class Session {
 public:
  // Connects; alive() tells whether it worked.
  explicit Session(const std::string& conninfo, Deadline deadline = Deadline::generous());
  Session(Session&&) noexcept;
  Session& operator=(Session&&) = delete;
  ~Session();

  bool alive() const { return PQstatus(raw_) == CONNECTION_OK; }
  std::string error() const { return PQerrorMessage(raw_); }
  PGconn* raw() const { return raw_; }
  int fd() const { return PQsocket(raw_); }
  PGTransactionStatusType transaction() const { return PQtransactionStatus(raw_); }
  std::string parameter(const char* name) const;
  const std::vector<std::string>& notices() const { return *notices_; }

  // Simple protocol. exec: the last result, the first error if there is one.
  Answer exec(const std::string& sql);
  std::vector<Answer> exec_all(const std::string& sql);
  void run(const std::string& sql);           // REQUIREs success.
  std::string value(const std::string& sql);  // REQUIREs one value.
  // Extended protocol: Parse, Bind, Describe, Execute, Sync.
  Answer params(const std::string& sql, const std::vector<std::string>& values);

  void send(const std::string& sql);  // Without waiting.
  Answer next(Deadline deadline = Deadline::generous());
  std::vector<Answer> rest();                     // Up to ReadyForQuery.
  bool busy_for(std::chrono::milliseconds span);  // No answer came within this.

  void vanish();  // The socket is reset without a Terminate, as when the client is killed.

 private:
  PGconn* raw_ = nullptr;
  std::unique_ptr<std::vector<std::string>> notices_ = std::make_unique<std::vector<std::string>>();

  bool wait_readable(Deadline deadline) const;
  bool flush(Deadline deadline) const;
};

// COPY as libpq has it.
std::string copy_out(Session& session, const std::string& sql);
Answer copy_in(Session& session, const std::string& sql, const std::vector<std::string>& chunks);

}  // namespace weir::e2e
