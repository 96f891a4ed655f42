#include "protocol/scram.h"

#include <doctest/doctest.h>

using namespace weir;
using namespace weir::protocol;
using namespace std::string_literals;

namespace {

// RFC 7677 section 3.
constexpr const char* kClientNonce = "rOprNGfwEbeRWgbNEkqO";
constexpr const char* kServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr const char* kClientFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr const char* kServerFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr const char* kClientFinal =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
constexpr const char* kServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

const Buffer& rfc_salt() {
  static const Buffer salt = *base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==");
  return salt;
}

ScramServer rfc_server() {
  return {{ScramSecret::from_password("pencil", rfc_salt())}, kServerNonce};
}

template <typename T>
std::string outcome(const Result<T>& result) {
  return result ? "ok" : std::string{result.error().sqlstate};
}

std::string first_outcome(std::string_view client_first) {
  ScramServer server({ScramSecret{1, Buffer(16, 1), {}, {}}}, "server");
  return outcome(server.first(client_first));
}

// What a client makes of this server-first-message.
std::string answer_outcome(const std::string& server_first) {
  ScramClient client("pencil", "abc");
  return outcome(client.answer(server_first));
}

}  // namespace

TEST_CASE("the example of RFC 7677, server's side") {
  ScramServer server = rfc_server();
  CHECK(server.first(kClientFirst) == kServerFirst);
  CHECK(server.last(kClientFinal) == kServerFinal);
}

