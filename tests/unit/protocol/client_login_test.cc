#include "protocol/client_login.h"

#include <doctest/doctest.h>

#include "protocol/decode.h"
#include "protocol/encode.h"
#include "protocol/framer.h"
#include "protocol/secret.h"
#include "tests/unit/protocol/login_talk.h"
#include "tests/vectors/vectors.h"

using namespace weir;
using namespace weir::protocol;
using Step = ClientLogin::Step;

namespace {
int pbkdf2_runs = 0;
int digest_runs = 0;
}  // namespace

// The linker puts these in front of OpenSSL's (--wrap).
extern "C" int __real_EVP_DigestFinal_ex(void*, unsigned char*, unsigned*);
extern "C" int __wrap_EVP_DigestFinal_ex(void* context, unsigned char* out, unsigned* out_bytes) {
  ++digest_runs;
  return __real_EVP_DigestFinal_ex(context, out, out_bytes);
}

extern "C" int __real_PKCS5_PBKDF2_HMAC(const char*, int, const unsigned char*, int, int,
                                        const void*, int, unsigned char*);
extern "C" int __wrap_PKCS5_PBKDF2_HMAC(const char* password, int password_bytes,
                                        const unsigned char* salt, int salt_bytes, int iterations,
                                        const void* digest, int out_bytes, unsigned char* out) {
  ++pbkdf2_runs;
  return __real_PKCS5_PBKDF2_HMAC(password, password_bytes, salt, salt_bytes, iterations, digest,
                                  out_bytes, out);
}

namespace {

std::vector<std::string> secret_named(std::string_view name) {
  if (name == "plain") return {"pencil"};
  if (name == "md5") return {*md5_secret("pencil", "alice")};
  if (name == "scram") return {scram_form("pencil")};
  if (name == "broken") return {"SCRAM-SHA-256$4096:AAAA"};
  if (name == "empty") return {""};
  return {};
}

AuthType type_named(std::string_view name) {
  if (name == "trust") return AuthType::trust;
  if (name == "plain") return AuthType::plain;
  return name == "md5" ? AuthType::md5 : AuthType::scram_sha_256;
}

// "R3" and so on for the messages in `out`, then a dot.
std::string sent(const Buffer& out) {
  std::string text;
  Framer framer(kPasswordBytesMax);
  Bytes rest{out};
  Piece piece;
  while (framer.next(rest, piece) == Framer::Cut::piece) {
    REQUIRE(piece.tag == 'R');
    const std::string method = std::to_string(load_u32(piece.body().data()));
    if (text.empty() || method != "0" || text != "R12") text = "R" + method;
  }
  return text + ".";
}

// What a conversation does: the client's stream in, a line of text out.
class Conversation {
 public:
  explicit Conversation(ClientLogin::Options options) : login_(std::move(options)) {
    Buffer out;
    note(login_.start(out), out);
  }

  void feed(Bytes part) {
    Piece piece;
    for (auto cut = framer_.next(part, piece); !over_; cut = framer_.next(part, piece)) {
      if (cut == Framer::Cut::need_more) return;
      if (cut == Framer::Cut::bad_length) return end("bad length");
      if (piece.begins) body_.clear();
      body_.insert(body_.end(), piece.body().begin(), piece.body().end());
      if (!piece.ends) continue;
      Buffer out;
      note(login_.on_message(body_, out), out);
    }
  }

  std::string text() const { return over_ || proved_ ? text_ : text_ + " more"; }

 private:
  void note(Step step, const Buffer& out) {
    if (!out.empty()) text_ += (text_.empty() ? "" : " ") + sent(out);
    if (step == Step::proved) {
      proved_ = true;
      text_ += " proved";
    }
    if (step != Step::failed) return;
    CHECK(out.empty());
    end("failed " + std::string{login_.fault().sqlstate} + " " + login_.fault().text);
  }
  void end(const std::string& how) {
    over_ = true;
    text_ += " " + how;
  }

  ClientLogin login_;
  Framer framer_{kPasswordBytesMax};
  Buffer body_;
  std::string text_;
  bool proved_ = false;
  bool over_ = false;
};

}  // namespace

