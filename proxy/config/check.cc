#include "proxy/config/check.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <system_error>

#include "protocol/parameters.h"

namespace weir::proxy::config {
namespace {

// One name of a list, unless it came out of a variable.
std::string shown(const std::string& name, const Text& list) {
  return quoted(list.written == list.value ? std::string_view{name} : list.written);
}

// Tracked drops what it cannot take: what is missing from it is what it would not take.
Said<void> check_tracked(const std::vector<std::string>& names, const Text& text) {
  const protocol::Tracked all{names};
  for (const std::string& name : names) {
    if (!protocol::Tracked{std::vector{name}}.index(name)) {
      return no(shown(name, text) + " in track_extra_parameters is no name of a parameter");
    }
    if (!all.index(name)) {
      return no("track_extra_parameters: " + shown(name, text) + " is too many: " +
                std::to_string(protocol::kTrackedMax) + " parameters can be tracked, " +
                std::to_string(protocol::Tracked{{}}.size()) + " of them always are");
    }
  }
  return {};
}

Said<void> check_networks(const std::vector<std::string>& names, const Text& text) {
  for (const std::string& name : names) {
    if (Network::range(name)) continue;
    return no(shown(name, text) + " in proxy_protocol_from is neither an address nor a network " +
              "as 10.0.0.0/8 or fd00::/8");
  }
  return {};
}

Said<void> check_stats_period(const Value& value) {
  if (std::get<std::int64_t>(value) >= kMicrosPerSecond) return {};
  return no("stats_period is at least one second; log_stats = 0 ends the line of totals");
}

Said<void> check_protocols(const Key& key, std::string_view words) {
  constexpr std::array<std::string_view, 8> kKnown{"secure",  "all",     "legacy",  "default",
                                                   "tlsv1.0", "tlsv1.1", "tlsv1.2", "tlsv1.3"};
  for (const std::string& word : split_list(words)) {
    if (std::find(kKnown.begin(), kKnown.end(), word) != kKnown.end()) continue;
    return no(std::string(key.name) +
              " is a list of tlsv1.0, tlsv1.1, tlsv1.2 and tlsv1.3, or secure, legacy or all");
  }
  return {};
}

// What `tls` and `binding` ask of each other.
struct TlsFault {
  std::string_view key;       // Of [pgweir], where it was said.
  std::string_view sentence;  // Empty: all is well.
};

TlsFault fault_of(const TlsSettings& tls, ChannelBinding binding) {
  if (tls.direct && tls.mode < SslMode::require) {
    return {"server_tls_negotiation",
            "direct TLS with servers needs server_tls_sslmode = require, verify-ca or verify-full"};
  }
  if (tls.ca_file == "system" && tls.mode != SslMode::disable && tls.mode != SslMode::verify_full) {
    return {"server_tls_ca_file",
            "the authorities of the system vouch for everybody: with server_tls_ca_file = system "
            "goes server_tls_sslmode = verify-full"};
  }
  if (tls.cert_file.empty() != tls.key_file.empty()) {
    return {tls.cert_file.empty() ? "server_tls_key_file" : "server_tls_cert_file",
            "server_tls_cert_file and server_tls_key_file need each other"};
  }
  if (binding == ChannelBinding::require && tls.mode == SslMode::disable) {
    return {"server_channel_binding",
            "channel binding is required, and server_tls_sslmode = disable leaves nothing to bind "
            "to"};
  }
  return {};
}

// Sentences as they are found.
class Contradictions {
 public:
  explicit Contradictions(const Config& config) : config_(config), settings_(config.settings) {}

  std::vector<std::string> all() {
    check_doors();
    check_clients();
    check_servers();
    check_auth_dbnames();
    return std::move(said_);
  }

 private:
  void say(std::string_view key, std::string_view sentence) {
    said_.push_back(config_.said_at(key).append(sentence));
  }
  void say(const Database& database, std::string_view sentence) {
    said_.push_back(database.place + ": database " + quoted(database.name) + ": ");
    said_.back() += sentence;
  }

