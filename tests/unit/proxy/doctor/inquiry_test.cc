// inquiry_test.cc: what came of auth_query, and the function that is to be made.
#include "proxy/doctor/auth_function.h"

#include <fstream>
#include <sstream>

#include "unit/proxy/doctor/case.h"

using namespace weir::proxy::doctor;

namespace {

Finding judged(InquiryFacts facts, const std::string& query = "SELECT * FROM pg_authid",
               const Visit* first = nullptr) {
  Visit visit = good_visit();
  visit.user = "keeper";
  visit.asks_auth_query = query;
  visit.inquiry = std::move(facts);
  const Findings findings = judge_inquiry(visit, first);
  REQUIRE(findings.size() == 1);
  return findings[0];
}

InquiryFacts refused(const std::string& sqlstate, const std::string& complaint) {
  InquiryFacts facts;
  facts.sqlstate = sqlstate;
  facts.complaint = complaint;
  return facts;
}

InquiryFacts rows(int columns, int count, bool names_user = true, bool has_secret = true) {
  InquiryFacts facts;
  facts.columns = columns;
  facts.rows = count;
  facts.names_user = names_user;
  facts.has_secret = has_secret;
  return facts;
}

}  // namespace

TEST_CASE("an auth_query that is not permitted, or finds no function, prints the function") {
  for (const char* state : {"42501", "42883", "3F000", "42P01"}) {
    CAPTURE(state);
    const Finding finding = judged(refused(state, "no"));
    CHECK(finding.level == Level::error);
    CHECK(says(finding.cure, "In the database shop"));
    CHECK(says(finding.cure, auth_function("keeper")));
    CHECK(says(finding.cure, "auth_query = SELECT usename, passwd FROM pgweir.get_auth($1)"));
  }
}

TEST_CASE("a function whose owner may not read the secrets is not to be made again") {
  const Finding finding = judged(refused("42501", "permission denied for view pg_shadow"),
                                 "SELECT usename, passwd FROM pgweir.get_auth($1)");
  CHECK(says(finding.cure, "its owner"));
  CHECK(!says(finding.cure, "CREATE"));
}

TEST_CASE("the function is printed once, then named") {
  Visit first = good_visit();
  first.entry = "depot";
  first.user = "keeper";
  const Finding finding = judged(refused("42501", "no"), "SELECT * FROM pg_authid", &first);
  CHECK(finding.cure ==
        "Make the function that depot needs in the database shop as well; or write "
        "auth_dbname = depot, so that one database is asked for all.");
  first.user = "another";
  CHECK(says(judged(refused("42501", "no"), "SELECT 1", &first).cure, "CREATE OR REPLACE"));
}

TEST_CASE("what an answer must look like") {
  CHECK(std::string{judged(rows(3, 1)).code} == "auth_query_columns");
  CHECK(std::string{judged(rows(1, 0)).code} == "auth_query_columns");
  CHECK(std::string{judged(rows(2, 2)).code} == "auth_query_rows");
  CHECK(std::string{judged(rows(2, 0)).code} == "auth_query_finds_nobody");
  CHECK(judged(rows(2, 0)).level == Level::warning);
  CHECK(std::string{judged(rows(2, 1, false)).code} == "auth_query_other_user");
  CHECK(std::string{judged(refused("XX000", "no answer")).code} == "auth_query_failed");
  CHECK(judged(rows(2, 1)).level == Level::ok);
  InquiryFacts generous = rows(2, 1);
  generous.secret_for_nobody = true;
  CHECK(std::string{judged(generous).code} == "auth_query_secret_for_nobody");
  CHECK(says(judged(rows(2, 1, true, false)).sentence, "who has no secret"));
}

TEST_CASE("the role is named as SQL has it") {
  CHECK(says(auth_function("keeper"), "TO keeper;"));
  CHECK(says(auth_function("The \"Keeper\""), "TO \"The \"\"Keeper\"\"\";"));
  CHECK(says(auth_function("9lives"), "TO \"9lives\";"));
}

TEST_CASE("docs/SECRETS.md shows the function that the doctor prints") {
  std::stringstream page;
  page << std::ifstream(WEIR_SOURCE_DIR "/docs/SECRETS.md").rdbuf();
  CHECK(says(page.str(), auth_function("pgweir")));
  CHECK(says(page.str(), std::string{"auth_query = "} + kAuthFunctionQuery));
}
