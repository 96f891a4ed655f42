// judge_here.cc: this machine: doors, open files, certificates, and who may come in.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "proxy/doctor/judges.h"
#include "proxy/doctor/names.h"
#include "proxy/doctor/plan.h"
#include "proxy/io/listener.h"

namespace weir::proxy::doctor {

namespace {

using config::AuthType;
using config::SslMode;

constexpr std::int64_t kDaySeconds = 24 * 60 * 60;

Findings of_doors(const config::Config& config, const HereFacts& here) {
  Findings all;
  for (const DoorFacts& door : here.doors) {
    if (door.error == 0) continue;
    const std::string where =
        "port " + std::to_string(config.settings.listen_port) + " of " + door.address;
    if (door.error == EADDRINUSE) {
      all.push_back({Level::ok, "port_in_use", "",
                     where + " is taken: pgweir runs already, or something else listens there"});
    } else {
      all.push_back({Level::error, "cannot_listen", "",
                     "pgweir could not listen on " + where + ": " + std::strerror(door.error),
                     "Correct listen_addr or listen_port."});
    }
  }
  return all;
}

bool leaves_machine(const std::string& listened) {
  if (listened == "*") return true;
  const auto address = io::literal_address(listened, 0);
  return address && !is_loopback(*address);
}

// The first address that others can reach; empty: there is none.
std::string open_address(const config::Settings& settings) {
  for (const std::string& each : settings.listen_addr) {
    if (leaves_machine(each)) return each;
  }
  return {};
}

Findings of_strangers(const config::Settings& settings) {
  const std::string address = open_address(settings);
  if (address.empty()) return {};
  const std::string reached = "whoever reaches listen_addr = " + address;
  if (settings.auth_type == AuthType::trust || settings.auth_type == AuthType::any) {
    return {{Level::error, "open_to_all", "",
             reached + " is let in without a password: auth_type = " +
                 (settings.auth_type == AuthType::any ? "any" : "trust"),
             "Write auth_type = scram-sha-256."}};
  }
  if (settings.client_tls.mode != SslMode::disable) return {};
  const bool plain = settings.auth_type == AuthType::plain;
  return {{plain ? Level::error : Level::warning, "clients_without_tls", "",
           "what clients send to listen_addr = " + address + " is not encrypted" +
               (plain ? ", their passwords (auth_type = plain) among it" : ""),
           "Write:\nclient_tls_sslmode = require\nclient_tls_cert_file = /etc/pgweir/server.crt\n"
           "client_tls_key_file = /etc/pgweir/server.key"}};
}

Findings of_files(const config::Config& config, const HereFacts& here) {
  std::int64_t servers = 0;
  for (const auto& [name, database] : config.databases) {
    for (const std::string& user : known_users(config, database)) {
      servers += config.pool_size(database, user) + config.reserve_pool_size(database, user);
    }
  }
  // A client has one server at the most.
  const std::int64_t clients = config.settings.max_client_conn;
  const std::int64_t wanted =
      clients + std::min(servers, clients) + io::kOwnDescriptors + io::kUnixReserve;
  if (here.open_files_max >= wanted) return {};
  return {{Level::warning, "open_files", "",
           "pgweir may have " + std::to_string(here.open_files_max) + " open files here, and " +
               counted(clients, "client") + " with their servers take up to " +
               std::to_string(wanted) + ": those beyond will not get in",
           "Write LimitNOFILE=" + std::to_string(wanted) + " in its systemd unit, or a smaller " +
               "max_client_conn."}};
}

Findings of_certificates(const HereFacts& here) {
  Findings all;
  for (const std::string& complaint : here.tls_complaints) {
    all.push_back({Level::error, "tls_files", "", complaint});
  }
  for (const CertificateFacts& each : here.certificates) {
    const std::int64_t left_s = each.validity.until_s - here.now_s;
    // What is over already is a complaint.
    if (left_s < 0 || left_s >= kCertificateNoticeDays * kDaySeconds) continue;
    all.push_back({Level::warning, "certificate_ends_soon", "",
                   each.key + " " + each.path + " ends in " + counted(left_s / kDaySeconds, "day") +
                       ", on " + date_of(each.validity.until_s),
                   "Put a new one in its place; pgweir reads it by itself."});
  }
  return all;
}

}  // namespace

Findings judge_here(const config::Config& config, const HereFacts& here) {
  Findings all;
  for (const std::string& each : config.warnings) {
    all.push_back({Level::warning, "settings", "", each});
  }
  for (auto more : {of_doors(config, here), of_strangers(config.settings), of_files(config, here),
                    of_certificates(here)}) {
    std::move(more.begin(), more.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace weir::proxy::doctor
