// wire.cc: see wire.h.
#include "tests/e2e/harness/wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <cerrno>

namespace weir::e2e {

std::string be16(std::uint16_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

std::string be32(std::uint32_t value) {
  return be16(static_cast<std::uint16_t>(value >> 16)) + be16(static_cast<std::uint16_t>(value));
}

std::uint32_t from_be32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

std::string zero_ended(std::string_view text) { return std::string(text) + '\0'; }

std::string message(char tag, std::string_view body) {
  return message_with_length(tag, static_cast<std::uint32_t>(body.size() + 4), body);
}

std::string message_with_length(char tag, std::uint32_t announced, std::string_view body) {
  return tag + be32(announced) + std::string(body);
}

std::string untagged(std::uint32_t code, std::string_view body) {
  return be32(static_cast<std::uint32_t>(body.size() + 8)) + be32(code) + std::string(body);
}

std::string startup_packet(const Parameters& parameters, std::uint32_t version) {
  std::string body;
  for (const auto& [key, value] : parameters) body += zero_ended(key) + zero_ended(value);
  return untagged(version, body + '\0');
}

std::string query(std::string_view sql) { return message('Q', zero_ended(sql)); }

std::map<char, std::string> fields_of(std::string_view body) {
  std::map<char, std::string> fields;
  while (!body.empty() && body.front() != '\0') {
    const std::size_t end = body.find('\0');
    if (end == std::string_view::npos) break;
    fields[body.front()] = std::string(body.substr(1, end - 1));
    body.remove_prefix(end + 1);
  }
  return fields;
}

std::string error_response(std::string_view sqlstate, std::string_view text) {
  return message('E', "S" + zero_ended("ERROR") + "V" + zero_ended("ERROR") + "C" +
                          zero_ended(sqlstate) + "M" + zero_ended(text) + '\0');
}

Wire::Wire(Wire&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), ended_(other.ended_), seal_(std::move(other.seal_)) {}

bool Wire::encrypt(const SealTerms& terms, Deadline deadline) {
  seal_ = std::make_unique<Seal>(terms);
  while (true) {
    const Seal::Step step = seal_->shake();
    if (!send_raw(seal_->records(), deadline) || step == Seal::Step::failed) return false;
    if (step == Seal::Step::done) return true;
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, deadline.left_ms()) == 0) return false;
    char block[16'384];
    const ssize_t got = ::recv(fd_, block, sizeof block, MSG_DONTWAIT);
    ended_ = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
    if (ended_) return false;
    if (got > 0) seal_->take({block, static_cast<std::size_t>(got)});
  }
}

bool Wire::send(std::string_view bytes, Deadline deadline) {
  return seal_ ? send_raw(sealed(bytes), deadline) : send_raw(bytes, deadline);
}

std::string Wire::sealed(std::string_view bytes) {
  seal_->write(bytes);
  return seal_->records();
}

std::string Wire::goodbye() {
  seal_->finish();
  return seal_->records();
}

std::string Wire::key_updates(int count) {
  std::string all;
  for (int i = 0; i < count; ++i) {
    seal_->ask_for_new_keys();
    all += seal_->records();
  }
  return all;
}

bool Wire::send_raw(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) return false;
    pollfd ready{fd_, POLLOUT, 0};
    if (::poll(&ready, 1, deadline.left_ms()) == 0) return false;
  }
  return true;
}

// As recv(2) without waiting: 0 is the end, and -1 with EAGAIN that nothing has come yet.
long Wire::receive(char* to, std::size_t room) {
  return seal_ ? receive_sealed(to, room) : ::recv(fd_, to, room, MSG_DONTWAIT);
}

long Wire::receive_sealed(char* to, std::size_t room) {
  while (true) {
    std::size_t got = 0;
    const Seal::Step step = seal_->read(to, room, got);
    if (step == Seal::Step::done) return static_cast<long>(got);
    errno = EPROTO;
    if (step == Seal::Step::failed) return -1;
    char block[65'536];
    const ssize_t raw = ::recv(fd_, block, sizeof block, MSG_DONTWAIT);
    if (raw <= 0) return raw;
    seal_->take({block, static_cast<std::size_t>(raw)});
  }
}

std::optional<std::string> Wire::read_exactly(std::size_t bytes, Deadline deadline) {
  std::string out;
  while (out.size() < bytes) {
    char block[65'536];
    const long got = receive(block, std::min(sizeof block, bytes - out.size()));
    ended_ = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
    if (ended_) return std::nullopt;
    if (got > 0) {
      out.append(block, static_cast<std::size_t>(got));
      continue;
    }
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, deadline.left_ms()) == 0) return std::nullopt;
  }
  return out;
}

std::optional<Message> Wire::read(Deadline deadline) {
  const auto header = read_exactly(5, deadline);
  if (!header) return std::nullopt;
  const std::uint32_t length = from_be32(std::string_view(*header).substr(1));
  if (length < 4) return std::nullopt;
  auto body = read_exactly(length - 4, deadline);
  if (!body) return std::nullopt;
  return Message{header->front(), *std::move(body)};
}

std::optional<std::vector<Message>> Wire::read_through(char tag, Deadline deadline) {
  std::vector<Message> seen;
  while (auto next = read(deadline)) {
    seen.push_back(*std::move(next));
    if (seen.back().tag == tag) return seen;
  }
  return std::nullopt;
}

bool Wire::ends(Deadline deadline) {
  while (true) {
    char block[65'536];
    const long got = receive(block, sizeof block);
    ended_ = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
    if (ended_) return true;
    if (deadline.passed()) return false;
    if (got > 0) continue;
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, deadline.left_ms()) == 0) return false;
  }
}

bool Wire::readable(std::chrono::milliseconds within) {
  pollfd ready{fd_, POLLIN, 0};
  return ::poll(&ready, 1, static_cast<int>(within.count())) > 0;
}

void Wire::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Wire::reset() {
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void Wire::shut() { ::shutdown(fd_, SHUT_RDWR); }

Wire connect_to(int port) { return connect_to(port, ""); }

Wire connect_to(int port, const std::string& from) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (!from.empty()) {
    REQUIRE(::inet_pton(AF_INET, from.c_str(), &address.sin_addr) == 1);
    REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  Wire wire(fd);
  REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return wire;
}

Wire connect_to(const std::string& unix_path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  Wire wire(fd);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(unix_path.size() < sizeof address.sun_path);
  unix_path.copy(address.sun_path, unix_path.size());
  REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return wire;
}

}  // namespace weir::e2e
