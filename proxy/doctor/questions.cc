#include "proxy/doctor/questions.h"

#include <charconv>
#include <chrono>

namespace weir::proxy::doctor {

namespace {

// The columns of kItself.
enum Column : int {
  kVersion,
  kVersionNumber,
  kIdentity,
  kMaxConnections,
  kReservedForSuperusers,
  kReserved,
  kInRecovery,
  kBackendPid,
  kIdleSession,
  kDatabaseLimit,
};

// Two names of one server tell the same moment of its start, to the microsecond.
constexpr const char* kItself =
    "SELECT current_setting('server_version'), current_setting('server_version_num'), "
    "extract(epoch FROM pg_postmaster_start_time())::text || ':' || current_setting('port'), "
    "current_setting('max_connections'), current_setting('superuser_reserved_connections'), "
    "coalesce(current_setting('reserved_connections', true), '0'), pg_is_in_recovery(), "
    "pg_backend_pid(), "
    "(SELECT setting FROM pg_settings WHERE name = 'idle_session_timeout'), "
    "(SELECT datconnlimit FROM pg_database WHERE datname = current_database())";

// Of sessions of others most is hidden, but not that they are there. Who is in the middle of his
// login has no name yet.
constexpr const char* kActivity =
    "SELECT usename, application_name, datname, "
    "CASE WHEN backend_type IS NULL THEN NULL "
    "ELSE (client_addr IS NOT DISTINCT FROM inet_client_addr())::int END, count(*) "
    "FROM pg_stat_activity WHERE datname IS NOT NULL AND usename IS NOT NULL "
    "AND coalesce(backend_type, 'client backend') = 'client backend' "
    "GROUP BY 1, 2, 3, 4";

constexpr const char* kRoles =
    "SELECT rolname, rolconnlimit FROM pg_roles WHERE rolconnlimit >= 0 LIMIT 1000";

constexpr const char* kClock = "SELECT extract(epoch FROM clock_timestamp())";

// Longer than a name in PostgreSQL can be.
constexpr const char* kNobody =
    "pgweir doctor asks for a user who does not exist, to see what comes";

double seconds_of(std::chrono::system_clock::time_point at) {
  return std::chrono::duration<double>(at.time_since_epoch()).count();
}

void take_itself(const Answer& answer, int pid, ServerFacts& facts) {
  // Without the packager's part: "15.4 (Debian 15.4-1)".
  const std::string version = answer.text(0, kVersion);
  facts.version = version.substr(0, version.find(' '));
  facts.version_number = answer.number(0, kVersionNumber);
  facts.identity = answer.text(0, kIdentity);
  facts.max_connections = answer.number(0, kMaxConnections);
  facts.reserved = answer.number(0, kReservedForSuperusers) + answer.number(0, kReserved);
  facts.in_recovery = answer.text(0, kInRecovery) == "t";
  facts.pooler_between = answer.number(0, kBackendPid) != pid;
  facts.idle_session_timeout_ms = answer.number(0, kIdleSession);
  if (const int limit = answer.number(0, kDatabaseLimit); limit >= 0) facts.database_limit = limit;
}

void ask_activity(Session& session, ServerFacts& facts) {
  const Answer answer = session.ask(kActivity);
  for (int row = 0; answer.ok() && row < answer.rows(); ++row) {
    Activity each{
        answer.text(row, 0), answer.text(row, 1), answer.text(row, 2), {}, answer.number(row, 4)};
    if (!answer.null(row, 3)) each.from_here = answer.number(row, 3) != 0;
    // Ourselves, and our visits beside this one.
    if (each.application != kApplicationName) facts.activity.push_back(std::move(each));
  }
}

void ask_roles(Session& session, ServerFacts& facts) {
  const Answer answer = session.ask(kRoles);
  for (int row = 0; answer.ok() && row < answer.rows(); ++row) {
    facts.roles.push_back({answer.text(row, 0), answer.number(row, 1)});
  }
}

// The server's clock is read somewhere between question and answer.
void ask_clock(Session& session, ServerFacts& facts) {
  const double before = seconds_of(std::chrono::system_clock::now());
  const Answer answer = session.ask(kClock);
  const double after = seconds_of(std::chrono::system_clock::now());
  if (!answer.ok() || answer.rows() != 1) return;
  const std::string words = answer.text(0, 0);
  double theirs = 0;
  const auto read = std::from_chars(words.data(), words.data() + words.size(), theirs);
  if (read.ec != std::errc{}) return;
  facts.clock_ahead_s = (before + after) / 2 - theirs;
  facts.clock_doubt_s = (after - before) / 2;
}

// A query that we have not written: the server ends it before we go, so that it does not run on
// without us. LOCAL, for a pooler may stand between.
class Bounded {
 public:
  explicit Bounded(Session& session) : session_(session) {
    session_.ask("BEGIN");
    session_.ask("SET LOCAL statement_timeout = '5s'");
  }
  ~Bounded() { session_.ask("ROLLBACK"); }
  Bounded(const Bounded&) = delete;
  Bounded& operator=(const Bounded&) = delete;

 private:
  Session& session_;
};

}  // namespace

ServerFacts ask_server(Session& session) {
  ServerFacts facts;
  facts.tls = session.tls();
  facts.certificate = session.certificate();
  const Answer answer = session.ask(kItself);
  facts.complaint = answer.complaint();
  if (!facts.complaint.empty() || answer.rows() != 1) return facts;
  take_itself(answer, session.server_pid(), facts);
  ask_activity(session, facts);
  ask_roles(session, facts);
  ask_clock(session, facts);
  return facts;
}

InquiryFacts ask_inquiry(Session& session, const std::string& query, const std::string& user) {
  const Bounded bounded(session);
  const Answer answer = session.ask(query, {user});
  InquiryFacts facts;
  if (!answer.ok()) {
    facts.complaint = answer.complaint();
    facts.sqlstate = answer.sqlstate().empty() ? "XX000" : answer.sqlstate();
    return facts;
  }
  facts.columns = answer.columns();
  // A function with OUT parameters answers with a row of NULLs when it has found nobody.
  const bool nobody = answer.rows() == 1 && facts.columns > 0 && answer.null(0, 0);
  facts.rows = nobody ? 0 : answer.rows();
  facts.names_user = facts.rows == 1 && facts.columns > 0 && answer.text(0, 0) == user;
  facts.has_secret = facts.rows == 1 && facts.columns > 1 && !answer.null(0, 1);
  const Answer of_nobody = session.ask(query, {kNobody});
  facts.secret_for_nobody = of_nobody.ok() && of_nobody.rows() > 0 && of_nobody.columns() > 1 &&
                            !of_nobody.null(0, 0) && !of_nobody.null(0, 1);
  return facts;
}

}  // namespace weir::proxy::doctor