TEST_CASE("client login vectors, cut in every way") {
  for (const auto& one : vectors::read_cases(WEIR_SOURCE_DIR "/tests/vectors/client_login.txt")) {
    CAPTURE(one.name);
    Buffer stream;
    for (const auto& bytes : one.all("bytes")) {
      const Buffer more = vectors::parse_bytes(bytes);
      stream.insert(stream.end(), more.begin(), more.end());
    }
    vectors::every_cut(stream, [&](const vectors::Parts& parts) {
      auto options =
          login_options(type_named(one.setting("type")), secret_named(one.setting("secret")));
      options.end_point.assign(one.setting("tls") == "yes" ? 32 : 0, 7);
      Conversation conversation(std::move(options));
      for (const Bytes part : parts) conversation.feed(part);
      REQUIRE(conversation.text() == one.setting("expect"));
    });
  }
}

TEST_CASE("SCRAM proves who knows the password, against each kind of secret") {
  for (const auto type : {AuthType::scram_sha_256, AuthType::md5}) {
    ClientLogin right(login_options(type, {scram_form("pencil")}));
    CHECK(scram_login(right, "pencil") == Step::proved);
    ClientLogin wrong(login_options(type, {scram_form("pencil")}));
    CHECK(scram_login(wrong, "pencils") == Step::failed);
  }
  ClientLogin plain(login_options(AuthType::scram_sha_256, {"pencil"}));
  CHECK(scram_login(plain, "pencil") == Step::proved);
  ClientLogin md5(login_options(AuthType::scram_sha_256, secret_named("md5")));
  CHECK(scram_login(md5, "pencil") == Step::failed);
  CHECK(md5.fault().text == "password authentication failed for user \"alice\"");
  ClientLogin empty(login_options(AuthType::scram_sha_256, {""}));
  CHECK(scram_login(empty, "") == Step::failed);
  ClientLogin broken(login_options(AuthType::scram_sha_256, {"SCRAM-SHA-256$x"}));
  CHECK(scram_login(broken, "SCRAM-SHA-256$x") == Step::failed);
}

TEST_CASE("an unknown user is asked as a known one is, with a salt that stays") {
  const auto first_of = [](std::vector<std::string> secrets, const std::string& user,
                           std::uint8_t nonce) {
    auto options = login_options(AuthType::scram_sha_256, std::move(secrets));
    options.user = user;
    options.entropy.nonce.fill(nonce);
    ClientLogin login(std::move(options));
    std::string server_first;
    const Step step = scram_login(login, "guess", &server_first);
    CHECK(step == Step::failed);
    CHECK(std::string_view{login.fault().sqlstate} == "28P01");
    CHECK(login.fault().text == "password authentication failed for user \"" + user + "\"");
    return server_first.substr(server_first.find(",s="));  // Salt and iterations.
  };
  CHECK(first_of({}, "nobody", 1) == first_of({}, "nobody", 2));
  CHECK(first_of({}, "nobody", 1) != first_of({}, "noone", 1));
  CHECK(first_of({}, "alice", 1) == first_of({"pencil"}, "alice", 2));
  CHECK(first_of({}, "alice", 1) == first_of({*md5_secret("x", "alice")}, "alice", 2));
}

TEST_CASE("under md5 the caller may have unknown users asked by SCRAM") {
  auto unknown = login_options(AuthType::md5);
  unknown.unknown_by_scram = true;
  ClientLogin login(std::move(unknown));
  CHECK(scram_login(login, "guess") == Step::failed);
  Buffer out;
  auto options = login_options(AuthType::md5, {"pencil"});
  options.unknown_by_scram = true;
  ClientLogin known(std::move(options));
  CHECK(known.start(out) == Step::more);
  CHECK(parse_authentication(Bytes{out}.subspan(kHeaderBytes))->kind == Authentication::Kind::md5);
}

