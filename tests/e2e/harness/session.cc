// session.cc: see session.h.
#include "tests/e2e/harness/session.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <utility>

namespace weir::e2e {

bool Answer::ok() const {
  switch (status()) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE:
    case PGRES_EMPTY_QUERY:
    case PGRES_PIPELINE_SYNC:
      return true;
    default:
      return false;
  }
}

std::string Answer::value(int row, int column) const {
  if (row >= rows() || column >= columns()) return "<no such value>";
  const int bytes = PQgetlength(result_.get(), row, column);
  return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(bytes)};
}

std::string Answer::field(int code) const {
  const char* text = PQresultErrorField(result_.get(), code);
  return text == nullptr ? "" : text;
}

Session::Session(const std::string& conninfo, Deadline deadline) {
  raw_ = PQconnectStart(conninfo.c_str());
  REQUIRE(raw_ != nullptr);
  PQsetNoticeProcessor(
      raw_,
      [](void* notices, const char* text) {
        static_cast<std::vector<std::string>*>(notices)->emplace_back(text);
      },
      notices_.get());
  PostgresPollingStatusType wants = PGRES_POLLING_WRITING;
  while (PQstatus(raw_) != CONNECTION_BAD && wants != PGRES_POLLING_OK) {
    if (wants == PGRES_POLLING_FAILED) break;
    pollfd ready{fd(), static_cast<short>(wants == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
    if (::poll(&ready, 1, deadline.left_ms()) == 0) break;
    wants = PQconnectPoll(raw_);
  }
}

Session::Session(Session&& other) noexcept
    : raw_(std::exchange(other.raw_, nullptr)), notices_(std::move(other.notices_)) {}

Session::~Session() { PQfinish(raw_); }

std::string Session::parameter(const char* name) const {
  const char* value = PQparameterStatus(raw_, name);
  return value == nullptr ? "" : value;
}

bool Session::wait_readable(Deadline deadline) const {
  pollfd ready{fd(), POLLIN, 0};
  return ::poll(&ready, 1, deadline.left_ms()) > 0;
}

bool Session::flush(Deadline deadline) const {
  int left = 0;
  while ((left = PQflush(raw_)) > 0) {
    pollfd ready{fd(), POLLIN | POLLOUT, 0};
    if (::poll(&ready, 1, deadline.left_ms()) == 0) return false;
    if ((ready.revents & POLLIN) != 0) PQconsumeInput(raw_);
  }
  return left == 0;
}

void Session::send(const std::string& sql) {
  if (PQsendQuery(raw_, sql.c_str()) == 1) flush(Deadline::generous());
}

Answer Session::next(Deadline deadline) {
  flush(deadline);
  while (PQisBusy(raw_) != 0) {
    if (!wait_readable(deadline)) return Answer();
    if (PQconsumeInput(raw_) == 0) break;
  }
  return Answer(PQgetResult(raw_));
}

std::vector<Answer> Session::rest() {
  std::vector<Answer> out;
  while (Answer answer = next()) {
    const ExecStatusType status = answer.status();
    out.push_back(std::move(answer));
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) break;
  }
  return out;
}

std::vector<Answer> Session::exec_all(const std::string& sql) {
  rest();
  if (PQsendQuery(raw_, sql.c_str()) == 0) return {};
  return rest();
}

Answer Session::exec(const std::string& sql) {
  std::vector<Answer> answers = exec_all(sql);
  for (Answer& answer : answers)
    if (!answer.ok()) return std::move(answer);
  return answers.empty() ? Answer() : std::move(answers.back());
}

void Session::run(const std::string& sql) {
  const Answer answer = exec(sql);
  REQUIRE_MESSAGE(answer.ok(), sql << ": " << answer.text() << error());
}

std::string Session::value(const std::string& sql) {
  const Answer answer = exec(sql);
  REQUIRE_MESSAGE(answer.status() == PGRES_TUPLES_OK, sql << ": " << answer.text() << error());
  return answer.value();
}

Answer Session::params(const std::string& sql, const std::vector<std::string>& values) {
  std::vector<const char*> pointers;
  for (const std::string& value : values) pointers.push_back(value.c_str());
  if (PQsendQueryParams(raw_, sql.c_str(), static_cast<int>(values.size()), nullptr,
                        pointers.data(), nullptr, nullptr, 0) == 0)
    return Answer();
  std::vector<Answer> answers = rest();
  return answers.empty() ? Answer() : std::move(answers.front());
}

bool Session::busy_for(std::chrono::milliseconds span) {
  const Deadline until = Deadline::in(span);
  flush(until);
  while (PQisBusy(raw_) != 0)
    if (!wait_readable(until) || PQconsumeInput(raw_) == 0) return PQstatus(raw_) == CONNECTION_OK;
  return false;
}

void Session::vanish() {
  const linger at_once{1, 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(nowhere, fd());  // Closes the socket with RST; libpq's own goodbye goes nowhere.
  ::close(nowhere);
}

std::string copy_out(Session& session, const std::string& sql) {
  const Answer start = session.exec(sql);
  REQUIRE_MESSAGE(start.status() == PGRES_COPY_OUT, start.text());
  std::string out;
  char* row = nullptr;
  int bytes = 0;
  while ((bytes = PQgetCopyData(session.raw(), &row, 0)) > 0) {
    out.append(row, static_cast<std::size_t>(bytes));
    PQfreemem(row);
  }
  CHECK(bytes == -1);
  for (const Answer& answer : session.rest()) CHECK_MESSAGE(answer.ok(), answer.text());
  return out;
}

Answer copy_in(Session& session, const std::string& sql, const std::vector<std::string>& chunks) {
  const Answer start = session.exec(sql);
  REQUIRE_MESSAGE(start.status() == PGRES_COPY_IN, start.text());
  for (const std::string& chunk : chunks)
    if (PQputCopyData(session.raw(), chunk.data(), static_cast<int>(chunk.size())) != 1) break;
  PQputCopyEnd(session.raw(), nullptr);
  std::vector<Answer> answers = session.rest();
  for (Answer& answer : answers)
    if (!answer.ok()) return std::move(answer);
  return answers.empty() ? Answer() : std::move(answers.back());
}

}  // namespace weir::e2e
