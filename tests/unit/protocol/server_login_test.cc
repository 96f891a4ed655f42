#include "protocol/server_login.h"

#include <doctest/doctest.h>

#include "protocol/encode.h"
#include "protocol/framer.h"
#include "protocol/secret.h"
#include "protocol/startup.h"
#include "tests/vectors/vectors.h"

using namespace weir;
using namespace weir::protocol;
using Step = ServerLogin::Step;

namespace {

ServerLogin::Request request(std::optional<std::string> secret) {
  return {.user = "alice",
          .database = "shop",
          .parameters = {{"application_name", "pgweir"}},
          .secret = std::move(secret)};
}

std::optional<std::string> secret_named(std::string_view name) {
  if (name == "none") return std::nullopt;
  if (name == "md5") return md5_secret("pencil", "alice");
  if (name == "scram") return ScramSecret::from_password("pencil", Buffer(16, 5), 2).text();
  return "pencil";
}

ServerLogin::Request request_of(const vectors::Case& one) {
  auto made = request(secret_named(one.setting("secret", "plain")));
  if (one.setting("keys") == "yes") made.keys = ScramKeys::from_password("pencil", {Buffer{0}, 1});
  if (one.setting("tls") == "yes") made.end_point.assign(32, 7);
  if (one.setting("binding") == "require") made.channel_binding = ChannelBinding::require;
  if (one.setting("binding") == "disable") made.channel_binding = ChannelBinding::disable;
  return made;
}

// What a login does: the server's stream in, a line of text out.
class Conversation {
 public:
  explicit Conversation(ServerLogin::Request asked) : login_(std::move(asked), ScramNonce{}) {
    login_.start(out_);
    out_.clear();
  }

  void feed(Bytes part) {
    Piece piece;
    while (!over_) {
      const auto cut = framer_.next(part, piece);
      if (cut == Framer::Cut::need_more) return;
      if (cut == Framer::Cut::bad_length) return end("bad length");
      if (piece.begins) body_.clear();
      body_.insert(body_.end(), piece.body().begin(), piece.body().end());
      if (piece.ends) note(login_.on_message(piece.tag, body_, out_));
    }
  }

  std::string text() const { return over_ || welcomed_ ? text_ : joined("more"); }

 private:
  void note(Step step) {
    if (!out_.empty()) text_ = joined(std::string{static_cast<char>(out_[0])});
    out_.clear();
    if (step == Step::welcomed) {
      welcomed_ = true;
      text_ = joined("welcomed");
      for (const auto& [name, value] : login_.parameters()) text_ += " " + name + "=" + value;
      text_ += " pid=" + std::to_string(login_.pid());
      text_ += " key=" + std::to_string(login_.cancel_key().size());
    }
    if (step == Step::failed) {
      end("failed " + std::string{login_.fault().sqlstate} + " " + login_.fault().text +
          (login_.certain() ? " certain" : ""));
    }
  }
  std::string joined(const std::string& word) const {
    return text_.empty() ? word : text_ + " " + word;
  }
  void end(const std::string& how) {
    over_ = true;
    text_ = joined(how);
  }

  ServerLogin login_;
  Framer framer_{kLoginMessageBytesMax};
  Buffer body_;
  Buffer out_;
  std::string text_;
  bool welcomed_ = false;
  bool over_ = false;
};

Buffer stream_of(const vectors::Case& one) {
  Buffer stream;
  std::size_t times = 1;
  for (const auto& [word, rest] : one.lines) {
    if (word == "times") times = std::stoul(rest);
    if (word != "bytes") continue;
    const Buffer more = vectors::parse_bytes(rest);
    for (; times > 0; --times) stream.insert(stream.end(), more.begin(), more.end());
    times = 1;
  }
  return stream;
}

// One message to the login, header cut off; its answer without the header.
Step say(ServerLogin& login, const Buffer& message, Buffer* answer = nullptr) {
  Buffer out;
  const Step step =
      login.on_message(static_cast<char>(message[0]), Bytes{message}.subspan(kHeaderBytes), out);
  if (answer) answer->assign(out.begin() + (out.empty() ? 0 : kHeaderBytes), out.end());
  return step;
}

template <typename Put, typename... Arguments>
Buffer made(Put put, const Arguments&... arguments) {
  Buffer out;
  put(out, arguments...);
  return out;
}

}  // namespace

TEST_CASE("server login vectors, cut in every way") {
  for (const auto& one : vectors::read_cases(WEIR_SOURCE_DIR "/tests/vectors/server_login.txt")) {
    CAPTURE(one.name);
    vectors::every_cut(stream_of(one), [&](const vectors::Parts& parts) {
      Conversation conversation(request_of(one));
      for (const Bytes part : parts) conversation.feed(part);
      REQUIRE(conversation.text() == one.setting("expect"));
    });
  }
}

