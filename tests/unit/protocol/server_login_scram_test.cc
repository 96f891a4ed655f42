// ServerLogin against a SCRAM server: with the password, with keys, bound to its connection or not.
#include <doctest/doctest.h>

#include <array>

#include "protocol/encode.h"
#include "protocol/framer.h"
#include "protocol/server_login.h"

using namespace weir;
using namespace weir::protocol;
using Step = ServerLogin::Step;
using Mechanisms = std::vector<std::string_view>;

namespace {

const Mechanisms kBoth{kScramPlusMechanism, kScramMechanism};
const Mechanisms kPlain{kScramMechanism};
const Mechanisms kPlus{kScramPlusMechanism};

Buffer end_point(std::uint8_t fill = 7) { return Buffer(32, fill); }

ServerLogin::Request request(ChannelBinding binding, Buffer digest) {
  return {.user = "alice",
          .database = "shop",
          .secret = "pencil",
          .end_point = std::move(digest),
          .channel_binding = binding};
}

struct Backend {
  std::vector<ScramSecret> secrets{ScramSecret::from_password("pencil", Buffer(17, 3), 2)};
  Mechanisms mechanisms = kBoth;
  Buffer digest = end_point();  // Of its own certificate.
};

// Conversation with a server that plays by the rules: what the login chose, and how it ended.
class Talk {
 public:
  Talk(ServerLogin::Request asked, Backend backend)
      : login_(std::move(asked), ScramNonce{}), backend_(std::move(backend)) {
    Buffer out;
    login_.start(out);
    run();
  }

  std::string text() const { return text_; }
  const Fault& fault() const { return login_.fault(); }

 private:
  void run() {
    Buffer message;
    put_authentication_sasl(message, backend_.mechanisms);
    if (!say(message)) return;
    const auto initial = parse_sasl_initial_response(answer_);
    REQUIRE(initial);
    REQUIRE(initial->data);
    const bool plus = initial->mechanism == kScramPlusMechanism;
    text_ = (plus ? "plus " : "scram ") + std::string{initial->data->substr(0, 1)} + " ";
    const bool offered = backend_.mechanisms != kPlain;
    ScramServer server(backend_.secrets, "server-nonce",
                       {offered ? backend_.digest : Buffer{}, plus});
    const auto challenge = server.first(*initial->data);
    if (!challenge) return end("refused " + challenge.error().text);
    message.clear();
    put_authentication_sasl_continue(message, *challenge);
    if (!say(message)) return;
    const auto signature = server.last(as_text(answer_));
    if (!signature) return end("refused " + signature.error().text);
    message.clear();
    put_authentication_sasl_final(message, *signature);
    if (!say(message)) return;
    message.clear();
    put_authentication_ok(message);
    if (!say(message)) return;
    message.clear();
    put_ready_for_query(message, 'I');
    if (say(message)) end("welcomed");
  }

  bool say(const Buffer& message) {
    Buffer out;
    const Step step =
        login_.on_message(static_cast<char>(message[0]), Bytes{message}.subspan(kHeaderBytes), out);
    answer_.assign(out.begin() + (out.empty() ? 0 : kHeaderBytes), out.end());
    if (step != Step::failed) return true;
    CHECK(out.empty());
    end("failed " + std::string{login_.fault().sqlstate} + " " + login_.fault().text);
    return false;
  }
  void end(const std::string& how) { text_ += how; }

  ServerLogin login_;
  Backend backend_;
  Buffer answer_;
  std::string text_;
};

std::string talk(ServerLogin::Request asked, Backend backend = {}) {
  return Talk(std::move(asked), std::move(backend)).text();
}

ServerLogin::Request with_keys(std::optional<std::string> secret, const ScramBasis& basis) {
  return {.user = "alice",
          .database = "shop",
          .secret = std::move(secret),
          .keys = ScramKeys::from_password("pencil", basis)};
}

}  // namespace

TEST_CASE("PLUS is chosen where it is offered and there is something to bind to") {
  using enum ChannelBinding;
  CHECK(talk(request(prefer, end_point())) == "plus p welcomed");
  CHECK(talk(request(require, end_point())) == "plus p welcomed");
  CHECK(talk(request(prefer, end_point()), {.mechanisms = kPlus}) == "plus p welcomed");
  CHECK(talk(request(prefer, end_point()),
             {.mechanisms = {kScramMechanism, "OTHER", kScramPlusMechanism}}) == "plus p welcomed");
  CHECK(talk(request(prefer, {})) == "scram n welcomed");
  CHECK(talk(request(disable, end_point())) == "scram n welcomed");
  CHECK(talk(request(prefer, end_point()), {.mechanisms = kPlain}) == "scram y welcomed");
}

