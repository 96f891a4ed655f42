// crowd.h: many libpq clients driven by one thread, each busy with its own next query.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/e2e/harness/session.h"

namespace weir::e2e {

class Crowd {
 public:
  // Connects them all, many at a time; REQUIREs that all succeed.
  Crowd(const std::string& conninfo, int size)
      : Crowd(std::vector<std::string>(static_cast<std::size_t>(size), conninfo)) {}
  explicit Crowd(const std::vector<std::string>& conninfos);  // One of each.

  // The next query of a client, or nothing: it has done. Asked again after every answer.
  using NextQuery = std::function<std::optional<std::string>(int client)>;
  using OnAnswer = std::function<void(int client, const Answer&)>;
  using Meanwhile = std::function<void()>;
  // Runs until every client has done; false when the deadline passed first. `meanwhile` is
  // called between answers.
  bool run(const NextQuery& next, const OnAnswer& on_answer, const Meanwhile& meanwhile = {},
           Deadline deadline = Deadline::in(600s));

  std::size_t size() const { return sessions_.size(); }
  Session& operator[](int client) { return *sessions_[static_cast<std::size_t>(client)]; }

 private:
  std::vector<std::unique_ptr<Session>> sessions_;

  bool ask(int client, const NextQuery& next);
  bool hear(int client, const NextQuery& next, const OnAnswer& on_answer);
};

}  // namespace weir::e2e
