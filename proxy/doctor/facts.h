// facts.h: what was found out about the servers and about this machine. Only collected here, judged
// in judge.h; there is no secret in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/scram_secret.h"
#include "protocol/secret.h"
#include "proxy/tls/inspect.h"

namespace weir::proxy::doctor {

using tls::Validity;

// What a server asks of a user who wants in.
enum class Asked : std::uint8_t { unknown, nothing, clear_text, md5, scram };

// A connection that was broken off before any secret was sent.
struct Knock {
  std::string unreachable = {};  // Why there is no connection; empty: there is one.
  bool timed_out = false;
  bool tls_refused = false;    // The server does not speak TLS.
  std::string tls_fault = {};  // Why there is no TLS that pgweir would go on with.
  std::string tls = {};        // As "TLSv1.3/TLS_AES_256_GCM_SHA384"; empty: in the clear.
  std::string refusal = {};    // The server's own words for letting nobody in.
  Asked asked = Asked::unknown;
  std::optional<protocol::ScramBasis> basis = {};  // That it names for the user.
};

// Client connections of a server that have the same user, application and database.
struct Activity {
  std::string user = {};
  std::string application = {};
  std::string database = {};
  std::optional<bool> from_here = {};  // Unset: we may not see where they come from.
  int count = 0;
};

// A role or a database with a limit of its own.
struct NamedLimit {
  std::string name = {};
  int connections = 0;
};

// What a server tells of itself to whoever has logged in.
struct ServerFacts {
  std::string identity;  // The same for two names of one server.
  std::string version;
  int version_number = 0;  // 150004
  int max_connections = 0;
  int reserved = 0;  // For superusers, and for whom the administrator has named.
  std::vector<Activity> activity;
  std::vector<NamedLimit> roles;  // Those that have a limit.
  std::optional<int> database_limit;
  bool in_recovery = false;
  bool pooler_between = false;  // Whom we are connected to is not who answers.
  std::int64_t idle_session_timeout_ms = 0;
  double clock_ahead_s = 0;  // Of ours,
  double clock_doubt_s = 0;  // give or take this.
  std::string tls;           // "TLSv1.3", of the connection; empty: in the clear.
  std::optional<Validity> certificate;
  std::string complaint;  // It does not answer as PostgreSQL does.
};

// What came of auth_query, asked for the user who asks.
struct InquiryFacts {
  std::string sqlstate;  // Empty: it gave an answer.
  std::string complaint;
  int columns = 0;
  int rows = 0;
  bool names_user = false;  // The first column of its only row.
  bool has_secret = false;
  bool secret_for_nobody = false;  // It gives one for a user who does not exist.
};

// One login that pgweir would make.
struct Visit {
  std::string entry;  // Of [databases]: the one whose servers it goes to.
  std::string host;   // As configured, or the directory of the unix socket.
  int port = 0;
  std::string dbname;
  std::string user;     // Empty: nobody is known who could log in.
  bool forced = false;  // The entry names the user.
  std::string source;   // Of the secret: "auth_file", "the line of the database"; empty: none.
  protocol::SecretKind kind = protocol::SecretKind::none;  // Of the best secret.
  std::vector<protocol::ScramBasis> bases;                 // Of its SCRAM secrets.
  std::string asks_auth_query;  // The text, where this is auth_user's visit; else empty.

  std::string unresolved;   // What the resolver said; empty: it knows the name.
  bool network = false;     // The way there leaves this machine.
  std::string no_password;  // Why password_command gave none.
  std::optional<Knock> knock;
  bool tried = false;             // libpq has tried to log in.
  std::string login_error;        // Of the first secret; empty: it was let in.
  bool alternate_let_in = false;  // The first secret was refused, another was not.
  std::optional<ServerFacts> server;
  std::optional<InquiryFacts> inquiry;

  // For people: "127.0.0.1:5432", "[::1]:5432", or the path of a unix socket.
  std::string where() const;
  bool logged_in() const { return tried && (login_error.empty() || alternate_let_in); }
};

// A door that pgweir is to open.
struct DoorFacts {
  std::string address = {};
  int error = 0;  // What bind() says now.
};

struct CertificateFacts {
  std::string key = {};  // client_tls_cert_file, server_tls_cert_file.
  std::string path = {};
  Validity validity = {};
};

struct HereFacts {
  std::int64_t now_s = 0;  // Since 1970.
  std::int64_t open_files_max = 0;
  std::vector<DoorFacts> doors;
  std::vector<CertificateFacts> certificates;  // Our own.
  std::vector<std::string> tls_complaints;     // As the program would log them.
};

struct Facts {
  HereFacts here;
  std::vector<Visit> visits;
};

}  // namespace weir::proxy::doctor
