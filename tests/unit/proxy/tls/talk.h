// talk.h: two codecs against each other, their records cut as the test wants them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/codec.h"
#include "proxy/config/tls_settings.h"
#include "proxy/tls/contexts.h"
#include "tests/certs/certs.h"

namespace weir::proxy::tls::tests {

using config::SslMode;
using config::TlsSettings;

// One end: its codec, what it has read, what it has sent that nobody has taken yet.
struct End {
  std::unique_ptr<Codec> codec;
  Buffer plain = {};
  Buffer sent = {};
  std::optional<Fault> fault = {};
  bool ever_early = false;  // It gave plaintext before it was established.

  std::string read() const { return std::string{as_text(plain)}; }
  std::string why() const { return fault ? fault->text : "no fault"; }
  void say(std::string_view text);
  void take(Bytes records);
};

// pgweir as a client's server, and pgweir as a server's client.
struct Talk {
  End dialler;  // Begins the handshake.
  End listener;
  std::size_t part_bytes = 1'000'000;  // Records travel in parts of this size.

  // Until nothing is under way any more.
  void run();
  bool established() const;
};

// What a scene's Contexts were loaded with, changed as a test wants it.
struct Scene {
  Scene();
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  // Loads both settings: what was said about it.
  std::vector<std::string> load();
  std::vector<std::string> load_with(const std::vector<TlsSettings>& servers);
  // A fresh handshake, not begun. REQUIRES: load().
  Talk talk(const std::string& host = "db.example.com", bool direct = false);
  // Loads, shakes hands, and gives the talk.
  Talk shaken(const std::string& host = "db.example.com");

  certs::Folder folder;
  certs::Authority authority;
  certs::Certificate ours;  // Shown to clients: db.example.com.
  TlsSettings clients;      // require, with `ours`.
  TlsSettings servers;      // require.
  Contexts contexts;
};

// The certificate and key in files of that name.
void show(const certs::Folder& folder, TlsSettings& settings, std::string_view name,
          const certs::Certificate& certificate);

bool is_resumed(const End& end);

}  // namespace weir::proxy::tls::tests
