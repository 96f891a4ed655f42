// load.h: from a file, a text or DATABASE_URL to a Config. A fault's text is a sentence that begins
// with `file:line:`; nothing is half loaded.
#pragma once

#include <string>
#include <string_view>

#include "protocol/result.h"
#include "proxy/config/config.h"

namespace weir::proxy::config {

// Reads the file, what it includes and its auth_file. Relative paths start at the working
// directory.
Result<Config> load(const std::string& path);

// The same for a text already in memory; `name` stands for the file in sentences.
Result<Config> load_text(const std::string& name, std::string_view text);

// A database without a host is reached in unix_socket_dir: a fault when that is empty. What load()
// returns has been checked; hold() may put an empty unix_socket_dir back.
Result<void> check_hosts(const Config& config);

// No file: 127.0.0.1:6432, transaction pooling, 1000 clients, one database named as in the URL.
// Clients log in by SCRAM with the URL's user and password; a URL without a password means trust,
// with a warning, which the loopback address makes bearable. Without a user it is libpq's default
// one (see default_user()), without a database the one named as the user.
Result<Config> from_environment(std::string_view database_url);

}  // namespace weir::proxy::config
