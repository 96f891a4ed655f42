// here_test.cc: doors, open files, our own certificates, strangers.
#include <cerrno>

#include "unit/proxy/doctor/case.h"

using namespace weir::proxy::doctor;

namespace {

constexpr std::int64_t kNow = 1'700'000'000;
constexpr std::int64_t kDay = 24 * 60 * 60;

HereFacts good_place() {
  HereFacts here;
  here.now_s = kNow;
  here.open_files_max = 100'000;
  return here;
}

Findings judged(const HereFacts& here, const std::string& settings = {}) {
  return judge_here(config_of(kShop, settings), here);
}

Findings strangers(const std::string& settings) { return judged(good_place(), settings); }

}  // namespace

TEST_CASE("a place as it should be draws no finding") { CHECK(judged(good_place()).empty()); }

TEST_CASE("a door that is taken is a hint, one that cannot be opened an error") {
  HereFacts here = good_place();
  here.doors = {{"127.0.0.1", EADDRINUSE}, {"10.9.9.9", EADDRNOTAVAIL}, {"::1", 0}};
  const Findings findings = judged(here);
  CHECK(findings.size() == 2);
  CHECK(found(findings, "port_in_use").level == Level::ok);
  CHECK(says(found(findings, "cannot_listen").sentence, "port 6432 of 10.9.9.9"));
}

TEST_CASE("who lets in without a password whoever reaches it is told so") {
  for (const char* type : {"trust", "any"}) {
    CAPTURE(type);
    const std::string auth = "auth_type = " + std::string{type} + "\n";
    CHECK(strangers(auth).empty());
    for (const char* address : {"*", "10.0.0.1", "::"}) {
      CAPTURE(address);
      const Findings findings = strangers(auth + "listen_addr = " + address);
      CHECK(found(findings, "open_to_all").level == Level::error);
      CHECK(says(found(findings, "open_to_all").sentence, type));
    }
    CHECK(strangers(auth + "listen_addr = 127.0.0.1, ::1").empty());
  }
}

TEST_CASE("clients without TLS are a warning, their passwords in clear text an error") {
  const std::string open = "listen_addr = *\nauth_type = ";
  CHECK(found(strangers(open + "scram-sha-256"), "clients_without_tls").level == Level::warning);
  CHECK(found(strangers(open + "plain"), "clients_without_tls").level == Level::error);
  CHECK(strangers(open + "plain\nclient_tls_sslmode = require\nclient_tls_cert_file = a\n"
                         "client_tls_key_file = b")
            .empty());
}

TEST_CASE("open files for all clients and their servers") {
  HereFacts here = good_place();
  here.open_files_max = 1024;
  CHECK(judged(here).empty());
  const Findings findings = judged(here, "max_client_conn = 1000");
  CHECK(says(found(findings, "open_files").sentence, "1024 open files"));
  CHECK(says(found(findings, "open_files").cure, "LimitNOFILE=1060"));
}

TEST_CASE("our own certificates: a month before they end, and what is wrong with the files") {
  HereFacts here = good_place();
  here.certificates = {{"client_tls_cert_file", "/a.crt", {0, kNow + 3 * kDay}},
                       {"server_tls_cert_file", "/b.crt", {0, kNow + 31 * kDay}},
                       {"server_tls_cert_file", "/c.crt", {0, kNow - kDay}}};
  here.tls_complaints = {"server_tls_cert_file /c.crt: the certificate has expired"};
  const Findings findings = judged(here);
  CHECK(findings.size() == 2);
  CHECK(says(found(findings, "certificate_ends_soon").sentence,
             "client_tls_cert_file /a.crt ends in 3 days, on 2023-11-17"));
  CHECK(found(findings, "tls_files").level == Level::error);
}

TEST_CASE("warnings of the settings are findings as well") {
  CHECK(says(found(strangers("peer_id = 3"), "settings").sentence, "is not built yet"));
}
