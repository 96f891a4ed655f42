#include "proxy/config/named_files.h"

#include <algorithm>
#include <set>
#include <utility>

#include "proxy/config/secret_file.h"
#include "proxy/config/userlist.h"

namespace weir::proxy::config {
namespace {

// Where a key was set, as a place that stands in front of a sentence.
Place place_of(const Config& config, std::string_view key) {
  return {std::string(config.source(key)), 0};
}

void read_passwords(Config& config, Complaints& complaints) {
  for (auto& [name, database] : config.databases) {
    if (database.password_file.empty()) continue;
    const Place place{database.place, 0};
    auto read = read_secret_file(database.password_file, place, database.password_file_hidden);
    if (!read) {
      complaints.add(read.error().text);
      continue;
    }
    if (!read->warning.empty()) config.warnings.push_back(placed(place, read->warning));
    database.password = std::move(read->secret);
  }
}

void read_secrets(Config& config, Complaints& complaints) {
  const std::string& path = config.settings.auth_file;
  if (path.empty()) return;
  const Place place = place_of(config, "auth_file");
  auto secrets = read_userlist(path, place, config.written("auth_file"));
  if (!secrets) return complaints.add(secrets.error().text);
  if (const std::string warning = too_open(path); !warning.empty()) {
    config.warnings.push_back(placed(place, warning));
  }
  config.secrets = std::move(*secrets);
}

void read_ident_maps(Config& config, Complaints& complaints) {
  const std::string& path = config.settings.auth_ident_file;
  if (path.empty()) return;
  auto maps =
      read_ident(path, place_of(config, "auth_ident_file"), config.written("auth_ident_file"));
  if (!maps) return complaints.add(maps.error().text);
  config.ident_maps = std::move(*maps);
}

// A rule whose map is nowhere would let nobody in.
void check_maps(const Config& config, Complaints& complaints) {
  for (const HbaRule& rule : config.hba.rules) {
    if (rule.map.empty() || config.ident_maps.has(rule.map)) continue;
    complaints.add(rule.place + ": auth_ident_file has no map " + quoted(rule.map));
  }
}

void read_rules(Config& config, Complaints& complaints) {
  const std::string& path = config.settings.auth_hba_file;
  if (path.empty() || config.settings.auth_type != AuthType::hba) return;
  auto interfaces = local_interfaces();
  if (!interfaces)
    return complaints.add(placed(place_of(config, "auth_hba_file"), interfaces.error()));
  auto hba = read_hba(path, place_of(config, "auth_hba_file"), std::move(*interfaces),
                      config.written("auth_hba_file"));
  if (!hba) return complaints.add(hba.error().text);
  config.hba = std::move(*hba);
  check_maps(config, complaints);
}

}  // namespace

void read_named_files(Config& config, Complaints& complaints) {
  read_passwords(config, complaints);
  read_secrets(config, complaints);
  read_ident_maps(config, complaints);
  read_rules(config, complaints);
}

Result<Config> refresh(const Config& in_force) {
  Config next = in_force;
  next.warnings.clear();
  Complaints complaints;
  read_named_files(next, complaints);
  if (complaints.empty()) return next;
  return fail("F0000", complaints.summary(""));
}

std::vector<std::string> named_files(const Config& config) {
  std::set<std::string> all{config.settings.auth_file, config.settings.auth_hba_file,
                            config.settings.auth_ident_file};
  all.insert(config.hba.files.begin(), config.hba.files.end());
  all.insert(config.ident_maps.files.begin(), config.ident_maps.files.end());
  const auto add_tls = [&all](const TlsSettings& tls) {
    if (tls.mode == SslMode::disable) return;
    all.insert({tls.cert_file, tls.key_file});
    if (tls.ca_file != "system") all.insert(tls.ca_file);
  };
  add_tls(config.settings.client_tls);
  add_tls(config.settings.server_tls);
  for (const auto& [name, database] : config.databases) {
    add_tls(config.server_tls(database));
    all.insert(database.password_file);
  }
  all.erase("");
  return {all.begin(), all.end()};
}

}  // namespace weir::proxy::config
