#include "proxy/tls/contexts.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "proxy/tls/certificate.h"
#include "proxy/tls/codec.h"
#include "proxy/tls/context.h"
#include "proxy/tls/rules.h"

namespace weir::proxy::tls {

namespace {

using config::SslMode;
using config::TlsSettings;

// A context and what it was made of. None: nothing good was ever loaded.
struct Entry {
  ContextPtr context;
  TlsSettings settings;
  protocol::Digest material{};
  std::size_t stamp = 0;
};

ContextPtr shared(const ContextPtr& context) {
  if (context) SSL_CTX_up_ref(context.get());
  return ContextPtr{context.get()};
}

Entry shared(const Entry& entry) {
  return {shared(entry.context), entry.settings, entry.material, entry.stamp};
}

auto find_in(const std::vector<Entry>& entries, const TlsSettings& settings) {
  return std::find_if(entries.begin(), entries.end(),
                      [&](const Entry& entry) { return entry.settings == settings; });
}

}  // namespace

class Contexts::Inside {
 public:
  // `whole`: all or nothing. Returns whether it was loaded.
  bool load(const TlsSettings& clients, const std::vector<TlsSettings>& servers, bool whole,
            std::vector<std::string>& sentences);

  ContextPtr client_context() const;
  ContextPtr server_context(const TlsSettings& settings) const;
  std::size_t client_stamp() const;
  std::size_t server_stamp(const TlsSettings& settings) const;
  std::size_t stores_count() const;

 private:
  Entry load_clients(const TlsSettings& clients);
  std::vector<Entry> load_servers(const std::vector<TlsSettings>& servers);
  Entry load_one(const TlsSettings& settings, Peer peer, Entry last);
  Entry last_of(const TlsSettings& settings) const;
  void say(std::string sentence);
  void warn_of_dates(const Entry& entry, Peer peer);

  mutable std::mutex loading_;  // Held through a load: nothing below it changes otherwise.
  Stores stores_;
  std::vector<std::string> said_;
  std::unique_ptr<Files> files_;
  std::size_t stamps_ = 0;

