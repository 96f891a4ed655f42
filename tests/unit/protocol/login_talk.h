// login_talk.h: a client's half of a SCRAM login, for the tests of ClientLogin.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/client_login.h"
#include "protocol/decode.h"
#include "protocol/encode.h"
#include "protocol/framer.h"

namespace weir::protocol {

inline Entropy test_entropy() {
  Entropy given;
  given.md5_salt = {1, 2, 3, 4};
  given.mock_key.fill(9);
  return given;
}

// Of user "alice".
inline ClientLogin::Options login_options(AuthType type, std::vector<std::string> secrets = {}) {
  return {.type = type, .user = "alice", .secrets = std::move(secrets), .entropy = test_entropy()};
}

inline std::string scram_form(std::string_view password, std::uint8_t salt = 5,
                              std::uint32_t iterations = 2) {
  return ScramSecret::from_password(password, Buffer(16, salt), iterations).text();
}

// The message that ClientLogin has answered with, its header checked and cut off.
inline Result<Authentication> heard(Bytes out) {
  REQUIRE(out.size() >= kHeaderBytes);
  const std::size_t bytes = 1 + load_u32(out.data() + 1);
  REQUIRE(out.size() >= bytes);
  return parse_authentication(out.first(bytes).subspan(kHeaderBytes));
}

// The body of a SASLInitialResponse.
inline Buffer first_response(const ScramClient& client) {
  Buffer message;
  put_sasl_initial_response(message, client.mechanism(), client.first());
  return Buffer(message.begin() + kHeaderBytes, message.end());
}

// What is behind AuthenticationSASLFinal must be AuthenticationOk, and the signature right.
inline void check_welcome(const ScramClient& client, Bytes out) {
  const auto last = heard(out);
  REQUIRE(last);
  CHECK(last->kind == Authentication::Kind::sasl_final);
  CHECK(client.verify(last->data));
  const auto ok = heard(out.subspan(1 + load_u32(out.data() + 1)));
  REQUIRE(ok);
  CHECK(ok->kind == Authentication::Kind::ok);
}

// A whole SCRAM login by this client, as libpq would do it.
inline ClientLogin::Step scram_login(ClientLogin& login, ScramClient& client,
                                     std::string* server_first = nullptr) {
  using Step = ClientLogin::Step;
  Buffer out;
  REQUIRE(login.start(out) == Step::more);
  out.clear();
  REQUIRE(login.on_message(first_response(client), out) == Step::more);
  const auto challenge = heard(out);
  REQUIRE(challenge);
  if (server_first) *server_first = challenge->data;
  const auto answer = client.answer(challenge->data);
  REQUIRE(answer);
  out.clear();
  const Step step = login.on_message(as_bytes(*answer), out);
  if (step == Step::proved) {
    check_welcome(client, out);
  } else {
    CHECK(out.empty());
  }
  return step;
}

inline ClientLogin::Step scram_login(ClientLogin& login, std::string_view password,
                                     std::string* server_first = nullptr) {
  ScramClient client(password, "client-nonce");
  return scram_login(login, client, server_first);
}

}  // namespace weir::protocol
