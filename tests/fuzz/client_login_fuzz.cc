// Property: no input proves a client that does not know the password, nor one that knows it and is
// bound to another end point; a failed login stays failed, says why, and is not proved by the same
// secret looked up again; the same input gives the same answers. The first byte chooses the
// options; the rest is the client's stream. The nonce is zeros, as the corpus has it; the end point
// and one of the two passwords are not in the corpus.
#include <string>
#include <utility>
#include <vector>

#include "protocol/client_login.h"
#include "protocol/crypto.h"
#include "protocol/decode.h"
#include "protocol/framer.h"
#include "protocol/secret.h"
#include "tests/fuzz/fuzz.h"

using namespace weir;
using namespace weir::protocol;

namespace {

constexpr const char* kPassword = "6b1f9e0c-4d7a-4b1e-93a5-0c2d8e7f6a51";

// As tests/vectors/client_login.txt has it: the corpus holds whole exchanges by it.
std::string known_secret() { return ScramSecret::from_password("pencil", Buffer(16, 5), 2).text(); }

std::vector<std::string> stored(std::uint8_t choice) {
  switch (choice % 4) {
    case 0:
      return {ScramSecret::from_password(kPassword, Buffer(16, 1), 1).text(),
              ScramSecret::from_password(kPassword, Buffer(16, 2), 1).text()};
    case 1:
      return {*md5_secret(kPassword, "alice")};
    case 2:
      return {kPassword, *md5_secret(kPassword, "alice")};
    default:
      return {};
  }
}

ClientLogin::Options options_of(std::uint8_t choice) {
  constexpr AuthType kTypes[] = {AuthType::scram_sha_256, AuthType::md5, AuthType::plain};
  ClientLogin::Options options{.type = kTypes[choice / 4 % 3], .user = "alice"};
  options.secrets = stored(choice);
  options.entropy.mock_key.fill(2);
  options.scram_iterations = 1;
  const Digest end_point = sha256(as_bytes(kPassword));
  if (choice / 12 % 2 == 1) options.end_point.assign(end_point.begin(), end_point.end());
  if (choice / 24 % 2 == 1) {
    options.type = AuthType::scram_sha_256;
    options.secrets = {known_secret()};
  }
  return options;
}

// Whoever is proved knew the password, and said that he cannot bind: "biws" is base64 of "n,,".
// "eSws", of "y,,", is as good where nothing was offered.
void check_proved(const ClientLogin::Options& options, Bytes first, Bytes last) {
  WEIR_CHECK(options.secrets == std::vector{known_secret()});
  const auto response = parse_sasl_initial_response(first);
  WEIR_CHECK(response && response->mechanism == kScramMechanism);
  const std::string_view text = as_text(last);
  WEIR_CHECK(text.starts_with("c=biws,") ||
             (options.end_point.empty() && text.starts_with("c=eSws,")));
}

void check_failed(ClientLogin& login, const ClientLogin::Options& options) {
  const std::string_view code = login.fault().sqlstate;
  WEIR_CHECK(code == "28P01" || code == "28000" || code == "08P01" || code == "0A000");
  WEIR_CHECK(login.fault().text.find(kPassword) == std::string::npos);
  Buffer out;
  WEIR_CHECK(login.retry_with(options.secrets, out) == ClientLogin::Step::failed);
  WEIR_CHECK(out.empty() && !login.scram_keys() && login.plain_password().empty());
}

Buffer converse(const ClientLogin::Options& options, Bytes stream) {
  ClientLogin login(options);
  Buffer out;
  WEIR_CHECK(login.start(out) == ClientLogin::Step::more);
  Framer framer(kPasswordBytesMax);
  Piece piece;
  Buffer first;
  bool failed = false;
  while (framer.next(stream, piece) == Framer::Cut::piece && piece.ends) {
    if (first.empty()) first.assign(piece.body().begin(), piece.body().end());
    const std::size_t before = out.size();
    const auto step = login.on_message(piece.body(), out);
    if (step == ClientLogin::Step::proved) check_proved(options, first, piece.body());
    WEIR_CHECK(!failed || step == ClientLogin::Step::failed);
    failed = step == ClientLogin::Step::failed;
    if (!failed) continue;
    WEIR_CHECK(out.size() == before);
    check_failed(login, options);
  }
  WEIR_CHECK(login.plain_password().empty());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input{data, size};
  const std::uint8_t choice = fuzz::take_byte(input);
  const auto options = options_of(choice);
  WEIR_CHECK(converse(options, input) == converse(options, input));
  return 0;
}
