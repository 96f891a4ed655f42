// reach_test.cc: names, connections and TLS.
#include "unit/proxy/doctor/case.h"

using namespace weir::proxy::doctor;

namespace {

Findings reach(const Visit& visit, const std::string& mode = "verify-full",
               const std::string& more = {}) {
  return judge_reach(config_of("shop = host=10.0.0.5 user=app password=x sslmode=" + mode, more),
                     visit);
}

}  // namespace

TEST_CASE("a verified connection draws no finding") { CHECK(reach(good_visit()).empty()); }

TEST_CASE("an unknown name: what the resolver said, and where the host was written") {
  Visit visit = good_visit();
  visit.unresolved = "Name or service not known";
  visit.knock.reset();
  const Findings findings = reach(visit);
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].level == Level::error);
  CHECK(says(findings[0].sentence, "cannot be resolved: Name or service not known"));
  CHECK(says(findings[0].cure, "pgweir.ini:2"));
}

TEST_CASE("refused and silent connections have cures of their own") {
  Visit visit = good_visit();
  visit.knock = Knock{.unreachable = "Connection refused"};
  CHECK(says(found(reach(visit), "cannot_connect").cure, "Does PostgreSQL run there"));
  visit.knock = Knock{.unreachable = "no answer", .timed_out = true};
  CHECK(says(found(reach(visit), "cannot_connect").cure, "firewall"));
  visit.host = "/run/pg";
  CHECK(says(found(reach(visit), "cannot_connect").cure, "unix_socket_directories"));
}

TEST_CASE("below verify-full the two settings to write are told") {
  const struct {
    const char* mode;
    Knock knock;
    const char* says;
  } cases[] = {
      {"disable", {}, "is not encrypted, as server_tls_sslmode = disable says"},
      {"prefer", {.tls_refused = true}, "the server does not offer TLS"},
      {"prefer", {.tls = "TLSv1.3"}, "nobody checks that it is the right server"},
      {"require", {.tls = "TLSv1.3"}, "nobody checks that it is the right server"},
      {"verify-ca", {.tls = "TLSv1.3"}, "does not look whose name"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.mode);
    Visit visit = good_visit();
    visit.knock = each.knock;
    const Findings findings = reach(visit, each.mode);
    const Finding& finding = found(findings, "tls_not_verified");
    CHECK(finding.level == Level::warning);
    CHECK(says(finding.sentence, each.says));
    CHECK(says(finding.cure, "server_tls_sslmode = verify-full\nserver_tls_ca_file = /etc/pgweir"));
    CHECK(says(finding.cure, "Switch on ssl") == each.knock.tls_refused);
  }
}

TEST_CASE("the authority to write is the one that is named already, or RDS's own") {
  Visit visit = good_visit();
  const auto named = reach(visit, "require", "server_tls_ca_file = /etc/own.crt");
  CHECK(says(found(named, "tls_not_verified").cure, "server_tls_ca_file = /etc/own.crt"));
  visit.host = "shop.abc.eu-central-1.rds.amazonaws.com";
  CHECK(says(found(reach(visit, "require"), "tls_not_verified").cure, "global-bundle.pem"));
}

TEST_CASE("what never leaves this machine needs no TLS") {
  Visit visit = good_visit();
  visit.network = false;
  visit.knock->tls.clear();
  CHECK(reach(visit, "disable").empty());
}

TEST_CASE("TLS that was asked for and is not to be had is an error") {
  Visit visit = good_visit();
  visit.knock = Knock{.tls_refused = true};
  CHECK(found(reach(visit, "require"), "tls_not_offered").level == Level::error);
  visit.knock = Knock{.tls_fault = "the certificate of the server has expired"};
  CHECK(says(found(reach(visit), "tls_not_trusted").sentence, "has expired"));
  CHECK(find(reach(visit, "require"), "tls_failed") != nullptr);
}
