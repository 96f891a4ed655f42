// material.h: certificates, keys and authorities as they stand in files, and the stores that many
// contexts share. Each file is read once per load, and what was read is wiped after it.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "protocol/bytes.h"
#include "protocol/crypto.h"
#include "proxy/config/sentence.h"
#include "proxy/config/tls_settings.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/words.h"

namespace weir::proxy::tls {

inline constexpr std::size_t kFileBytesMax = 4 * 1024 * 1024;
inline constexpr std::string_view kSystemStore = "system";  // As a ca_file: OpenSSL's own.

using config::Said;

class Files {
 public:
  Files() = default;
  ~Files();
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  // The content, until the end of the load. No: why it cannot be read.
  Said<Bytes> content(const std::string& path);

 private:
  std::map<std::string, Said<Buffer>> read_;
};

// The certificate and those that link it to its authority; the key that belongs to it.
// Empty, or a sentence.
std::string show_certificate(SSL_CTX& context, const config::TlsSettings& settings, Peer peer,
                             Files& files);

// One store for each file and content, however many contexts verify with it.
class Stores {
 public:
  // A sentence when the file has no certificate.
  Said<X509_STORE*> find(const std::string& ca_file, Peer peer, Files& files);
  // Begins a load: what find() is not asked for until keep_used() is dropped.
  void mark();
  void keep_used();
  std::size_t count() const { return stores_.size(); }

 private:
  struct Entry {
    StorePtr store;
    bool used = false;
  };
  std::map<std::string, Entry> stores_;
};

// What a context is made of: another digest is another context.
Said<protocol::Digest> material_digest(const config::TlsSettings& settings, bool verifies,
                                       Peer peer, Files& files);

}  // namespace weir::proxy::tls
