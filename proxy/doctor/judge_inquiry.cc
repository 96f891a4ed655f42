// judge_inquiry.cc: whether auth_query finds a user's secret.
#include "proxy/doctor/auth_function.h"
#include "proxy/doctor/judges.h"

namespace weir::proxy::doctor {

namespace {

bool has(std::string_view text, std::string_view words) { return text.find(words) != text.npos; }

bool reads_catalog(std::string_view text) {
  return has(text, "pg_authid") || has(text, "pg_shadow");
}

std::string function_to_create(const Visit& visit, const Visit* first) {
  if (first != nullptr && first->user == visit.user) {
    return "Make the function that " + first->entry + " needs in the database " + visit.dbname +
           " as well; or write auth_dbname = " + first->entry +
           ", so that one database is asked for all.";
  }
  return "In the database " + visit.dbname +
         ", as a role that may read pg_shadow (a superuser; on RDS the master user), run:\n" +
         auth_function(visit.user) + "\nand write:\nauth_query = " + kAuthFunctionQuery;
}

Finding failed(const Visit& visit, const Visit* first) {
  const InquiryFacts& found = *visit.inquiry;
  const auto say = [&](const char* code, std::string sentence, std::string cure) {
    return Finding{Level::error, code, visit.entry, std::move(sentence), std::move(cure)};
  };
  const std::string why = ": " + cleaned(found.complaint);
  if (found.sqlstate == "42501") {
    // The query asks a function, and that is what may not.
    if (reads_catalog(found.complaint) && !reads_catalog(visit.asks_auth_query)) {
      return say("auth_query_not_permitted",
                 "the function that auth_query calls may not read the secrets" + why,
                 "Make a role that may read pg_shadow its owner (ALTER FUNCTION … OWNER TO …). "
                 "Where no role may, keep the secrets in auth_file.");
    }
    return say("auth_query_not_permitted", "auth_query is not permitted to " + visit.user + why,
               function_to_create(visit, first));
  }
  const bool missing =
      found.sqlstate == "42883" || found.sqlstate == "3F000" || found.sqlstate == "42P01";
  if (missing) {
    return say("auth_query_missing", "auth_query asks for what is not there" + why,
               function_to_create(visit, first));
  }
  return say("auth_query_failed", "auth_query fails" + why, "");
}

Finding odd(const Visit& visit) {
  const InquiryFacts& found = *visit.inquiry;
  const auto say = [&](Level level, const char* code, const std::string& sentence) {
    return Finding{level, code, visit.entry, "asked for " + visit.user + ", auth_query " + sentence,
                   ""};
  };
  if (found.columns != 2) {
    return say(Level::error, "auth_query_columns",
               "gives " + counted(found.columns, "column") +
                   ", and must give two: the user and "
                   "the secret");
  }
  if (found.rows > 1) {
    return say(Level::error, "auth_query_rows",
               "gives " + counted(found.rows, "row") + ", and must give one at the most");
  }
  if (found.rows == 0) {
    return say(Level::warning, "auth_query_finds_nobody",
               "finds nobody: that is so only if it leaves this user out on purpose");
  }
  if (!found.names_user) {
    return say(Level::error, "auth_query_other_user",
               "gives a row of another user: its first column must be the user's name");
  }
  if (found.secret_for_nobody) {
    return say(Level::warning, "auth_query_secret_for_nobody",
               "gives a secret for a user who does not exist: whoever knows it gets as far as "
               "PostgreSQL under any name");
  }
  return say(Level::ok, "auth_query",
             found.has_secret ? "finds the secret" : "finds the user, who has no secret");
}

}  // namespace

Findings judge_inquiry(const Visit& visit, const Visit* first) {
  if (!visit.inquiry) return {};
  return {visit.inquiry->sqlstate.empty() ? odd(visit) : failed(visit, first)};
}

}  // namespace weir::proxy::doctor
