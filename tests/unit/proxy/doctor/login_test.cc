// login_test.cc: logins that were tried, and secrets that cannot log in.
#include "unit/proxy/doctor/case.h"

using namespace weir::proxy::doctor;
using weir::protocol::ScramBasis;
using weir::protocol::SecretKind;

namespace {

const auto kLogins = [](const Visit& visit, const std::string& settings = {}) {
  return judge_login(config_of("shop = host=10.0.0.5", settings), visit);
};

// app has nothing but a hash in auth_file, and the server asks for `asked`.
Visit hashed_visit(SecretKind kind, Asked asked) {
  Visit visit = good_visit();
  visit.forced = false;
  visit.kind = kind;
  visit.source = "auth_file";
  visit.tried = false;
  visit.server.reset();
  visit.knock->asked = asked;
  return visit;
}

ScramBasis basis(std::uint8_t salt, std::uint32_t iterations = 4096) {
  return {{salt, salt}, iterations};
}

Visit scram_visit(ScramBasis ours, ScramBasis theirs) {
  Visit visit = hashed_visit(SecretKind::scram, Asked::scram);
  visit.bases = {std::move(ours)};
  visit.knock->basis = std::move(theirs);
  return visit;
}

const char* const kScram = "auth_type = scram-sha-256";

}  // namespace

TEST_CASE("who was let in is told with the version and what carries the connection") {
  Visit visit = good_visit();
  visit.server->tls = "TLSv1.3";
  CHECK(found(kLogins(visit), "logged_in").sentence ==
        "app logs in to 10.0.0.5:5432: PostgreSQL 15.4, TLSv1.3");
  visit.server->tls.clear();
  CHECK(says(found(kLogins(visit), "logged_in").sentence, "in the clear"));
}

TEST_CASE("who was refused is told in PostgreSQL's words, with the place of the cure") {
  const struct {
    const char* said;
    const char* source;
    const char* cure;
  } cases[] = {
      {"FATAL:  password authentication failed for user \"app\"", "auth_file", "than auth_file"},
      {"FATAL:  password authentication failed for user \"app\"", "", "password="},
      {"fe_sendauth: no password supplied", "", "at pgweir.ini:2"},
      {"FATAL:  no pg_hba.conf entry for host", "auth_file", "pg_hba.conf"},
      {"FATAL:  database \"shop\" does not exist", "auth_file", "dbname="},
      {"FATAL:  sorry, too many clients already", "auth_file", "Raise the limit"},
      {"private key file \"k\" has group or world access", "auth_file", "chmod 600"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.said);
    Visit visit = good_visit();
    visit.login_error = each.said;
    visit.source = each.source;
    const Findings findings = kLogins(visit);
    const Finding& finding = found(findings, "cannot_log_in");
    CHECK(finding.level == Level::error);
    CHECK(says(finding.sentence, "app cannot log in to 10.0.0.5:5432: " + cleaned(each.said)));
    CHECK(says(finding.cure, each.cure));
  }
}

TEST_CASE("a second password that lets in is a warning") {
  Visit visit = good_visit();
  visit.login_error = "FATAL:  password authentication failed for user \"app\"";
  visit.alternate_let_in = true;
  const Findings findings = kLogins(visit);
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Level::warning);
}

TEST_CASE("a command that printed nothing keeps the login from being tried") {
  Visit visit = good_visit();
  visit.tried = false;
  visit.no_password = "the command printed nothing";
  const Findings findings = kLogins(visit);
  REQUIRE(findings.size() == 1);
  CHECK(says(findings[0].sentence, "printed nothing"));
}

TEST_CASE("an md5 hash answers md5 alone") {
  const auto fine = kLogins(hashed_visit(SecretKind::md5, Asked::md5));
  CHECK(found(fine, "login_not_tried").level == Level::ok);
  for (const Asked asked : {Asked::scram, Asked::clear_text}) {
    const auto bad = kLogins(hashed_visit(SecretKind::md5, asked));
    CHECK(found(bad, "md5_cannot_log_in").level == Level::error);
  }
}

TEST_CASE("a SCRAM secret passes through where the server has the very same") {
  CHECK(found(kLogins(scram_visit(basis(1), basis(1)), kScram), "scram_pass_through").level ==
        Level::ok);
  for (const auto& other : {basis(2), basis(1, 5000)}) {
    const Findings findings = kLogins(scram_visit(basis(1), other), kScram);
    CHECK(found(findings, "scram_differs").level == Level::error);
    CHECK(says(found(findings, "scram_differs").cure, "pg_authid"));
  }
}

TEST_CASE("a SCRAM secret logs in nowhere without a client that has proved it") {
  Visit visit = scram_visit(basis(1), basis(1));
  visit.forced = true;
  CHECK(says(found(kLogins(visit, kScram), "scram_without_client").sentence, "forced"));
  visit.forced = false;
  visit.asks_auth_query = "SELECT 1";
  CHECK(says(found(kLogins(visit, kScram), "scram_without_client").sentence, "auth_user"));
  visit.asks_auth_query.clear();
  CHECK(find(kLogins(visit, "auth_type = trust"), "scram_not_proved") != nullptr);
  CHECK(find(kLogins(visit, "auth_type = md5"), "scram_pass_through") != nullptr);
  CHECK(kLogins(visit, "auth_type = plain").empty());
  visit.knock->asked = Asked::md5;
  CHECK(find(kLogins(visit, kScram), "scram_not_asked") != nullptr);
}

TEST_CASE("min_pool_size waits for a client where there is a SCRAM secret alone") {
  const Visit visit = scram_visit(basis(1), basis(1));
  CHECK(find(kLogins(visit, kScram), "scram_min_pool_size") == nullptr);
  const auto kept = kLogins(visit, std::string{kScram} + "\nmin_pool_size = 2");
  CHECK(found(kept, "scram_min_pool_size").level == Level::warning);
}

TEST_CASE("a refusal before any secret is asked for is told as it is") {
  Visit visit = hashed_visit(SecretKind::scram, Asked::unknown);
  visit.knock->refusal = "no pg_hba.conf entry for host";
  CHECK(says(found(kLogins(visit, kScram), "cannot_log_in").sentence, "no pg_hba.conf entry"));
}

TEST_CASE("a password in clear text over a connection in the clear is an error") {
  Visit visit = good_visit();
  visit.knock = Knock{.asked = Asked::clear_text};
  CHECK(found(kLogins(visit), "clear_text_password").level == Level::error);
  visit.knock->tls = "TLSv1.3";
  CHECK(find(kLogins(visit), "clear_text_password") == nullptr);
  visit.knock->tls.clear();
  visit.network = false;
  CHECK(find(kLogins(visit), "clear_text_password") == nullptr);
}
