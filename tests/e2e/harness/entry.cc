// entry.cc: see entry.h.
#include "tests/e2e/harness/entry.h"

#include <doctest/doctest.h>

namespace weir::e2e {

Entry enter(RawClient& client, const std::string& user, const std::string& password,
            const std::string& database) {
  Entry entry;
  client.send(startup_packet({{"user", user}, {"database", database}}));
  while (const auto next = client.read()) {
    entry.talk += (entry.talk.empty() ? "" : " ") + std::string(1, next->tag);
    if (next->tag == 'R') {
      const std::uint32_t code = from_be32(next->body);
      entry.talk += std::to_string(code);
      if (code == 3) client.send(message('p', zero_ended(password)));
    }
    if (next->tag == 'E') {
      auto fields = fields_of(next->body);
      entry.sqlstate = fields['C'];
      entry.text = fields['M'];
    }
    entry.in = next->tag == 'Z';
    if (entry.in || next->tag == 'E') break;
  }
  return entry;
}

Entry enter(const Pgweir& pgweir, const std::string& user, const std::string& password,
            const std::string& database) {
  RawClient client(pgweir.port());
  return enter(client, user, password, database);
}

std::string password_is(const std::string& text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return "password='" + quoted + "'";
}

std::string by_unix(const Pgweir& pgweir, const std::string& user, const std::string& database,
                    const std::string& more) {
  return "host=" + pgweir.file("") + " port=" + std::to_string(pgweir.port()) + " user=" + user +
         " dbname=" + database + " " + more;
}

Session console_by_right(const Pgweir& pgweir) {
  return Session(by_unix(pgweir, "pgweir", "pgweir"));
}

void reload_by_right(Pgweir& pgweir, const Settings& settings) {
  pgweir.write(settings);
  console_by_right(pgweir).run("RELOAD");
}

bool logs(const Pgweir& pgweir, const std::string& words) {
  return eventually([&] { return pgweir.log().find(words) != std::string::npos; });
}

int times_in(const std::string& text, const std::string& words) {
  int times = 0;
  for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++times;
  return times;
}

}  // namespace weir::e2e
