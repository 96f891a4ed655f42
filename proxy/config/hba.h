// hba.h: auth_hba_file: who may come from where to what, and how they prove who they are, in the
// form of pg_hba.conf (manual: 21.1). The first rule that matches decides. What PostgreSQL would
// ask its catalogs, a name server or a library that is not built in is refused when the file is
// read, and so is all that it does not know.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/result.h"
#include "proxy/config/network.h"
#include "proxy/config/sentence.h"

namespace weir::proxy::config {

enum class HbaType : std::uint8_t { local, host, hostssl, hostnossl, hostgssenc, hostnogssenc };
// `password` is a password in clear text; `cert` also on `host`: see HbaRule::client_cert.
enum class HbaMethod : std::uint8_t { trust, reject, md5, password, scram_sha_256, peer, cert };
enum class ClientCert : std::uint8_t { no, verify_ca, verify_full };
enum class ClientName : std::uint8_t { cn, dn };

// The names of one field.
struct HbaNames {
  bool all = false;
  bool replication = false;  // Physical replication, which no other word means. Databases only.
  bool same_user = false;    // The database is named as the user. Databases only.
  std::vector<std::string> names;  // In the order of their bytes, none twice.

  bool operator==(const HbaNames&) const = default;
};

struct HbaOrigin {
  enum class Kind : std::uint8_t { all, network, same_host, same_net };
  Kind kind = Kind::all;
  Network network = {};  // For Kind::network.

  bool operator==(const HbaOrigin&) const = default;
};

struct HbaRule {
  std::string place;  // `file:line`.
  HbaType type = HbaType::local;
  HbaNames databases;
  HbaNames users;
  HbaOrigin origin;  // Not for local.
  HbaMethod method = HbaMethod::reject;
  std::string map;  // Of auth_ident_file, for peer and cert; empty: the names must be equal.
  // Besides the method; verify_full with method cert. Who has not shown a certificate that holds,
  // as without TLS on a rule of type host, is refused. verify_full: `client_name` goes through map.
  ClientCert client_cert = ClientCert::no;
  ClientName client_name = ClientName::cn;

  bool operator==(const HbaRule&) const = default;
};

struct HbaRequest {
  std::optional<Ip> ip;  // Unset: a unix socket.
  bool tls = false;
  std::string_view database;
  std::string_view alias = {};  // Another name of the same database: a rule may say either.
  std::string_view user;
  bool replication = false;  // Physical: no database is meant.
};

struct Hba {
  std::vector<HbaRule> rules;
  Interfaces interfaces;                // What samehost and samenet mean.
  std::vector<std::string> files = {};  // Paths of what the file includes: see auth_lines().

  // The first rule that matches; nullptr: nobody lets this one in.
  const HbaRule* match(const HbaRequest& request) const;
  bool operator==(const Hba&) const = default;
};

// A fault's text has a line for each mistake: see Complaints. `name` stands for the file, and
// relative paths in it start at its directory.
Result<Hba> parse_hba(const std::string& name, std::string_view text, Interfaces interfaces);
// The file of this path; one that cannot be read is complained of at `said_at`, and called as it
// was `written` there if that is not empty.
Result<Hba> read_hba(const std::string& path, const Place& said_at, Interfaces interfaces,
                     const std::string& written = {});

}  // namespace weir::proxy::config
