// Property: no input proves a client that does not know the password; a login that failed stays
// failed and says why; the same input gives the same answers.
//
// The first byte chooses how the client is asked and what is stored; the rest is the client's
// stream of messages. The nonce is zeros, as the corpus has it; the password is not in the corpus.
#include <optional>
#include <string>

#include "protocol/client_login.h"
#include "protocol/framer.h"
#include "protocol/secret.h"
#include "tests/fuzz/fuzz.h"

using namespace weir;
using namespace weir::protocol;

namespace {

constexpr const char* kPassword = "6b1f9e0c-4d7a-4b1e-93a5-0c2d8e7f6a51";

std::optional<std::string> stored(std::uint8_t choice) {
  switch (choice % 4) {
    case 0:
      return ScramSecret::from_password(kPassword, Buffer(16, 1), 1).text();
    case 1:
      return md5_secret(kPassword, "alice");
    case 2:
      return kPassword;
    default:
      return std::nullopt;
  }
}

Buffer converse(AuthType type, const std::optional<std::string>& secret, Bytes stream) {
  Entropy entropy;
  entropy.mock_key.fill(2);
  ClientLogin login(type, "alice", secret, entropy);
  Buffer out;
  WEIR_CHECK(login.start(out) == ClientLogin::Step::more);
  Framer framer(kPasswordBytesMax);
  Piece piece;
  bool failed = false;
  while (framer.next(stream, piece) == Framer::Cut::piece && piece.ends) {
    const std::size_t before = out.size();
    const auto step = login.on_message(piece.body(), out);
    WEIR_CHECK(step != ClientLogin::Step::proved);
    WEIR_CHECK(!failed || step == ClientLogin::Step::failed);
    failed = step == ClientLogin::Step::failed;
    if (failed) {
      WEIR_CHECK(out.size() == before);
      const std::string_view code = login.fault().sqlstate;
      WEIR_CHECK(code == "28P01" || code == "08P01" || code == "0A000");
      WEIR_CHECK(login.fault().text.find(kPassword) == std::string::npos);
    }
  }
  WEIR_CHECK(login.plain_password().empty());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input{data, size};
  const std::uint8_t choice = fuzz::take_byte(input);
  constexpr AuthType kTypes[] = {AuthType::scram_sha_256, AuthType::md5, AuthType::plain};
  const AuthType type = kTypes[choice / 4 % 3];
  const auto secret = stored(choice);
  WEIR_CHECK(converse(type, secret, input) == converse(type, secret, input));
  return 0;
}
