// Property: however the server's stream is cut, the login answers and ends the same; the password
// leaves only for a server that asked for it in clear text, and never where channel binding is
// required; a server that was asked for SCRAM, or that must bind, never gets a welcome without its
// own proof; what the login keeps stays within its maxima.
#include <string>
#include <vector>

#include "protocol/framer.h"
#include "protocol/server_login.h"
#include "tests/fuzz/fuzz.h"

using namespace weir;
using namespace weir::protocol;

namespace {

constexpr const char* kPassword = "6b1f9e0c-4d7a-4b1e-93a5-0c2d8e7f6a51";
using Step = ServerLogin::Step;

bool asks_clear_text(char tag, Bytes body) {
  return tag == 'R' && body.size() == 4 && load_u32(body.data()) == 3;
}
bool asks_scram(char tag, Bytes body) {
  return tag == 'R' && body.size() >= 4 && load_u32(body.data()) == 10;
}

// Each kind of login that a server may meet: a plain password with and without an end point, and
// the keys of a client instead.
std::vector<ServerLogin::Request> requests() {
  ServerLogin::Request plain{.user = "alice", .database = "shop", .secret = kPassword};
  auto bound = plain;
  bound.end_point.assign(32, 7);
  auto required = bound;
  required.channel_binding = ChannelBinding::require;
  auto keys = bound;
  keys.secret.reset();
  keys.keys = ScramKeys::from_password(kPassword, {Buffer{0}, 1});
  return {plain, bound, required, keys};
}

void check_end(const ServerLogin& login, Step step, bool scram) {
  if (step == Step::failed) WEIR_CHECK(!login.fault().text.empty());
  // To know the password it would have to find it: the fuzzer cannot prove itself.
  WEIR_CHECK(!scram || step != Step::welcomed);
  std::size_t bytes = 0;
  for (const auto& [name, value] : login.parameters()) bytes += name.size() + value.size();
  WEIR_CHECK(login.parameters().size() <= kLoginParametersMax && bytes <= kLoginParameterBytesMax);
  WEIR_CHECK(login.cancel_key().size() <= 256);
}

std::string converse(const ServerLogin::Request& request, Bytes stream, std::size_t part_bytes) {
  const bool required = request.channel_binding == ChannelBinding::require;
  ServerLogin login(request, ScramNonce{});
  Buffer out;
  login.start(out);
  out.clear();
  Framer framer(kLoginMessageBytesMax);
  Buffer body;
  Step step = Step::more;
  bool over = false;
  bool clear_text = false;
  bool scram = required;
  fuzz::in_parts(stream, part_bytes, [&](Bytes part) {
    Piece piece;
    while (!over && framer.next(part, piece) == Framer::Cut::piece) {
      if (piece.begins) body.clear();
      body.insert(body.end(), piece.body().begin(), piece.body().end());
      if (!piece.ends) continue;
      clear_text = clear_text || asks_clear_text(piece.tag, body);
      scram = scram || asks_scram(piece.tag, body);
      step = login.on_message(piece.tag, body, out);
      check_end(login, step, scram);
      over = step != Step::more;
    }
  });
  const std::string answers{as_text(out)};
  WEIR_CHECK((clear_text && !required) || answers.find(kPassword) == answers.npos);
  return answers + std::to_string(static_cast<int>(step)) + login.fault().text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes stream{data, size};
  for (const auto& request : requests()) {
    const std::string whole = converse(request, stream, size + 1);
    WEIR_CHECK(converse(request, stream, 1) == whole);
  }
  return 0;
}