  mutable std::mutex mutex_;  // Held for what connections look at.
  Entry clients_;
  std::vector<Entry> servers_;  // Of settings that differ; those that failed are here as well.
};

void Contexts::Inside::say(std::string sentence) {
  if (std::find(said_.begin(), said_.end(), sentence) == said_.end()) {
    said_.push_back(std::move(sentence));
  }
}

void Contexts::Inside::warn_of_dates(const Entry& entry, Peer peer) {
  const X509* shown = entry.context ? SSL_CTX_get0_certificate(entry.context.get()) : nullptr;
  if (shown == nullptr) return;
  const std::string sentence = out_of_date(*shown);
  if (sentence.empty()) return;
  say(key_name(peer, "cert_file") + " " + entry.settings.cert_file + ": the certificate " +
      sentence);
}

Entry Contexts::Inside::load_one(const TlsSettings& settings, Peer peer, Entry last) {
  if (auto sentence = incomplete(settings, peer); !sentence.empty()) {
    say(std::move(sentence));
    return last;
  }
  const bool verified = verifies(settings, peer);
  const auto material = material_digest(settings, verified, peer, *files_);
  if (!material) {
    say(material.error());
    return last;
  }
  if (last.context && last.settings == settings && last.material == *material) {
    if (verified) static_cast<void>(stores_.find(settings.ca_file, peer, *files_));  // In use.
    return last;
  }
  auto context = make_context(settings, peer, *material, *files_, stores_);
  if (!context) {
    say(context.error());
    return last;
  }
  return {std::move(*context), settings, *material, ++stamps_};
}

Entry Contexts::Inside::last_of(const TlsSettings& settings) const {
  const std::lock_guard lock(mutex_);
  const auto at = find_in(servers_, settings);
  return at == servers_.end() ? Entry{.context = {}, .settings = settings} : shared(*at);
}

Entry Contexts::Inside::load_clients(const TlsSettings& clients) {
  if (clients.mode == SslMode::disable) return {};
  // Only load() writes what mutex_ guards, and loading_ is held.
  Entry entry = load_one(plain_settings(clients, Peer::client), Peer::client, shared(clients_));
  warn_of_dates(entry, Peer::client);
  return entry;
}

std::vector<Entry> Contexts::Inside::load_servers(const std::vector<TlsSettings>& servers) {
  std::vector<Entry> entries;
  for (const TlsSettings& each : servers) {
    const TlsSettings settings = plain_settings(each, Peer::server);
    const bool seen = find_in(entries, settings) != entries.end();
    if (seen || settings.mode == SslMode::disable) continue;
    entries.push_back(load_one(settings, Peer::server, last_of(settings)));
    warn_of_dates(entries.back(), Peer::server);
  }
  return entries;
}

bool Contexts::Inside::load(const TlsSettings& clients, const std::vector<TlsSettings>& servers,
                            bool whole, std::vector<std::string>& sentences) {
  const std::lock_guard one_load(loading_);
  files_ = std::make_unique<Files>();
  stores_.mark();
  Entry for_clients = load_clients(clients);
  std::vector<Entry> for_servers = load_servers(servers);
  files_.reset();
  sentences = std::exchange(said_, {});
  const bool lacks_clients = clients.mode != SslMode::disable && !for_clients.context;
  const bool lacks = lacks_clients || std::any_of(for_servers.begin(), for_servers.end(),
                                                  [](const Entry& one) { return !one.context; });
  // The stores of what stays may not have been asked for: the next load drops what is too much.
  if (whole && lacks) return false;
  stores_.keep_used();
  const std::lock_guard lock(mutex_);
  std::swap(clients_, for_clients);
  std::swap(servers_, for_servers);
  return true;
}

ContextPtr Contexts::Inside::client_context() const {
  const std::lock_guard lock(mutex_);
  return shared(clients_.context);
}

ContextPtr Contexts::Inside::server_context(const TlsSettings& settings) const {
  return last_of(plain_settings(settings, Peer::server)).context;
}

std::size_t Contexts::Inside::client_stamp() const {
  const std::lock_guard lock(mutex_);
  return clients_.stamp;
}

std::size_t Contexts::Inside::server_stamp(const TlsSettings& settings) const {
  return last_of(plain_settings(settings, Peer::server)).stamp;
}

std::size_t Contexts::Inside::stores_count() const {
  const std::lock_guard lock(loading_);
  return stores_.count();
}

Contexts::Contexts() : inside_(std::make_unique<Inside>()) {}
Contexts::~Contexts() = default;

std::vector<std::string> Contexts::load(const TlsSettings& clients,
                                        const std::vector<TlsSettings>& servers) {
  std::vector<std::string> sentences;
  inside_->load(clients, servers, false, sentences);
  return sentences;
}

bool Contexts::load_whole(const TlsSettings& clients, const std::vector<TlsSettings>& servers,
                          std::vector<std::string>& sentences) {
  return inside_->load(clients, servers, true, sentences);
}

bool Contexts::lacks(const config::TlsSettings& clients,
                     const std::vector<config::TlsSettings>& servers) const {
  const auto off = [](const config::TlsSettings& one) {
    return one.mode == config::SslMode::disable;
  };
  if (!off(clients) && !for_clients()) return true;
  return std::any_of(servers.begin(), servers.end(),
                     [&](const auto& one) { return !off(one) && stamp(one) == 0; });
}

bool Contexts::for_clients() const { return inside_->client_stamp() != 0; }

std::unique_ptr<Codec> Contexts::accept(bool direct) {
  const ContextPtr context = inside_->client_context();
  if (!context) return nullptr;
  auto codec = TlsCodec::make(*context, {.peer = Peer::client, .direct = direct});
  return codec ? std::move(*codec) : nullptr;
}

Result<std::unique_ptr<Codec>> Contexts::connect(const TlsSettings& settings,
                                                 const std::string& host) {
  const ContextPtr context = inside_->server_context(settings);
  if (!context) {
    return fail("08001", "TLS with the server cannot begin: its settings could not be loaded",
                "The log says which setting and why.");
  }
  const bool check_host = settings.mode == SslMode::verify_full;
  return TlsCodec::make(
      *context,
      {.peer = Peer::server, .direct = settings.direct, .check_host = check_host, .host = host});
}

std::size_t Contexts::stamp(const TlsSettings& settings) const {
  return inside_->server_stamp(settings);
}

std::size_t Contexts::client_stamp() const { return inside_->client_stamp(); }

std::size_t Contexts::stores_count() const { return inside_->stores_count(); }

}  // namespace weir::proxy::tls
