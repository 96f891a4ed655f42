#include "proxy/config/loader.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/config/assign.h"
#include "proxy/config/check.h"
#include "proxy/config/connstring.h"
#include "proxy/config/named_files.h"

namespace weir::proxy::config {
namespace {

constexpr auto kSections =
    std::to_array<std::string_view>({"pgweir", "pgbouncer", "databases", "users", "peers"});

bool is_section(std::string_view name) {
  return std::find(kSections.begin(), kSections.end(), name) != kSections.end();
}

bool is_main(const IniSection& section) {
  return section.name == "pgweir" || section.name == "pgbouncer";
}

std::size_t row_of(const Key& key) { return static_cast<std::size_t>(&key - keys().data()); }

// Who changes one of these and is not heard has another door than the file says.
bool guards_doors(std::string_view key) {
  constexpr auto kGuards = std::to_array<std::string_view>(
      {"auth_hba_file", "auth_type", "client_tls_sslmode", "server_tls_sslmode"});
  return std::find(kGuards.begin(), kGuards.end(), key) != kGuards.end();
}

std::string unbuilt(const std::string& what, const Key& key) {
  return what + " is not built yet and has no effect. " + std::string(key.instead);
}

std::string of_entry(const std::string& name, const std::string& sentence) {
  return sentence + " (in the line of " + quoted(name) + ")";
}

}  // namespace

Loader::Loader(const Environment& environment) : environment_(environment) {
  for (const Key& key : keys()) {
    const bool shown = (key.scopes & kGlobal) != 0 && key.fallback != nullptr;
    config().texts.push_back(shown ? std::optional<std::string>(key.fallback) : std::nullopt);
  }
  config().shown = config().texts;
  config().sources.assign(keys().size(), kSourceDefault);
  if (!libpq_.complaint().empty()) loaded_.complaints.add(libpq_.complaint());
}

void Loader::complain(const Place& place, std::string_view sentence) {
  loaded_.complaints.add(placed(place, sentence));
}

void Loader::warn(const Place& place, std::string_view sentence) {
  config().warnings.push_back(placed(place, sentence));
}

void Loader::take(const Ini& ini, const std::string& name) {
  for (const std::string& sentence : ini.complaints.first) loaded_.complaints.add(sentence);
  loaded_.complaints.more += ini.complaints.more;
  config().warnings = ini.warnings;
  config().files = ini.files;
  bool main = !ini.complaints.empty();  // Then its line may be the broken one.
  for (const IniSection& section : ini.sections) main |= check_section(section);
  if (!main) complain({name, 0}, "the section [pgweir] (or [pgbouncer]) is missing");
  for (const IniEntry& entry : ini.entries) take_entry(entry);
}

// Whether it is the main one.
bool Loader::check_section(const IniSection& section) {
  if (!is_section(section.name)) {
    complain(section.place, "unknown section " + quoted(section.name) +
                                "; there are pgweir, databases, users and peers");
  }
  return is_main(section);
}

void Loader::take_entry(const IniEntry& entry) {
  if (entry.section == "databases") return take_database(entry);
  if (entry.section == "users") return take_user(entry);
  if (entry.section == "peers") return take_peer(entry);
  if (is_section(entry.section)) take_setting(entry);
}

void Loader::take_setting(const IniEntry& entry) {
  const Key* const key = find_key(entry.name, kGlobal);
  if (key == nullptr) {
    return complain(entry.place, unknown_setting(entry.name, kGlobal));
  }
  const auto expanded = expand(entry.value, environment_);
  if (expanded) return set(*key, {*expanded, entry.value}, entry.place);
  settings_broken_ = true;
  complain(entry.place, std::string(key->name) + ": " + expanded.error());
}

void Loader::set(const Key& key, const Text& text, const Place& place) {
  if (auto assigned = assign(config().settings, key, text); !assigned) {
    settings_broken_ = true;
    return complain(place, assigned.error());
  }
  config().texts[row_of(key)] = text.value;
  config().shown[row_of(key)] = shown_text(key, text);
  config().sources[row_of(key)] = placed(place);
  if (key.stage != Stage::later) return;
  const auto value = parse_value(key, text);
  if (value && !asks_for_nothing(key, *value)) warn_unbuilt(place, key);
}

void Loader::set_from_variable(const Key& key, const Text& text, const Place& variable) {
  const auto before = config().texts[row_of(key)];
  const std::string said_at = config().sources[row_of(key)];
  const bool said = said_at != kSourceDefault && said_at != kSourceWithoutFile;
  set(key, text, variable);
  const auto& now = config().texts[row_of(key)];
  if (!said || before == now || !guards_doors(key.name)) return;
  const bool shown = key.type == Type::choice;
  warn(variable, (shown ? "its " + quoted(*now) + " wins over " : "it wins over ") + said_at);
}

void Loader::take_database(const IniEntry& entry) {
  Remarks remarks;
  auto words = read_words(entry.value, environment_);
  auto database = words ? read_database(entry.name, *words, remarks)
                        : Said<Database>(tl::unexpected(words.error()));
  if (!database) database = no(of_entry(entry.name, database.error()));
  add(entry.name, std::move(database), remarks, entry.place);
}

void Loader::add(const std::string& name, Said<Database> database, const Remarks& remarks,
                 const Place& place) {
  if (!database) {
    complain(place, database.error());
    // For whatever else names it: one mistake draws one complaint.
    database.emplace();
    database->name = name;
    database->hosts = {"unknown"};
  } else {
    pass_on(place, remarks);
  }
  const auto before = config().databases.find(name);
  if (place.line == 0 && before != config().databases.end()) {
    warn(place, "it stands in for " + before->second.place);
  }
  database->place = placed(place);
  database->password_file_hidden = remarks.hides_password_file;
  config().databases.insert_or_assign(name, std::move(*database));
}

void Loader::take_user(const IniEntry& entry) {
  Remarks remarks;
  const auto words = read_words(entry.value, environment_);
  auto user =
      words ? read_user(entry.name, *words, remarks) : Said<User>(tl::unexpected(words.error()));
  if (!user) return complain(entry.place, of_entry(entry.name, user.error()));
  pass_on(entry.place, remarks);
  config().users.insert_or_assign(entry.name, std::move(*user));
}

void Loader::take_peer(const IniEntry& entry) {
  const Key* const host = find_key("host", kPeer);
  warn_once(entry.place, "[peers]", unbuilt("[peers]", *host));
  const auto words = read_words(entry.value, environment_);
  const auto checked =
      words ? check_peer(entry.name, *words) : Said<void>(tl::unexpected(words.error()));
  if (!checked) complain(entry.place, checked.error());
}

Loaded Loader::finish() {
  if (!settings_broken_) {
    for (std::string& sentence : contradictions(config())) {
      loaded_.complaints.add(std::move(sentence));
    }
    if (auto hosts = check_hosts(config()); !hosts) loaded_.complaints.add(hosts.error().text);
  }
  take_proxies();
  look_at_authorities();
  read_named_files(config(), loaded_.complaints);
  return std::move(loaded_);
}

void Loader::take_proxies() {
  for (const std::string& from : config().settings.proxy_protocol_from) {
    const auto network = Network::range(from);
    if (!network) continue;
    config().proxies.push_back(*network);
    if (!network->is_everywhere()) continue;
    warn_once({std::string(config().source("proxy_protocol_from")), 0}, "proxy_protocol_from",
              "proxy_protocol_from takes in every address: whoever connects may say where it comes "
              "from, whatever HBA rules and limits are for; name the balancers alone");
  }
}

// verify-ca asks who has signed a certificate, not whose it is: with authorities that sign for the
// whole world that is next to nothing.
void Loader::look_at_authorities() {
  for (const auto& [name, database] : config().databases) {
    const TlsSettings tls = config().server_tls(database);
    if (tls.mode != SslMode::verify_ca || !tls.ca_file.empty()) continue;
    warn_once({database.place, 0}, "server_tls_ca_file",
              "database " + quoted(name) +
                  ": verify-ca with the system's authorities takes any "
                  "certificate that one of them has signed for anybody; write verify-full, or name "
                  "your own authority by server_tls_ca_file");
  }
}

void Loader::pass_on(const Place& place, const Remarks& remarks) {
  for (const Key* key : remarks.unbuilt) warn_unbuilt(place, *key);
  for (const std::string& warning : remarks.warnings) warn(place, warning);
}

void Loader::warn_unbuilt(const Place& place, const Key& key) {
  warn_once(place, key.name, unbuilt(quoted(key.name), key));
}

void Loader::warn_once(const Place& place, std::string_view about, const std::string& sentence) {
  if (warned_.emplace(about).second) warn(place, sentence);
}

}  // namespace weir::proxy::config