  // The unix socket has a default, so a file without any door has closed that one.
  void check_doors() {
    if (!settings_.listen_addr.empty() || !settings_.unix_socket_dir.empty()) return;
    say("unix_socket_dir", "it is empty, and so is listen_addr: no client could come in");
  }

  void check_clients() {
    const TlsSettings& tls = settings_.client_tls;
    if (tls.mode != SslMode::disable && (tls.cert_file.empty() || tls.key_file.empty())) {
      say("client_tls_sslmode",
          "client_tls_sslmode above disable needs client_tls_cert_file and client_tls_key_file");
    }
    if (tls.mode >= SslMode::verify_ca && tls.ca_file.empty()) {
      say("client_tls_sslmode",
          "client_tls_sslmode = verify-ca and verify-full need client_tls_ca_file");
    }
    if (settings_.auth_type == AuthType::cert && tls.mode < SslMode::verify_ca) {
      say("auth_type", "auth_type = cert needs client_tls_sslmode = verify-full");
    }
    if (settings_.auth_type == AuthType::hba && settings_.auth_hba_file.empty()) {
      say("auth_type", "auth_type = hba needs auth_hba_file");
    }
  }

  void check_servers() {
    const auto global = fault_of(settings_.server_tls, settings_.server_channel_binding);
    if (!global.sentence.empty()) say(global.key, global.sentence);
    for (const auto& [name, database] : config_.databases) {
      if (database.host_and_hostaddr && config_.server_tls(database).mode == SslMode::verify_full) {
        say(database,
            "verify-full with host and hostaddr together is not built: the certificate would have "
            "to bear the address; leave hostaddr out");
      }
      if (database.server_tls == TlsOverrides{} && !database.channel_binding) continue;
      const auto own = fault_of(config_.server_tls(database), config_.channel_binding(database));
      if (!own.sentence.empty()) say(database, own.sentence);
    }
  }

  // Without an auth_user nobody goes there.
  void check_auth_dbnames() {
    const auto missing = [&](const std::string& name) {
      return !name.empty() && config_.find_database(name) == nullptr;
    };
    constexpr const char* kMissing = "auth_dbname names no entry of [databases]";
    if (!settings_.auth_user.empty() && missing(settings_.auth_dbname)) {
      say("auth_dbname", kMissing);
    }
    for (const auto& [name, database] : config_.databases) {
      if (!database.auth_dbname || config_.auth_user(database).empty()) continue;
      if (missing(*database.auth_dbname)) say(database, kMissing);
    }
  }

  const Config& config_;
  const Settings& settings_;
  std::vector<std::string> said_;
};

}  // namespace

Said<void> check_value(const Key& key, const Value& value, const Text& text) {
  if (key.name == "track_extra_parameters") {
    return check_tracked(std::get<std::vector<std::string>>(value), text);
  }
  if (key.name == "proxy_protocol_from") {
    return check_networks(std::get<std::vector<std::string>>(value), text);
  }
  if (key.name == "stats_period") return check_stats_period(value);
  if (key.name.ends_with("_tls_protocols")) return check_protocols(key, text.value);
  if (key.name == "auth_dbname" && is_console(text.value)) {
    return no("auth_dbname = " + std::string(text.value) +
              " is the console, which knows no secrets");
  }
  return {};
}

std::vector<std::string> contradictions(const Config& config) {
  return Contradictions(config).all();
}

Result<void> check_hosts(const Config& config) {
  if (!config.settings.unix_socket_dir.empty()) return {};
  for (const auto& [name, database] : config.databases) {
    if (!database.hosts.empty()) continue;
    return fail("F0000", database.place + ": database " + quoted(name) +
                             " has no host, and unix_socket_dir is empty: give it host=, or set " +
                             "unix_socket_dir");
  }
  return {};
}

}  // namespace weir::proxy::config
