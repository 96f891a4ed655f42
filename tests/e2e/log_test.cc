// log_test.cc: one line per fact, and whose: whole lines, as an operator greps them.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <regex>
#include <set>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"

using namespace weir::e2e;

namespace {

const std::string kStamp = "\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{3} [+-]\\d\\d:\\d\\d ";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// The client as the program sees it.
std::string address_of(const RawClient& client) {
  sockaddr_in own{};
  socklen_t size = sizeof own;
  REQUIRE(::getsockname(client.fd(), reinterpret_cast<sockaddr*>(&own), &size) == 0);
  return "127.0.0.1:" + std::to_string(ntohs(own.sin_port));
}

std::string quoted(const std::string& text) {
  return std::regex_replace(text, std::regex(R"([.\[\](){}*+?^$|\\])"), "\\$&");
}

// The id of the client of whom exactly these facts are told, in this order, one line each, or why
// there is none. `who` is "database/user".
struct Fact {
  std::string level;
  std::string what;  // A regex.
};
std::string told(const Pgweir& pgweir, const std::string& who, const std::string& address,
                 const std::vector<Fact>& facts) {
  std::vector<std::string> lines;
  eventually([&] {  // The log is written behind the program.
    lines = lines_of(pgweir.log());
    std::erase_if(lines, [&](const std::string& line) {
      return line.find("@" + address + " ") == std::string::npos;
    });
    return lines.size() >= facts.size();
  });
  std::string id;
  for (std::size_t i = 0; i < std::max(lines.size(), facts.size()); ++i) {
    if (i >= lines.size()) return "no line: " + facts[i].what;
    if (i >= facts.size()) return "one line more: " + lines[i];
    const std::regex whole(kStamp + "\\[" + std::to_string(pgweir.pid()) + "\\] " + facts[i].level +
                           " (C-[0-9]+) " + quoted(who + "@" + address) + " " + facts[i].what);
    std::smatch match;
    if (!std::regex_match(lines[i], match, whole)) return "another line: " + lines[i];
    if (i > 0 && match[1] != id) return "another id: " + lines[i];
    id = match[1];
  }
  return id;
}

bool is_id(const std::string& text) { return std::regex_match(text, std::regex("C-[0-9]+")); }

Farewell refused(RawClient& client, const std::string& user, const std::string& database) {
  client.send(startup_packet({{"user", user}, {"database", database}}));
  return client.farewell();
}

}  // namespace

TEST_CASE("a login and a disconnect: a line each, with the client's id and who it is") {
  if (is_pgbouncer()) return;
  for (const int workers : worker_counts()) {
    CAPTURE(workers);
    Pgweir pgweir(Settings::on(Postgres::shared(), workers));
    std::set<std::string> ids;
    for (const std::string user : {"alice", "bob", "alice", "carol"}) {
      RawClient client(pgweir.port());
      const std::string address = address_of(client);
      REQUIRE(client.login(user, "depot"));
      CHECK(client.value("SELECT 1") == "1");
      const bool polite = ids.size() % 2 == 0;
      if (polite) client.send(message('X', ""));
      polite ? client.close() : client.reset();
      const std::string why = polite ? "client close request" : "client unexpected eof";
      const std::string id = told(pgweir, "depot/" + user, address,
                                  {{"LOG", "login attempt: ok"},
                                   {"LOG", "closing because: " + why + " \\(age=[0-9]+s\\)"}});
      CHECK_MESSAGE(is_id(id), id);
      ids.insert(id);
    }
    CHECK(ids.size() == 4);  // Nobody's id is another's.
  }
}

TEST_CASE("a refusal: its text and SQLSTATE, and who was refused, as far as it said") {
  if (is_pgbouncer()) return;
  Settings settings = Settings::on(Postgres::shared());
  settings.line("auth_type = plain");
  settings.accounts = {{"carol", "secret"}};
  Pgweir pgweir(settings);
  const auto twice = [](const std::string& text, const std::string& sqlstate) {
    return std::vector<Fact>{
        {"WARNING", "pooler error: " + quoted(text) + " \\(" + sqlstate + "\\)"},
        {"LOG", "closing because: " + quoted(text) + " \\(age=[0-9]+s\\)"}};
  };

  RawClient wrong(pgweir.port());
  std::string address = address_of(wrong);
  wrong.send(startup_packet({{"user", "carol"}, {"database", "shop"}}));
  REQUIRE(wrong.read().has_value());
  wrong.send(message('p', zero_ended("not it")));
  Farewell farewell = wrong.farewell();
  CHECK(farewell.sqlstate == "28P01");
  std::string id = told(pgweir, "shop/carol", address, twice(farewell.text, farewell.sqlstate));
  CHECK_MESSAGE(is_id(id), id);

  RawClient nameless(pgweir.port());
  address = address_of(nameless);
  nameless.send(startup_packet({{"database", "shop"}}));
  farewell = nameless.farewell();
  CHECK(farewell.sqlstate == "28000");
  id = told(pgweir, "(nodb)/(nouser)", address, twice(farewell.text, farewell.sqlstate));
  CHECK_MESSAGE(is_id(id), id);

  RawClient speechless(pgweir.port());
  address = address_of(speechless);
  speechless.send(be32(3));
  farewell = speechless.farewell();
  CHECK(farewell.sqlstate == "08P01");
  id = told(pgweir, "(nodb)/(nouser)", address,
            {{"WARNING", "pooler error: invalid length of startup packet \\(08P01\\)"}});
  CHECK_MESSAGE(is_id(id), id);
}

TEST_CASE("names with line ends and control characters stay one line and forge none") {
  if (is_pgbouncer()) return;
  Pgweir pgweir(Settings::on(Postgres::shared()));
  const std::string evil = "eve\nLOG C-1 shop/alice@127.0.0.1:1 login\r\x1b[2J\x7f\t\x01%s{}";
  const std::string tamed = "eve LOG C-1 shop/alice@127.0.0.1:1 login  [2J   %s{}";

  RawClient user(pgweir.port());
  std::string address = address_of(user);
  CHECK(refused(user, evil, "shop").sqlstate == "28000");
  std::string id =
      told(pgweir, "shop/" + tamed, address,
           {{"WARNING", "pooler error: \"trust\" authentication failed \\(28000\\)"},
            {"LOG", "closing because: \"trust\" authentication failed \\(age=[0-9]+s\\)"}});
  CHECK_MESSAGE(is_id(id), id);

  RawClient database(pgweir.port());
  address = address_of(database);
  CHECK(refused(database, "alice", evil).sqlstate == "3D000");
  id =
      told(pgweir, tamed + "/alice", address,
           {{"WARNING", "pooler error: no such database: " + quoted(tamed) + " \\(3D000\\)"},
            {"LOG", "closing because: no such database: " + quoted(tamed) + " \\(age=[0-9]+s\\)"}});
  CHECK_MESSAGE(is_id(id), id);

  const std::regex head(kStamp + "\\[" + std::to_string(pgweir.pid()) + "\\] [A-Z]+ .*");
  for (const std::string& line : lines_of(pgweir.log())) {
    CAPTURE(line);
    CHECK(std::regex_match(line, head));
    CHECK(std::ranges::none_of(line, [](unsigned char c) { return c < 0x20 || c == 0x7f; }));
  }
}