TEST_CASE("a password proved in clear text can be used further, an unproved one cannot") {
  Buffer out;
  for (const char* kind : {"plain", "md5", "scram"}) {
    ClientLogin login(login_options(AuthType::plain, secret_named(kind)));
    login.start(out);
    CHECK(login.on_message(vectors::parse_bytes(R"("pencil\0")"), out) == Step::proved);
    CHECK(login.plain_password() == "pencil");
  }
  ClientLogin login(login_options(AuthType::plain, {"pencil"}));
  login.start(out);
  CHECK(login.on_message(vectors::parse_bytes(R"("other\0")"), out) == Step::failed);
  CHECK(login.plain_password().empty());
}

TEST_CASE("a body above the maximum is refused even if the caller did not") {
  Buffer out;
  ClientLogin login(login_options(AuthType::plain, {"pencil"}));
  login.start(out);
  CHECK(login.on_message(Buffer(kPasswordBytesMax + 1), out) == Step::failed);
  CHECK(std::string_view{login.fault().sqlstate} == "08P01");
}

TEST_CASE("a SCRAM message of a megabyte is refused wherever it comes") {
  const Buffer much(1'048'576, 'r');
  for (const bool after_first : {false, true}) {
    ClientLogin login(login_options(AuthType::scram_sha_256, {scram_form("pencil")}));
    Buffer out;
    login.start(out);
    if (after_first) {
      Buffer first;
      put_sasl_initial_response(first, kScramMechanism, "n,,n=,r=abc");
      REQUIRE(login.on_message(Bytes{first}.subspan(kHeaderBytes), out) == Step::more);
    }
    out.clear();
    CHECK(login.on_message(much, out) == Step::failed);
    CHECK(std::string_view{login.fault().sqlstate} == "08P01");
    CHECK(out.empty());
  }
}

TEST_CASE("names of any kind and length go through and come back in the error") {
  for (const std::string& user :
       {std::string(63, 'u'), std::string(64, 'u'), std::string(65'536, 'u'),
        std::string{"a\"b'%s\n"}, std::string{"\xff\xfe"}}) {
    auto options = login_options(AuthType::scram_sha_256);
    options.user = user;
    ClientLogin login(std::move(options));
    CHECK(scram_login(login, "x") == Step::failed);
    CHECK(login.fault().text == "password authentication failed for user \"" + user + "\"");
  }
}

TEST_CASE("under plain, an unknown user costs the work of a SCRAM secret when most have one") {
  const auto runs_for = [](std::vector<std::string> secrets, bool mostly_scram) {
    auto options = login_options(AuthType::plain, std::move(secrets));
    options.unknown_by_scram = mostly_scram;
    ClientLogin login(std::move(options));
    Buffer out;
    login.start(out);
    const std::string_view wrong{"wrong\0", 6};
    pbkdf2_runs = 0;
    CHECK(login.on_message(as_bytes(wrong), out) == Step::failed);
    return pbkdf2_runs;
  };
  CHECK(runs_for(secret_named("scram"), true) == 1);
  CHECK(runs_for({}, true) == 1);
  CHECK(runs_for(secret_named("broken"), true) == 1);
  CHECK(runs_for({}, false) == 0);
  // Two of one basis are hashed for at once.
  CHECK(runs_for({scram_form("new"), scram_form("old")}, true) == 1);
  CHECK(runs_for({"", "SCRAM-SHA-256$x"}, true) == 1);
}

TEST_CASE("by SCRAM, a wrong proof costs a user without secrets what it costs one with two") {
  const auto runs_for = [](std::vector<std::string> secrets) {
    ClientLogin login(login_options(AuthType::scram_sha_256, std::move(secrets)));
    ScramClient client("wrong", "nonce");
    Buffer out;
    login.start(out);
    out.clear();
    login.on_message(first_response(client), out);
    const auto answer = client.answer(heard(out)->data);
    REQUIRE(answer);
    digest_runs = 0;
    CHECK(login.on_message(as_bytes(*answer), out) == Step::failed);
    return digest_runs;
  };
  const int unknown = runs_for({});
  CHECK(unknown > 0);
  CHECK(runs_for({scram_form("pencil")}) == unknown);
  CHECK(runs_for({"pencil"}) == unknown);
  CHECK(runs_for({scram_form("new"), scram_form("old")}) == unknown);
}
