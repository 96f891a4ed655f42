// fake_server.cc: see fake_server.h.
#include "tests/e2e/harness/fake_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

namespace weir::e2e {

bool FakeSession::read_ssl_request() { return read_exactly(8) == untagged(kSslRequest); }

bool FakeSession::start_tls(SealTerms terms) {
  terms.side = SealTerms::Side::server;
  return read_ssl_request() && send("S") && encrypt(terms);
}

bool FakeSession::read_startup() {
  while (true) {
    const auto head = read_exactly(8);
    if (!head) return false;
    const std::uint32_t length = from_be32(*head);
    const std::uint32_t code = from_be32(std::string_view(*head).substr(4));
    if (length > 8 && !read_exactly(length - 8)) return false;
    if (code != kSslRequest && code != kGssencRequest) return code >> 16 == 3;
    send("N");
  }
}

void FakeSession::welcome() {
  send(message('R', be32(0)) + parameter_status("server_version", "15.0") +
       parameter_status("client_encoding", "UTF8") + parameter_status("DateStyle", "ISO, MDY") +
       parameter_status("TimeZone", "GMT") + parameter_status("IntervalStyle", "postgres") +
       parameter_status("standard_conforming_strings", "on") +
       parameter_status("application_name", "") + message('K', be32(4711) + be32(815)) +
       ready_for_query());
}

void FakeSession::answer(const Message& message) {
  switch (message.tag) {
    case 'Q':
      if (message.body.starts_with("SELECT"))
        send(one_row("ok") + ready_for_query());
      else if (message.body.size() <= 1)
        send(e2e::message('I', "") + ready_for_query());
      else
        send(command_complete("SET") + ready_for_query());
      break;
    case 'P':
      send(e2e::message('1', ""));
      break;
    case 'B':
      send(e2e::message('2', ""));
      break;
    case 'E':
      send(command_complete("SET"));
      break;
    case 'C':
      send(e2e::message('3', ""));
      break;
    case 'S':
      send(ready_for_query());
      break;
    default:
      break;
  }
}

void FakeSession::serve(const std::function<bool(const std::string&)>& rude) {
  if (!login()) return;
  while (const auto message = next()) {
    if (message->tag == 'X') return;
    if (message->tag == 'Q' && rude(message->body.substr(0, message->body.size() - 1))) continue;
    answer(*message);
  }
}

std::string ready_for_query(char status) { return message('Z', std::string_view(&status, 1)); }

std::string parameter_status(std::string_view name, std::string_view value) {
  return message('S', zero_ended(name) + zero_ended(value));
}

std::string command_complete(std::string_view tag) { return message('C', zero_ended(tag)); }

std::string one_row(std::string_view value) {
  const std::string column = zero_ended("value") + be32(0) + be16(0) + be32(25) + be16(0xffff) +
                             be32(0xffffffff) + be16(0);
  return message('T', be16(1) + column) +
         message('D',
                 be16(1) + be32(static_cast<std::uint32_t>(value.size())) + std::string(value)) +
         command_complete("SELECT 1");
}

FakeServer::FakeServer(Script script, const std::string& at, int port)
    : script_(std::move(script)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  REQUIRE(::inet_pton(AF_INET, at.c_str(), &address.sin_addr) == 1);
  REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  socklen_t size = sizeof address;
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  REQUIRE(::listen(listener_, 64) == 0);
  acceptor_ = std::thread([this] { accept_all(); });
}

FakeServer::~FakeServer() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  {
    const std::lock_guard lock(mutex_);
    for (FakeSession& session : sessions_) session.shut();
  }
  for (std::thread& thread : threads_) thread.join();
}

void FakeServer::accept_all() {
  while (true) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (stopping_) {
      if (fd >= 0) ::close(fd);
      return;
    }
    if (fd < 0) continue;
    const int on = 1;  // What a script sends in pieces arrives in pieces, at once.
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::lock_guard lock(mutex_);
    FakeSession& session = sessions_.emplace_back(fd, ++accepted_);
    ++open_;
    threads_.emplace_back([this, &session] {
      script_(session);
      session.shut();  // The descriptor itself stays ours until the end: shut() may come twice.
      --open_;
    });
  }
}

}  // namespace weir::e2e