TEST_CASE("a mechanism taken off the list on the way is noticed by the server") {
  // Between us and the server somebody has kept PLUS to himself: the server did offer it.
  ScramServer server({ScramSecret::from_password("pencil", Buffer(17, 3), 2)}, "server-nonce",
                     {end_point(), false});
  ServerLogin login(request(ChannelBinding::prefer, end_point()), ScramNonce{});
  Buffer out;
  login.start(out);
  out.clear();
  Buffer message;
  put_authentication_sasl(message, kPlain);
  REQUIRE(login.on_message('R', Bytes{message}.subspan(kHeaderBytes), out) == Step::more);
  const auto initial = parse_sasl_initial_response(Bytes{out}.subspan(kHeaderBytes));
  REQUIRE(initial);
  const auto refused = server.first(*initial->data);
  REQUIRE(!refused);
  CHECK(std::string_view{refused.error().sqlstate} == "28000");
}

TEST_CASE("a server with another certificate than the one we see is not logged in to") {
  CHECK(talk(request(ChannelBinding::prefer, end_point(8))) ==
        "plus p refused SCRAM channel binding check failed");
}

TEST_CASE("PLUS alone, and nothing to bind to") {
  const std::string none = "failed 0A000 server offers no SASL mechanism that is supported";
  CHECK(talk(request(ChannelBinding::prefer, {}), {.mechanisms = kPlus}) == none);
  CHECK(talk(request(ChannelBinding::disable, end_point()), {.mechanisms = kPlus}) == none);
}

TEST_CASE("required channel binding is not had without PLUS") {
  using enum ChannelBinding;
  CHECK(talk(request(require, end_point()), {.mechanisms = kPlain}) ==
        "failed 28000 channel binding is required, but the server does not offer "
        "SCRAM-SHA-256-PLUS");
  CHECK(talk(request(require, {})) ==
        "failed 28000 channel binding is required, but the connection to the server has nothing "
        "to bind to");
}

TEST_CASE("keys log in where the very secret is kept that the client proved") {
  const ScramBasis basis{Buffer(17, 3), 2};
  const auto stored = ScramSecret::from_password("pencil", basis.salt, basis.iterations).text();
  CHECK(talk(with_keys(stored, basis)) == "scram n welcomed");
  CHECK(talk(with_keys(std::nullopt, basis)) == "scram n welcomed");
  auto bound = with_keys(stored, basis);
  bound.end_point = end_point();
  bound.channel_binding = ChannelBinding::require;
  CHECK(talk(bound) == "plus p welcomed");
  const std::vector other{ScramSecret::from_password("other", basis.salt, basis.iterations)};
  CHECK(talk(with_keys(stored, basis), {.secrets = other}) ==
        "scram n refused SASL authentication failed");
}

TEST_CASE("a plain password goes before keys") {
  CHECK(talk(with_keys("pencil", {Buffer(5, 5), 5})) == "scram n welcomed");
}

TEST_CASE("keys of another secret are a fault that says so") {
  for (const ScramBasis& basis : {ScramBasis{Buffer(17, 4), 2}, ScramBasis{Buffer(17, 3), 4}}) {
    const Talk talked(with_keys(std::nullopt, basis), {});
    CHECK(talked.text() ==
          "scram n failed 28P01 the server's SCRAM secret differs from the one the client proved: "
          "it has another salt or number of iterations");
    CHECK(talked.fault().hint.find("pg_authid") != std::string::npos);
  }
}

TEST_CASE("a SCRAM secret without keys: a client has to log in first") {
  auto asked = request(ChannelBinding::prefer, {});
  asked.secret = ScramSecret::from_password("pencil", Buffer(17, 3), 2).text();
  const Talk talked(asked, {});
  CHECK(talked.text() ==
        "failed 28P01 server asks for SCRAM-SHA-256 authentication, but only a hash of the "
        "password is known for user \"alice\"");
  CHECK(talked.fault().hint.starts_with("A client of this user has to log in by SCRAM first"));
}
