#include "tests/unit/proxy/tls/talk.h"

#include <algorithm>
#include <utility>

#include "protocol/check.h"
#include "proxy/tls/codec.h"

namespace weir::proxy::tls::tests {

void End::say(std::string_view text) {
  const auto sealed = codec->seal(as_bytes(text), sent);
  if (!sealed) fault = sealed.error();
}

void End::take(Bytes records) {
  const auto opened = codec->open(records, plain, sent);
  if (!opened && !fault) fault = opened.error();
  ever_early |= !plain.empty() && !codec->established();
}

void Talk::run() {
  while (!dialler.sent.empty() || !listener.sent.empty()) {
    for (const auto& [from, to] :
         {std::pair{&dialler, &listener}, std::pair{&listener, &dialler}}) {
      const Buffer moving = std::exchange(from->sent, {});
      for (Bytes left{moving}; !left.empty() && !to->fault;) {
        const std::size_t part = std::min(part_bytes, left.size());
        to->take(left.first(part));
        left = left.subspan(part);
      }
    }
  }
}

bool Talk::established() const {
  return dialler.codec->established() && listener.codec->established();
}

Scene::Scene()
    : authority(certs::make_authority("Test Authority")),
      ours(authority.make_certificate({.common_name = "pgweir", .names = {"db.example.com"}})) {
  clients.mode = SslMode::require;
  show(folder, clients, "ours", ours);
  servers.mode = SslMode::require;
}

std::vector<std::string> Scene::load() { return load_with({servers}); }

std::vector<std::string> Scene::load_with(const std::vector<TlsSettings>& all_servers) {
  return contexts.load(clients, all_servers);
}

Talk Scene::talk(const std::string& host, bool direct) {
  auto dialler = contexts.connect(servers, host);
  WEIR_CHECK(dialler.has_value());
  Talk talk{{std::move(*dialler)}, {contexts.accept(direct)}};
  WEIR_CHECK(talk.listener.codec != nullptr);
  WEIR_CHECK(talk.dialler.codec->begin(talk.dialler.sent).has_value());
  WEIR_CHECK(talk.listener.codec->begin(talk.listener.sent).has_value());
  return talk;
}

Talk Scene::shaken(const std::string& host) {
  WEIR_CHECK(load().empty());
  Talk fresh = talk(host);
  fresh.run();
  return fresh;
}

void show(const certs::Folder& folder, TlsSettings& settings, std::string_view name,
          const certs::Certificate& certificate) {
  settings.cert_file = folder.write(std::string{name} + ".crt", certificate.text);
  settings.key_file = folder.write(std::string{name} + ".key", certificate.key);
}

bool is_resumed(const End& end) { return static_cast<const TlsCodec&>(*end.codec).resumed(); }

}  // namespace weir::proxy::tls::tests
