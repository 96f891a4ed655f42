// SCRAM-SHA-256-PLUS: what an exchange that is bound to its connection takes and refuses.
#include <doctest/doctest.h>

#include "protocol/scram.h"

using namespace weir;
using namespace weir::protocol;

namespace {

// The exchange of RFC 7677 bound to an end point of the bytes 0 to 31, made with Python's hashlib
// and hmac from RFC 5802's formulas.
constexpr const char* kClientNonce = "rOprNGfwEbeRWgbNEkqO";
constexpr const char* kServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr const char* kClientFirst = "p=tls-server-end-point,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr const char* kServerFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr const char* kClientFinal =
    "c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,"
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=nY1Wus9a+gM2DrbQ1msXFgyhW6KM5ktOxWiU+/P/EGY=";
constexpr const char* kServerFinal = "v=RwppMGddhz/J0lFYaRReBjXcQeNUFP5Qc76Lo5Exrig=";

Buffer end_point(std::size_t bytes = 32) {
  Buffer digest;
  for (std::size_t i = 0; i < bytes; ++i) digest.push_back(static_cast<std::uint8_t>(i));
  return digest;
}

ScramServer server(ScramBinding binding) {
  const Buffer salt = *base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==");
  return {{ScramSecret::from_password("pencil", salt)}, kServerNonce, std::move(binding)};
}

template <typename T>
std::string outcome(const Result<T>& result) {
  return result ? "ok" : std::string{result.error().sqlstate} + " " + result.error().text;
}

std::string first_outcome(std::string_view client_first, ScramBinding binding) {
  ScramServer one({ScramSecret{1, Buffer(16, 1), {}, {}}}, "server", std::move(binding));
  return outcome(one.first(client_first));
}

// An exchange by two who know the password, each with what it takes the connection to be.
std::string exchange(const ScramBinding& clients, const ScramBinding& servers) {
  ScramServer one({ScramSecret::from_password("pencil", Buffer(16, 1), 2)}, "server", servers);
  ScramClient client("pencil", kClientNonce, clients);
  const auto server_first = one.first(client.first());
  if (!server_first) return outcome(server_first);
  const auto client_final = client.answer(*server_first);
  REQUIRE(client_final);
  const auto server_final = one.last(*client_final);
  return server_final ? outcome(client.verify(*server_final)) : outcome(server_final);
}

}  // namespace

TEST_CASE("a worked exchange with PLUS, server's side") {
  ScramServer one = server({end_point(), true});
  CHECK(one.first(kClientFirst) == kServerFirst);
  CHECK(one.last(kClientFinal) == kServerFinal);
}

TEST_CASE("a worked exchange with PLUS, client's side") {
  ScramClient client("pencil", kClientNonce, {end_point(), true});
  CHECK(client.mechanism() == "SCRAM-SHA-256-PLUS");
  CHECK(client.first() == "p=tls-server-end-point,,n=,r=rOprNGfwEbeRWgbNEkqO");
  // Made in the same way for the empty name that we send.
  const std::string same{kClientFinal, std::string_view{kClientFinal}.find(",p=")};
  CHECK(client.answer(kServerFirst) == same + ",p=Q8h71kjaoMzNI7dPksDrhRE/5mTUObF0fUHVIgBOWQg=");
  CHECK(client.verify("v=ykwoqH8mLqO5AQCeuwwf6lsj9f8zyJZT/CcvAbN4Ssc="));
  CHECK(outcome(client.verify(kServerFinal)).starts_with("08P01"));
}

TEST_CASE("both sides agree with PLUS, whatever hash the certificate has") {
  for (const std::size_t bytes : {20u, 32u, 48u, 64u}) {
    CHECK(exchange({end_point(bytes), true}, {end_point(bytes), true}) == "ok");
  }
}

TEST_CASE("without PLUS a client says whether it could have bound") {
  CHECK(ScramClient("pencil", "abc").first() == "n,,n=,r=abc");
  CHECK(ScramClient("pencil", "abc", {end_point(), false}).first() == "y,,n=,r=abc");
  CHECK(ScramClient("pencil", "abc", {end_point(), false}).mechanism() == "SCRAM-SHA-256");
  CHECK(exchange({}, {}) == "ok");
  CHECK(exchange({}, {end_point(), false}) == "ok");  // It cannot, or must not, bind.
  CHECK(exchange({end_point(), false}, {}) == "ok");
}

TEST_CASE("a downgrade is refused: the client could bind, and so could we") {
  CHECK(exchange({end_point(), false}, {end_point(), false})
            .starts_with("28000 SCRAM channel binding negotiation error"));
}