TEST_CASE("the StartupMessage asks for protocol 3.0, the user, the database and what was added") {
  Buffer out;
  ServerLogin login(request("pencil"), ScramNonce{});
  login.start(out);
  StartupReader reader;
  Bytes rest{out};
  const auto startup = reader.next(rest);
  REQUIRE(startup);
  REQUIRE(*startup);
  CHECK((*startup)->major == 3);
  CHECK((*startup)->minor == 0);
  CHECK((*startup)->parameters == std::vector<Setting>{{"user", "alice"},
                                                       {"database", "shop"},
                                                       {"application_name", "pgweir"}});
  CHECK(rest.empty());
}

TEST_CASE("a SCRAM login: both sides prove themselves") {
  for (const char* real : {"pencil", "other"}) {
    CAPTURE(real);
    ServerLogin login(request("pencil"), ScramNonce{});
    Buffer out;
    login.start(out);
    ScramServer server({ScramSecret::from_password(real, Buffer(17, 3), 2)}, "server-nonce");
    const std::string_view offered[] = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"};
    Buffer answer;
    REQUIRE(say(login, made(put_authentication_sasl, std::span<const std::string_view>{offered}),
                &answer) == Step::more);
    const auto initial = parse_sasl_initial_response(answer);
    REQUIRE(initial);
    CHECK(initial->mechanism == "SCRAM-SHA-256");
    REQUIRE(initial->data);
    const auto challenge = server.first(*initial->data);
    REQUIRE(challenge);
    REQUIRE(say(login, made(put_authentication_sasl_continue, *challenge), &answer) == Step::more);
    const auto last = server.last(as_text(answer));
    CHECK(last.has_value() == (real == std::string_view{"pencil"}));
    if (!last) continue;
    CHECK(say(login, made(put_authentication_sasl_final, *last)) == Step::more);
    CHECK(say(login, made(put_authentication_ok)) == Step::more);
    CHECK(say(login, made(put_ready_for_query, 'I')) == Step::welcomed);
  }
}

TEST_CASE("md5 and clear text answers") {
  Buffer out;
  Buffer answer;
  for (const auto& secret : {secret_named("plain"), secret_named("md5")}) {
    ServerLogin login(request(secret), ScramNonce{});
    login.start(out);
    const std::array<std::uint8_t, 4> salt{1, 2, 3, 4};
    CHECK(say(login, made(put_authentication_md5, salt), &answer) == Step::more);
    CHECK(parse_password(answer) == *md5_answer(*secret_named("md5"), salt));
  }
  ServerLogin login(request("pencil"), ScramNonce{});
  login.start(out);
  CHECK(say(login, made(put_authentication_cleartext), &answer) == Step::more);
  CHECK(parse_password(answer) == "pencil");
}

TEST_CASE("a login that is over stays over") {
  Buffer out;
  ServerLogin login(request("pencil"), ScramNonce{});
  login.start(out);
  CHECK(say(login, made(put_ready_for_query, 'I')) == Step::failed);
  const std::string text = login.fault().text;
  CHECK(say(login, made(put_authentication_ok)) == Step::failed);
  CHECK(login.fault().text == text);
}

TEST_CASE("more than the parameters allowed by count") {
  Buffer out;
  ServerLogin login(request("pencil"), ScramNonce{});
  login.start(out);
  REQUIRE(say(login, made(put_authentication_ok)) == Step::more);
  for (std::size_t i = 0; i < kLoginParametersMax; ++i) {
    REQUIRE(say(login, made(put_parameter_status, "p" + std::to_string(i), "v")) == Step::more);
  }
  CHECK(say(login, made(put_parameter_status, "p0", "again")) == Step::more);
  CHECK(say(login, made(put_parameter_status, "one", "more")) == Step::failed);
}

TEST_CASE("a body above the maximum is refused even if the caller did not") {
  Buffer out;
  ServerLogin login(request("pencil"), ScramNonce{});
  login.start(out);
  CHECK(login.on_message('N', Buffer(kLoginMessageBytesMax + 1), out) == Step::failed);
}

TEST_CASE("what the server said whole is kept beside the fault") {
  Buffer out;
  ServerLogin login(request("pencil"), ScramNonce{});
  login.start(out);
  Buffer message;
  put_server_error(message, Severity::fatal, {"", "ZZ123", "no", "because", "ask"});
  CHECK(say(login, message) == Step::failed);
  REQUIRE(login.server_error());
  CHECK(login.server_error()->sqlstate == "ZZ123");
  CHECK(login.server_error()->detail == "because");
  CHECK(login.fault().hint == "ask");
}
