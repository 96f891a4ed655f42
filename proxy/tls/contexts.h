// contexts.h: everything TLS that the whole program shares: certificates, keys, authorities, and
// the codecs made of them. Files are read by load() alone; a broken one leaves the last good.
//
// Thread-safe: one thread loads while the workers make codecs. A codec keeps what it was made of,
// and may outlive both the next load and the Contexts.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "protocol/result.h"
#include "proxy/codec.h"
#include "proxy/config/tls_settings.h"

namespace weir::proxy::tls {

class Contexts {
 public:
  Contexts();
  ~Contexts();
  Contexts(const Contexts&) = delete;
  Contexts& operator=(const Contexts&) = delete;

  // Reads the files of all settings; at the start and at each reload. What cannot be loaded stays
  // as it was: towards servers under the same settings, towards clients under any. Settings that
  // are no longer named are dropped. Gives one sentence for each thing that is wrong with what was
  // asked for, each once: which setting, which file, what. An expired certificate is told, and
  // used.
  std::vector<std::string> load(const config::TlsSettings& clients,
                                const std::vector<config::TlsSettings>& servers);

  // As load(), but all or nothing: where something of what is asked for would be lacking, nothing
  // changes, and the sentences say why. Returns whether it was loaded.
  bool load_whole(const config::TlsSettings& clients,
                  const std::vector<config::TlsSettings>& servers,
                  std::vector<std::string>& sentences);

  // Something of what was asked for has never been loaded.
  bool lacks(const config::TlsSettings& clients,
             const std::vector<config::TlsSettings>& servers) const;

  // TLS can be offered to clients now.
  bool for_clients() const;
  // Our side of a handshake with a client. direct: its ClientHello came without an SSLRequest, so
  // that ALPN has to agree on postgresql. None when TLS cannot be offered (any more).
  std::unique_ptr<Codec> accept(bool direct);
  // Our side of a handshake with a server, dialled as `host`: a name (sent as SNI), an address, or
  // the path of a unix socket. A fault when the settings could not be loaded.
  Result<std::unique_ptr<Codec>> connect(const config::TlsSettings& settings,
                                         const std::string& host);
  // Another one after each load that has replaced the certificate, key or authorities of these
  // settings; 0: they are not loaded.
  std::size_t stamp(const config::TlsSettings& settings) const;
  std::size_t client_stamp() const;

  // Certificate stores in memory: one for each file and content.
  std::size_t stores_count() const;

 private:
  class Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace weir::proxy::tls
