// entry.h: how a client asks to be let in, and what it is told at the door.
#pragma once

#include <string>

#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"

namespace weir::e2e {

// What a client that answers every question with a password in clear text was told.
struct Entry {
  bool in = false;
  std::string talk;  // The messages by their tags, requests by their codes, too: "R3 E".
  std::string sqlstate;
  std::string text;
};

// By a connection of its own from 127.0.0.1.
Entry enter(const Pgweir& pgweir, const std::string& user, const std::string& password,
            const std::string& database = "shop");
Entry enter(RawClient& client, const std::string& user, const std::string& password,
            const std::string& database = "shop");

std::string password_is(const std::string& text);  // For a conninfo, quoted.
std::string by_unix(const Pgweir& pgweir, const std::string& user,
                    const std::string& database = "shop", const std::string& more = {});
// The console, for the program's own user, who needs no password there.
Session console_by_right(const Pgweir& pgweir);
// The files, and a RELOAD, which must succeed. As Pgweir::reload() where the console asks for more.
void reload_by_right(Pgweir& pgweir, const Settings& settings);

bool logs(const Pgweir& pgweir, const std::string& words);  // Now or soon.
int times_in(const std::string& text, const std::string& words);

}  // namespace weir::e2e
