#include "proxy/config/keys.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "proxy/config/assign.h"
#include "proxy/config/load.h"
#include "proxy/config/values.h"

using namespace weir::proxy::config;

namespace {

const std::string kTree = WEIR_SOURCE_DIR;

std::string read_all(const std::string& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

bool is_global(const Key& key) { return (key.scopes & kGlobal) != 0; }

// A text that is right for the key and differs from its default.
std::string another_text(const Key& key) {
  switch (key.type) {
    case Type::choice: {
      std::string last;
      any_word(key.choices, [&](std::string_view word) {
        if (!any_word(key.refused, [&](std::string_view r) { return r == word; })) last = word;
        return false;
      });
      return key.fallback != nullptr && last == key.fallback
                 ? std::string(key.choices.substr(0, key.choices.find(' ')))
                 : last;
    }
    case Type::boolean:
      return std::string(key.fallback) == "1" ? "0" : "1";
    case Type::text:
    case Type::list:
      if (key.name.ends_with("_tls_protocols")) return "tlsv1.3";
      return key.name == "proxy_protocol_from" ? "10.0.0.0/8" : "other";
    default:
      return "3";
  }
}

// A line of an entry that the key changes, with what the key asks for beside it.
std::string line_with(const Key& key) {
  const std::string name(key.name);
  if (name == "password_alternate") return "password=x " + name + "=y";
  if (name == "load_balance_hosts") return name + "=disable";
  if (name.ends_with("cert_file")) return name + "=x server_tls_key_file=y";
  if (name.ends_with("key_file")) return name + "=x server_tls_cert_file=y";
  if (name == "sslcert") return name + "=x sslkey=y";
  if (name == "sslkey") return name + "=x sslcert=y";
  if (name.ends_with("negotiation")) return "sslmode=require " + name + "=direct";
  if (name.ends_with("_tls_protocols")) return name + "=tlsv1.3";
  return name + "=" + (key.type == Type::choice ? another_text(key) : "3");
}

const char* stage_word(Stage stage) {
  switch (stage) {
    case Stage::built:
      return "yes";
    case Stage::later:
      return "not yet";
    case Stage::moot:
      break;
  }
  return "no effect";
}

const char* type_word(const Key& key) {
  switch (key.type) {
    case Type::text:
      return key.unit == Unit::path ? "path" : key.unit == Unit::sql ? "SQL" : "text";
    case Type::list:
      return "list";
    case Type::boolean:
      return "0 or 1";
    case Type::time:
      return "time (s)";
    case Type::choice:
      return "choice";
    case Type::integer:
      break;
  }
  switch (key.unit) {
    case Unit::bytes:
      return "size (B)";
    case Unit::seconds:
      return "time (s)";
    case Unit::milliseconds:
      return "time (ms)";
    case Unit::octal:
      return "mode";
    default:
      return "integer";
  }
}

std::string default_word(const Key& key) {
  if (key.fallback == nullptr) return "unset";
  return *key.fallback == '\0' ? "empty" : "`" + std::string(key.fallback) + "`";
}

std::string choices_of(const Key& key) {
  std::string out;
  any_word(key.choices, [&](std::string_view word) {
    const bool later = any_word(key.refused, [&](std::string_view r) { return r == word; });
    out += (out.empty() ? "" : ", ") + std::string(word) + (later ? " (refused for now)" : "");
    return false;
  });
  return out.empty() ? out : ": " + out;
}

std::string rows(Scopes scope) {
  std::string out =
      "| key | value | default | reload | built | what it does |\n|---|---|---|---|---|---|\n";
  for (const Key& key : keys()) {
    if ((key.scopes & scope) == 0) continue;
    out += "| `" + std::string(key.name) + "` | " + type_word(key) + " | " + default_word(key) +
           " | " + (key.reload ? "yes" : "restart") + " | " + stage_word(key.stage) + " | " +
           std::string(key.says) + choices_of(key) + " |\n";
  }
  return out;
}

std::string settings_page() {
  return "# Settings\n\n"
         "Written by `unit_config` from the table in `proxy/config/keys.cc`; to renew it run\n"
         "`WEIR_REWRITE=1 unit_config`. The sample is [etc/pgweir.ini](../etc/pgweir.ini).\n\n"
         "A time is in seconds, fractions allowed, or carries `us`, `ms`, `s`, `min`, `h` or `d`. "
         "A\n"
         "size is in bytes or carries `kB`, `MB` or `GB`. A key that is not built yet is accepted\n"
         "with a warning; a value that would promise what is not built is refused. RELOAD keeps "
         "the\n"
         "value of the start for a key that takes a restart, and logs a warning if the file has\n"
         "another. What differs from PgBouncer, and why, is in [PGBOUNCER.md](PGBOUNCER.md).\n\n"
         "Any value may hold `${NAME}` or `${NAME:-text}`, a variable of the environment; `$${` "
         "is\n"
         "a plain `${`. Every key of the first table may come from a variable as well,\n"
         "`PGWEIR_LISTEN_PORT` or `PGBOUNCER_LISTEN_PORT`, which wins over the file.\n\n"
         "## [pgweir], also [pgbouncer]\n\n" +
         rows(kGlobal) + "\n## A line of [databases]\n\n" + rows(kDatabase) +
         "\n## A line of [users]\n\n" + rows(kUser) + "\n## A line of [peers]\n\n" + rows(kPeer);
}

}  // namespace

TEST_CASE("no key stands twice in one scope, and every row is whole") {
  std::set<std::pair<std::string_view, int>> seen;
  for (const Key& key : keys()) {
    CAPTURE(key.name);
    CHECK(key.scopes != 0);
    CHECK_FALSE(key.says.empty());
    CHECK((key.type == Type::choice) == !key.choices.empty());
    for (const Scopes scope : {kGlobal, kDatabase, kUser, kPeer}) {
      if ((key.scopes & scope) != 0) CHECK(seen.emplace(key.name, scope).second);
    }
  }
}

TEST_CASE("every key of the reference is there") {
  int global = 0;
  for (const Key& key : keys()) global += is_global(key) ? 1 : 0;
  CHECK(global == 99 + 2 + 20);  // 1.25.2, two from master, and our own.
  for (const char* name :
       {"pool_idle_timeout", "login_notify_message", "service_name", "io_engine"}) {
    CHECK(find_key(name, kGlobal));
  }
  CHECK(find_key("pool_size", kGlobal) == nullptr);
  CHECK(find_key("port", kDatabase)->fallback == std::string("5432"));
  CHECK(find_key("port", kPeer)->fallback == std::string("6432"));
}

TEST_CASE("the defaults of the table and of Settings are the same") {
  Settings settings;
  for (const Key& key : keys()) {
    if (!is_global(key) || key.fallback == nullptr) continue;
    CAPTURE(key.name);
    CHECK(assign(settings, key, key.fallback));
  }
  CHECK(settings == Settings{});
}

TEST_CASE("a built key changes a field, and one that is not built changes none") {
  for (const Key& key : keys()) {
    if (!is_global(key)) continue;
    CAPTURE(key.name);
    Settings settings;
    REQUIRE(assign(settings, key, another_text(key)));
    CHECK((settings != Settings{}) == key.built());
  }
}

TEST_CASE("a built key of a database or user line changes its entry") {
  for (const Key& key : keys()) {
    CAPTURE(key.name);
    for (const auto& [scope, section] : {std::pair{kDatabase, "databases"}, {kUser, "users"}}) {
      if ((key.scopes & scope) == 0) continue;
      if (key.name == "password_file") continue;  // It has to be there: login_test.cc.
      const std::string head = "[pgweir]\n[" + std::string(section) + "]\nx = ";
      const auto plain = load_text("t", head + "\n");
      const auto other = load_text("t", head + line_with(key));
      REQUIRE(plain);
      REQUIRE_MESSAGE(other.has_value(), (other ? "" : other.error().text));
      const bool same = plain->databases == other->databases && plain->users == other->users;
      CHECK(same != key.built());
      CHECK(other->warnings.size() == (key.stage == Stage::later ? 1 : 0));
    }
  }
}

TEST_CASE("the keys of [pgweir] stand in the order in which SHOW CONFIG has them") {
  std::string_view before;
  for (const Key& key : keys()) {
    if (!is_global(key)) continue;
    CAPTURE(key.name);
    CHECK(before < key.name);
    before = key.name;
  }
}

TEST_CASE("SHOW CONFIG has every default as the table has it") {
  const auto config = load_text("t", "[pgweir]\n");
  REQUIRE(config);
  CHECK(config->shown == config->texts);
  for (const Key& key : keys()) {
    if (!is_global(key) || key.fallback == nullptr) continue;
    CAPTURE(key.name);
    CHECK(shown_text(key, key.fallback) == key.fallback);
  }
}

TEST_CASE("the texts for SHOW CONFIG follow the table and the file") {
  const auto config = load_text("t", "[pgweir]\nlisten_port = 0x1000\n");
  REQUIRE(config);
  REQUIRE(config->texts.size() == keys().size());
  for (std::size_t i = 0; i < keys().size(); ++i) {
    const Key& key = keys()[i];
    if (!is_global(key)) continue;
    CAPTURE(key.name);
    if (key.name == "listen_port") {
      CHECK(config->texts[i] == "0x1000");
    } else if (key.fallback == nullptr) {
      CHECK_FALSE(config->texts[i].has_value());
    } else {
      CHECK(config->texts[i] == key.fallback);
    }
  }
}

TEST_CASE("the nearest name is near") {
  CHECK(nearest_key("max_client_con", kGlobal) == "max_client_conn");
  CHECK(nearest_key("POOL_MODE", kGlobal) == "pool_mode");
  CHECK(nearest_key("poolsize", kDatabase) == "pool_size");
  CHECK(nearest_key("xyz", kGlobal).empty());
  CHECK(nearest_key(std::string(5000, 'a'), kGlobal).empty());
}

TEST_CASE("docs/SETTINGS.md is what the table says") {
  const std::string path = kTree + "/docs/SETTINGS.md";
  if (std::getenv("WEIR_REWRITE") != nullptr) std::ofstream(path) << settings_page();
  CHECK_MESSAGE(read_all(path) == settings_page(), "renew it with WEIR_REWRITE=1 unit_config");
}

TEST_CASE("the sample file loads, and shows each built key once with its default") {
  const std::string path = kTree + "/etc/pgweir.ini";
  const auto config = load({.file = path, .environment = {}});
  REQUIRE_MESSAGE(config.has_value(), (config ? "" : config.error().text));
  CHECK(config->warnings.empty());
  CHECK(config->settings == Settings{});

  std::set<std::string> shown;
  std::istringstream lines(read_all(path));
  for (std::string line, section; std::getline(lines, line);) {
    if (line.starts_with("[")) section = line;
    const auto equals = line.find(" =");
    if (section != "[pgweir]" || !line.starts_with(";") || equals == std::string::npos) continue;
    const std::string name = line.substr(1, equals - 1);
    CAPTURE(name);
    const Key* key = find_key(name, kGlobal);
    REQUIRE(key);
    CHECK(key->built());
    CHECK(shown.insert(name).second);
    const auto text = trim(std::string_view(line).substr(equals + 2));
    if (key->fallback != nullptr) CHECK(text == key->fallback);
  }
  for (const Key& key : keys()) {
    if (is_global(key) && key.built())
      CHECK_MESSAGE(shown.contains(std::string(key.name)), key.name);
  }
}

TEST_CASE("the sample file has each built key of a line above its section, with unit and default") {
  const std::string text = read_all(kTree + "/etc/pgweir.ini");
  std::size_t start = 0;
  for (const auto& [scope, section] : {std::pair{kDatabase, "databases"}, {kUser, "users"}}) {
    const std::size_t end = text.find("\n[" + std::string(section) + "]\n");
    REQUIRE(end != std::string::npos);
    const std::string above = text.substr(start, end + 1 - start);
    start = end;
    for (const Key& key : keys()) {
      if ((key.scopes & scope) == 0) continue;
      const std::string name = "\n#   " + std::string(key.name) + ": ";
      const std::string fallback = key.fallback == nullptr ? "unset" : key.fallback;
      CAPTURE(name);
      const bool there = above.find(name + type_word(key) + ", " + fallback + ". " +
                                    std::string(key.says) + "\n") != std::string::npos;
      CHECK(there == key.built());
      CHECK((above.find(name) != std::string::npos) == key.built());
    }
  }
}

TEST_CASE("the sample file still loads with every semicolon taken away, and changes no default") {
  std::istringstream lines(read_all(kTree + "/etc/pgweir.ini"));
  std::string bare;
  for (std::string line; std::getline(lines, line);) {
    bare += (line.starts_with(";") ? line.substr(1) : line) + "\n";
  }
  const auto config = load_text("pgweir.ini", bare, {{"DB_PASSWORD", "secret"}});
  REQUIRE_MESSAGE(config.has_value(), (config ? "" : config.error().text));
  CHECK(config->settings == Settings{});
  CHECK(config->databases.size() == 6);
  CHECK(config->users.size() == 1);
}
