// fake_server.h: a PostgreSQL on a loopback port that does what a script says, in threads.
//
// A script runs once for each connection and may be as rude as it likes. It must not use doctest's
// checks: it runs outside the test's thread. Everything blocked ends when the FakeServer does.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "tests/e2e/harness/wire.h"

namespace weir::e2e {

class FakeSession : public Wire {
 public:
  FakeSession(int fd, int number) : Wire(fd), number_(number) {}

  int number() const { return number_; }  // 1 for the server's first connection, and so on.
  // Reads an SSLRequest; false: something else came, or nothing.
  bool read_ssl_request();
  // The same, says yes and makes the handshake as `terms` say it.
  bool start_tls(SealTerms terms);
  // Reads the startup packet; an SSLRequest in front is answered `N`. False: a cancel or rubbish.
  bool read_startup();
  // AuthenticationOk, ParameterStatus, BackendKeyData, ReadyForQuery.
  void welcome();
  bool login() { return read_startup() && (welcome(), true); }
  // The next message; its answer is up to the script.
  std::optional<Message> next() { return read(Deadline::in(600s)); }
  // Answers a message as a friendly server would: one row 'ok' for SELECT, done for the rest.
  void answer(const Message& message);
  // login(), then answer() until the end; `rude` sees each Query first and says true if it
  // has answered it itself.
  void serve(const std::function<bool(const std::string& sql)>& rude);

 private:
  int number_;
};

// Pieces of answers.
std::string ready_for_query(char status = 'I');
std::string parameter_status(std::string_view name, std::string_view value);
std::string command_complete(std::string_view tag);
std::string one_row(std::string_view value);  // RowDescription, DataRow, CommandComplete.

class FakeServer {
 public:
  using Script = std::function<void(FakeSession&)>;

  explicit FakeServer(Script script) : FakeServer(std::move(script), "127.0.0.1", 0) {}
  // At this address of loopback and this port; 0: any that is free.
  FakeServer(Script script, const std::string& address, int port);
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  int port() const { return port_; }
  int accepted() const { return accepted_; }  // Connections so far, cancels included.
  int open() const { return open_; }          // Scripts that run now.

 private:
  Script script_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> accepted_ = 0;
  std::atomic<int> open_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;  // Guards the lists.
  std::list<FakeSession> sessions_;
  std::list<std::thread> threads_;
  std::thread acceptor_;

  void accept_all();
};

}  // namespace weir::e2e
