// scram.h: SCRAM-SHA-256 and -PLUS (RFC 5802, RFC 7677), both sides, one object an exchange.
//
// PLUS ties an exchange to the TLS connection that carries it: whoever stands between with a
// certificate of his own is found out. Whatever the peer sends has a maximum.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/bytes.h"
#include "protocol/crypto.h"
#include "protocol/result.h"
#include "protocol/scram_secret.h"

namespace weir::protocol {

inline constexpr std::string_view kScramPlusMechanism = "SCRAM-SHA-256-PLUS";
inline constexpr std::size_t kScramNonceBytes = 18;  // Of ours, before base64: as PostgreSQL.
inline constexpr std::size_t kScramNonceTextBytesMax = 1'024;  // Of a peer's, as text.
inline constexpr std::size_t kScramMessageBytesMax = 8'192;
// A wrong proof is held against as many secrets at least, so that the time it takes does not tell
// a user who has two from one who has none.
inline constexpr std::size_t kSecretTriesMin = 2;

using ScramNonce = std::array<std::uint8_t, kScramNonceBytes>;

// Random bytes as the text that goes into a message.
std::string scram_nonce_text(const ScramNonce& nonce);

// What an exchange is bound to.
struct ScramBinding {
  // tls-server-end-point (RFC 5929): a digest of the server's certificate. Empty: none is to be
  // had or wanted, and PLUS is not offered.
  Buffer end_point = {};
  bool plus = false;  // The mechanism chosen is PLUS. REQUIRES: an end_point.
};

// The server's side: proves a client.
class ScramServer {
 public:
  // `secrets`: any of them proves the client. REQUIRES: one at least, all of one basis.
  // `nonce`: fresh, as RFC 5802 wants its text; see scram_nonce_text().
  ScramServer(std::vector<ScramSecret> secrets, std::string nonce, ScramBinding binding = {});
  ~ScramServer();
  ScramServer(const ScramServer&) = delete;
  ScramServer& operator=(const ScramServer&) = delete;

  // client-first-message in, server-first-message out. 08P01 when it is malformed, 28000 when the
  // client was made to believe that PLUS is not offered.
  Result<std::string> first(std::string_view client_first);
  // client-final-message in, server-final-message out. 28P01 when the proof is wrong, 28000 when it
  // was made for another connection, 08P01 when the message is malformed. REQUIRES: first()
  // succeeded.
  Result<std::string> last(std::string_view client_final);
  // The same proof against other secrets; one of another basis it cannot prove. REQUIRES: last()
  // failed with 28P01.
  Result<std::string> last_again(std::vector<ScramSecret> secrets);

  ScramBasis basis() const { return secrets_.front().basis(); }  // What first() names.
  // As the client proved them. REQUIRES: last() or last_again() succeeded.
  const ScramKeys& keys() const { return *keys_; }

 private:
  Result<std::string_view> take_gs2(std::string_view client_first) const;
  Result<void> check_binding(std::string_view text) const;
  Result<std::string> prove();
  bool proves(const ScramSecret& secret);

  std::vector<ScramSecret> secrets_;
  std::string nonce_;  // Ours alone, then the client's and ours.
  ScramBinding binding_;
  std::string gs2_;  // "n,,", "y,," or "p=tls-server-end-point,,": what c= must repeat.
  std::string client_first_bare_;
  std::string server_first_;
  std::string auth_;  // RFC 5802 section 3: AuthMessage.
  Digest proof_{};
  std::optional<ScramKeys> keys_;
};

// The client's side: logs in to a server.
class ScramClient {
 public:
  // `nonce`: as for ScramServer.
  ScramClient(std::string_view password, std::string nonce, ScramBinding binding = {});
  // Without the password, to a server that keeps the very secret that the keys belong to.
  ScramClient(const ScramKeys& keys, std::string nonce, ScramBinding binding = {});
  ~ScramClient();
  ScramClient(const ScramClient&) = delete;
  ScramClient& operator=(const ScramClient&) = delete;

  std::string_view mechanism() const;
  std::string first() const;
  // server-first-message in, client-final-message out. Runs pbkdf2, unless there are keys. 08P01
  // when malformed, 28P01 when the keys belong to another secret.
  Result<std::string> answer(std::string_view server_first);
  // server-final-message in. 28P01 for an `e=`, 08P01 when malformed or the server does not know
  // the password. REQUIRES: answer() succeeded.
  Result<void> verify(std::string_view server_final) const;

 private:
  std::string gs2() const;
  Result<void> find_keys(const ScramBasis& basis);

  std::string password_;
  std::optional<ScramKeys> keys_;
  std::string nonce_;
  ScramBinding binding_;
  Digest server_signature_{};
};

}  // namespace weir::protocol
