// seal.h: TLS by OpenSSL for a Wire, as either side and as odd as a test wants it. No I/O here:
// records in, records out.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/certs/certs.h"

namespace weir::e2e {

struct SealTerms {
  enum class Side { client, server } side = Side::client;
  int version_min = 0;           // TLS1_2_VERSION; 0: any, also what is long out of use.
  int version_max = 0;           // 0: the newest.
  std::string ciphers = {};      // Up to TLS 1.2; empty: OpenSSL's.
  std::string groups = {};       // Empty: OpenSSL's.
  std::string alpn = {};         // One protocol; empty: none.
  std::string authorities = {};  // PEM: a server demands a certificate of these.
  std::optional<certs::Certificate> own = {};
  std::string session = {};  // Of an earlier Seal's session(): to be resumed.
};

class Seal {
 public:
  explicit Seal(const SealTerms& terms);
  ~Seal();
  Seal(const Seal&) = delete;
  Seal& operator=(const Seal&) = delete;

  enum class Step { done, more, failed };
  Step shake();                     // The handshake, as far as it can go now.
  void take(std::string_view raw);  // Records that have come.
  std::string records();            // What has to be sent.
  Step read(char* to, std::size_t room, std::size_t& got);  // done with 0 bytes: the peer's end.
  bool write(std::string_view plain);
  void finish();            // close_notify.
  void ask_for_new_keys();  // TLS 1.3: a KeyUpdate that wants one in return.

  // After the handshake.
  std::string version() const;  // "TLSv1.3"
  std::string cipher() const;
  std::string group() const;       // "secp384r1"
  std::string alpn() const;        // Agreed on.
  std::string peer_name() const;   // Common name of the peer's certificate; empty: it showed none.
  std::string asked_name() const;  // SNI.
  bool resumed() const;
  std::string session() const;  // As it stands now; TLS 1.3 sends tickets after the handshake.
  const std::string& trouble() const { return trouble_; }  // OpenSSL's words on what has failed.

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
  std::string trouble_;

  Step after(int result);
};

}  // namespace weir::e2e