TEST_CASE("an exchange over another certificate is refused, the right password or not") {
  Buffer other = end_point();
  other.back() ^= 1;
  const std::string refused = "28000 SCRAM channel binding check failed";
  CHECK(exchange({other, true}, {end_point(), true}) == refused);
  CHECK(exchange({end_point(31), true}, {end_point(), true}) == refused);
  CHECK(exchange({end_point(33), true}, {end_point(), true}) == refused);
  ScramServer one = server({other, true});
  REQUIRE(one.first(kClientFirst));
  CHECK(outcome(one.last(kClientFinal)) == refused);
}

TEST_CASE("c= of a bound exchange is the header and the digest, and nothing else") {
  const std::string good = kClientFinal;
  const std::string rest = good.substr(good.find(",r="));
  const auto with = [&](const std::string& binding) {
    ScramServer one = server({end_point(), true});
    REQUIRE(one.first(kClientFirst));
    return outcome(one.last(binding + rest));
  };
  CHECK(with(good.substr(0, good.find(",r="))) == "ok");
  const std::string check_failed = "28000 SCRAM channel binding check failed";
  const std::string header = "p=tls-server-end-point,,";
  CHECK(with("c=") == check_failed);
  CHECK(with("c=biws") == check_failed);
  CHECK(with("c=eSws") == check_failed);
  CHECK(with("c=" + base64_encode(as_bytes(header))) == check_failed);
  CHECK(with("c=" + base64_encode(end_point())) == check_failed);
  CHECK(with("c=" + std::string(4'000, 'A')) == check_failed);
  CHECK(with("x=biws").starts_with("08P01"));
}

TEST_CASE("the flag must be that of the mechanism") {
  const ScramBinding plus{end_point(), true};
  const ScramBinding offered{end_point(), false};
  CHECK(first_outcome("p=tls-server-end-point,,n=,r=abc", plus) == "ok");
  CHECK(first_outcome("n,,n=,r=abc", plus).starts_with("08P01 malformed SCRAM message"));
  CHECK(first_outcome("y,,n=,r=abc", plus).starts_with("08P01 malformed SCRAM message"));
  CHECK(first_outcome("n,,n=,r=abc", offered) == "ok");
  CHECK(first_outcome("y,,n=,r=abc", offered).starts_with("28000"));
  CHECK(first_outcome("y,,n=,r=abc", {}) == "ok");
  CHECK(first_outcome("p=tls-server-end-point,,n=,r=abc", offered).starts_with("08P01"));
  CHECK(first_outcome("p=tls-server-end-point,,n=,r=abc", {}).starts_with("08P01"));
}

TEST_CASE("other channel bindings are refused by name, what is no name is not repeated") {
  const ScramBinding plus{end_point(), true};
  for (const std::string name : {"tls-unique", "tls-exporter", "TLS-SERVER-END-POINT", "x"}) {
    CHECK(first_outcome("p=" + name + ",,n=,r=abc", plus) ==
          "08P01 unsupported SCRAM channel-binding type \"" + name + "\"");
  }
  const std::string no_name =
      "08P01 malformed SCRAM message: expected the name of a "
      "channel-binding type";
  for (const std::string& name : {std::string{}, std::string{"a\nb"}, std::string{"\xff"},
                                  std::string(65, 'a'), std::string{"tls unique"}}) {
    CHECK(first_outcome("p=" + name + ",,n=,r=abc", plus) == no_name);
  }
  CHECK(first_outcome("p=tls-server-end-point,a=other,n=,r=abc", plus).starts_with("0A000"));
  for (const std::string_view cut :
       {"p", "p=", "p=tls-server-end-point", "p=tls-server-end-point,",
        "p=tls-server-end-point,n=,r=abc", "p=tls-server-end-point,,"}) {
    CAPTURE(cut);
    CHECK(first_outcome(cut, plus).starts_with("08P01"));
  }
}

TEST_CASE("keys bind like the password") {
  const auto keys = ScramKeys::from_password("pencil", {Buffer(16, 1), 2});
  ScramServer one({ScramSecret::from_password("pencil", Buffer(16, 1), 2)}, "server",
                  {end_point(), true});
  ScramClient client(keys, "client", {end_point(), true});
  const auto client_final = client.answer(*one.first(client.first()));
  REQUIRE(client_final);
  const auto server_final = one.last(*client_final);
  REQUIRE(server_final);
  CHECK(client.verify(*server_final));
}