TEST_CASE("a client and a server that know the same password believe each other") {
  for (const auto& [password, salt_bytes, iterations] : {std::tuple{"pencil"s, 16u, 4096u},
                                                         {"a"s, 1u, 1u},
                                                         {"\xc3\xa9\xe2\x80\x8b"s, 17u, 2u},
                                                         {std::string(65'535, 'x'), 1024u, 1u},
                                                         {"\xff\xfe"s, 16u, 3u}}) {
    ScramServer server({ScramSecret::from_password(password, Buffer(salt_bytes, 9), iterations)},
                       "server");
    ScramClient client(password, kClientNonce);
    const auto server_first = server.first(client.first());
    REQUIRE(server_first);
    const auto client_final = client.answer(*server_first);
    REQUIRE(client_final);
    const auto server_final = server.last(*client_final);
    REQUIRE(server_final);
    CHECK(client.verify(*server_final));
  }
}

TEST_CASE("a wrong password is 28P01 on one side, and a wrong signature 08P01 on the other") {
  ScramServer server({ScramSecret::from_password("pencil", rfc_salt(), 2)}, "server");
  ScramClient client("Pencil", "client");
  const auto client_final = client.answer(*server.first(client.first()));
  REQUIRE(client_final);
  CHECK(outcome(server.last(*client_final)) == "28P01");
  CHECK(outcome(client.verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")) == "08P01");
  CHECK(outcome(client.verify("e=invalid-proof")) == "28P01");
  for (const char* bad :
       {"", "v", "v=", "v=AAAA", "x=y", "V=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4", "v=,v="}) {
    CAPTURE(bad);
    CHECK(outcome(client.verify(bad)) == "08P01");
  }
  CHECK(outcome(client.verify("v=" + std::string(1'000'000, 'A'))) == "08P01");
}

TEST_CASE("a client that never saw server-first is not satisfied by a signature of zeros") {
  ScramServer server({ScramSecret::from_password("pencil", rfc_salt(), 2)}, "server");
  ScramClient client("pencil", "client");
  REQUIRE(client.answer(*server.first(client.first())));
  CHECK(outcome(client.verify("v=" + base64_encode(Digest{}))) == "08P01");
}

TEST_CASE("client-first-message: what is taken and what is refused") {
  CHECK(first_outcome("n,,n=,r=abc") == "ok");
  CHECK(first_outcome("y,,n=,r=abc") == "ok");
  CHECK(first_outcome("n,,n=who,r=abc,x=ignored") == "ok");
  CHECK(first_outcome("n,,n=,r=" + std::string(1'024, 'a')) == "ok");
  CHECK(first_outcome("n,a=other,n=,r=abc") == "0A000");
  for (const auto& bad : {""s,
                          "n"s,
                          "n,"s,
                          "n,,"s,
                          "n,,n="s,
                          "n,,n=,"s,
                          "n,,n=,r="s,
                          "n,,r=abc"s,
                          "x,,n=,r=abc"s,
                          "p=tls-server-end-point,,n=,r=abc"s,
                          "p=,,n=,r=abc"s,
                          "n,,m=x,n=,r=abc"s,
                          "n,,n=,r=abc,m=x"s,
                          "n,,n=,r=abc,1=x"s,
                          "n,,n=,r=abc,x"s,
                          "n,,n=,r=a c"s,
                          "n,,n=,r=a\0c"s,
                          "n,,n=,r=a\x7f"s,
                          "n,,n=,r=\xc3\xa9"s,
                          "N,,n=,r=abc"s,
                          "n,,n=,r=" + std::string(1'025, 'a'),
                          "n,,n=,r=" + std::string(1'000'000, 'a')}) {
    CAPTURE(bad.substr(0, 100));
    CHECK(first_outcome(bad) == "08P01");
  }
}

TEST_CASE("client-final-message: every part must repeat what was agreed") {
  const std::string good = kClientFinal;
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const auto& bad :
       {""s, "c=biws"s, good.substr(0, good.size() - 1), good + ",x=y", with("c=biws", "c=eSws"),
        with("c=biws", "c=cCw="), with("c=biws,", ""), with("r=rOpr", "r=rOpR"),
        with("hNlF$k0", "hNlF$k"), with("hNlF$k0", "hNlF$k0x"), with("k0,p=", "k0,m=x,p="),
        with("dHzbZ", "dHzb"), with(",p=", ",q="),
        "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="s, good + std::string(1'000'000, 'A'),
        "\0"s + good}) {
    CAPTURE(bad.substr(0, 200));
    ScramServer server = rfc_server();
    REQUIRE(server.first(kClientFirst));
    CHECK(outcome(server.last(bad)) == "08P01");
  }
  for (const auto& wrong : {with("dHzb", "dHzc"), with("k0,p=", "k0,x=y,p=")}) {
    ScramServer server = rfc_server();
    REQUIRE(server.first(kClientFirst));
    CHECK(outcome(server.last(wrong)) == "28P01");
  }
}

TEST_CASE("the flag of client-first must come back in client-final") {
  ScramServer server = rfc_server();
  REQUIRE(server.first("y,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
  CHECK(outcome(server.last(kClientFinal)) == "08P01");
}

TEST_CASE("server-first-message from a hostile server") {
  CHECK(answer_outcome("r=abcdef,s=AA==,i=1") == "ok");
  CHECK(answer_outcome("r=abcdef,s=AA==,i=1,x=ignored") == "ok");
  CHECK(answer_outcome("r=abc" + std::string(1'021, 'a') + ",s=AA==,i=1") == "ok");
  CHECK(answer_outcome("r=abcd,s=" + base64_encode(Buffer(1'024)) + ",i=1") == "ok");
  CHECK(answer_outcome("r=abcd,s=" + base64_encode(Buffer(17)) + ",i=1") == "ok");
  for (const auto& bad : {""s,
                          "r="s,
                          "r=abcd"s,
                          "r=abcd,s=AA=="s,
                          "r=abc,s=AA==,i=1"s,
                          "r=abd,s=AA==,i=1"s,
                          "r=,s=AA==,i=1"s,
                          "r=ab,s=AA==,i=1"s,
                          "r=abcd,s=,i=1"s,
                          "r=abcd,s=AA,i=1"s,
                          "r=abcd,s=AA==,i="s,
                          "r=abcd,s=AA==,i=0"s,
                          "r=abcd,s=AA==,i=-1"s,
                          "r=abcd,s=AA==,i=+1"s,
                          "r=abcd,s=AA==,i= 1"s,
                          "r=abcd,s=AA==,i=1 "s,
                          "r=abcd,s=AA==,i=1x"s,
                          "r=abcd,s=AA==,i=1000001"s,
                          "r=abcd,s=AA==,i=2147483648"s,
                          "r=abcd,s=AA==,i=4294967297"s,
                          "r=abcd,s=AA==,i=18446744073709551617"s,
                          "r=abcd,i=1,s=AA=="s,
                          "m=x,r=abcd,s=AA==,i=1"s,
                          "r=abcd,s=AA==,i=1,m=x"s,
                          "r=abcd,s=AA==,i=1,junk"s,
                          "r=abc\nd,s=AA==,i=1"s,
                          "r=abcd,s=" + base64_encode(Buffer(1'025)) + ",i=1",
                          "r=abcd,s=" + base64_encode(Buffer(10'000)) + ",i=1",
                          "r=abc" + std::string(1'022, 'a') + ",s=AA==,i=1",
                          "r=abc" + std::string(60'000, 'a') + ",s=AA==,i=1",
                          "r=abc" + std::string(1'000'000, 'a') + ",s=AA==,i=1"}) {
    CAPTURE(bad.substr(0, 100));
    CHECK(answer_outcome(bad) == "08P01");
  }
}

TEST_CASE("one proof is held against every secret of its basis") {
  const auto outcome_of = [](std::string_view password) {
    ScramServer server({ScramSecret::from_password("new", rfc_salt(), 2),
                        ScramSecret::from_password("old", rfc_salt(), 2),
                        ScramSecret::from_password("older", rfc_salt(), 2)},
                       "server");
    ScramClient client(password, "client");
    const auto client_final = client.answer(*server.first(client.first()));
    REQUIRE(client_final);
    const auto server_final = server.last(*client_final);
    if (server_final) {
      CHECK(client.verify(*server_final));
      CHECK(server.keys().secret == ScramSecret::from_password(password, rfc_salt(), 2).text());
    }
    return outcome(server_final);
  };
  CHECK(outcome_of("new") == "ok");
  CHECK(outcome_of("old") == "ok");
  CHECK(outcome_of("older") == "ok");
  CHECK(outcome_of("oldest") == "28P01");
}

TEST_CASE("a refused proof may be held against other secrets, if they are of its basis") {
  const auto again_with = [](std::vector<ScramSecret> secrets) {
    ScramServer server({ScramSecret::from_password("old", rfc_salt(), 2)}, "server");
    ScramClient client("new", "client");
    const auto client_final = client.answer(*server.first(client.first()));
    REQUIRE(client_final);
    REQUIRE(outcome(server.last(*client_final)) == "28P01");
    const auto server_final = server.last_again(std::move(secrets));
    if (server_final) CHECK(client.verify(*server_final));
    return outcome(server_final);
  };
  const auto fitting = ScramSecret::from_password("new", rfc_salt(), 2);
  CHECK(again_with({fitting}) == "ok");
  CHECK(again_with({ScramSecret::from_password("new", Buffer(16, 1), 2), fitting}) == "ok");
  CHECK(again_with({ScramSecret::from_password("new", Buffer(16, 1), 2)}) == "28P01");
  CHECK(again_with({ScramSecret::from_password("new", rfc_salt(), 3)}) == "28P01");
  CHECK(again_with({ScramSecret::from_password("newer", rfc_salt(), 2)}) == "28P01");
  CHECK(again_with({}) == "28P01");
}

TEST_CASE("a refused proof may be held against other secrets more than once") {
  ScramServer server({ScramSecret::from_password("old", rfc_salt(), 2)}, "server");
  ScramClient client("new", "client");
  REQUIRE(outcome(server.last(*client.answer(*server.first(client.first())))) == "28P01");
  CHECK(outcome(server.last_again({ScramSecret::from_password("new", Buffer(16, 1), 2)})) ==
        "28P01");
  CHECK(server.basis() == ScramBasis{rfc_salt(), 2});
  CHECK(outcome(server.last_again({ScramSecret::from_password("new", rfc_salt(), 2)})) == "ok");
}

TEST_CASE("the keys that a client proved log in where its secret is kept") {
  ScramServer server({ScramSecret::from_password("pencil", rfc_salt(), 2)}, "server");
  ScramClient client("pencil", "client");
  REQUIRE(server.last(*client.answer(*server.first(client.first()))));
  const ScramKeys keys = server.keys();

  ScramServer behind({ScramSecret::from_password("pencil", rfc_salt(), 2)}, "behind");
  ScramClient through(keys, "through");
  const auto proof = through.answer(*behind.first(through.first()));
  REQUIRE(proof);
  const auto signature = behind.last(*proof);
  REQUIRE(signature);
  CHECK(through.verify(*signature));
  CHECK(outcome(through.verify("v=" + base64_encode(Digest{}))) == "08P01");
}

TEST_CASE("keys answer for no other secret than theirs") {
  const auto outcome_for = [](const std::string& server_first) {
    ScramClient client(ScramKeys::from_password("pencil", {Buffer(1, 0), 2}), "abc");
    return outcome(client.answer(server_first));
  };
  CHECK(outcome_for("r=abcd,s=AA==,i=2") == "ok");
  CHECK(outcome_for("r=abcd,s=AA==,i=3") == "28P01");
  CHECK(outcome_for("r=abcd,s=AAA=,i=2") == "28P01");
  CHECK(outcome_for("r=abcd,s=AQ==,i=2") == "28P01");
  ScramClient broken(ScramKeys{}, "abc");
  CHECK(outcome(broken.answer("r=abcd,s=AA==,i=2")) == "28P01");
}
