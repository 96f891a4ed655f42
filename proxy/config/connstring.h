// connstring.h: connection strings, by words as pgbouncer.ini writes them and by libpq's parser for
// what goes to libpq: connection keys and postgresql:// URIs. No sentence here quotes a value that
// could be, or could be a torn-off piece of, a password.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/expand.h"
#include "proxy/config/sentence.h"

namespace weir::proxy::config {

// One key=value. A URI has an empty key and stands first.
struct Word {
  std::string key;
  std::string value;
  bool secret = false;  // A variable of the environment is in it: no sentence may quote it.
  bool operator==(const Word&) const = default;
};

// `key=value` between spaces; spaces around the =; single quotes around a value that has spaces,
// with '' for a quote. A value is never empty. A URI, or a ${NAME} that holds one, may stand first.
Said<std::vector<Word>> split_words(std::string_view text);

// The same with variables put in. What comes out of one stays one value, whatever it holds: no word
// begins in it, and no part of a URI ends.
Said<std::vector<Word>> read_words(std::string_view text, const Environment& environment);

bool is_uri(std::string_view text);

// Whether libpq has a connection option of this name.
bool is_libpq_option(std::string_view name);

// The user that libpq takes where none is named: PGUSER, else the operating system's name for us;
// empty: there is none.
std::string default_user();

struct Connection {
  std::vector<Word> options;  // Of those pgweir uses: host hostaddr port dbname user password
                              // client_encoding application_name options sslmode sslrootcert
                              // sslcert sslkey channel_binding; of a URI also sslnegotiation, and
                              // load_balance_hosts, disable or random.
  std::vector<std::string> warnings;  // Without a place.
};

// What a URI says. Query parameters that only an ORM knows (pgbouncer=true, connection_limit,
// schema) are left out with a warning; a promise that pgweir does not keep (sslcrl=…) is refused.
Said<Connection> read_uri(const Word& uri);

// The same for words whose keys are all libpq's.
Said<Connection> read_options(const std::vector<Word>& words);

}  // namespace weir::proxy::config
