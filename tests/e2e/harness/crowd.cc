// crowd.cc: see crowd.h.
#include "tests/e2e/harness/crowd.h"

#include <poll.h>

#include <doctest/doctest.h>

namespace weir::e2e {

Crowd::Crowd(const std::vector<std::string>& conninfos) {
  for (const std::string& conninfo : conninfos) {
    sessions_.push_back(std::make_unique<Session>(conninfo));
    REQUIRE_MESSAGE(sessions_.back()->alive(), sessions_.back()->error());
  }
}

bool Crowd::ask(int client, const NextQuery& next) {
  const auto sql = next(client);
  if (!sql) return false;
  (*this)[client].send(*sql);
  return true;
}

// Takes what has come for one client. False: the client has done.
bool Crowd::hear(int client, const NextQuery& next, const OnAnswer& on_answer) {
  Session& session = (*this)[client];
  const bool connected = PQconsumeInput(session.raw()) == 1;
  while (PQisBusy(session.raw()) == 0) {
    const Answer answer(PQgetResult(session.raw()));
    if (answer) on_answer(client, answer);
    if (answer) continue;
    if (!connected || !session.alive()) return false;
    return ask(client, next);
  }
  return true;
}

bool Crowd::run(const NextQuery& next, const OnAnswer& on_answer, const Meanwhile& meanwhile,
                Deadline deadline) {
  std::vector<pollfd> polled;
  std::vector<int> clients;
  for (int client = 0; client < static_cast<int>(size()); ++client) {
    if (!ask(client, next)) continue;
    polled.push_back({(*this)[client].fd(), POLLIN, 0});
    clients.push_back(client);
  }
  while (!polled.empty()) {
    const int wait_ms = meanwhile ? std::min(10, deadline.left_ms()) : deadline.left_ms();
    if (::poll(polled.data(), polled.size(), wait_ms) == 0 && deadline.passed()) return false;
    for (std::size_t i = polled.size(); i-- > 0;) {
      if (polled[i].revents == 0 || hear(clients[i], next, on_answer)) continue;
      polled[i] = polled.back(), polled.pop_back();
      clients[i] = clients.back(), clients.pop_back();
    }
    if (meanwhile) meanwhile();
  }
  return true;
}

}  // namespace weir::e2e
