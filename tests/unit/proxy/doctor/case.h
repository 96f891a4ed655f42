// case.h: configurations from text, and visits that found all well: each test spoils one thing.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "proxy/config/load.h"
#include "proxy/doctor/judges.h"

namespace weir::proxy::doctor {

inline config::Config config_of(const std::string& databases, const std::string& settings = {}) {
  auto config = config::load_text(
      "pgweir.ini",
      "[databases]\n" + databases + "\n[pgweir]\nlisten_addr = 127.0.0.1\n" + settings + "\n");
  REQUIRE_MESSAGE(config.has_value(), config.error().text);
  return std::move(*config);
}

inline ServerFacts good_server() {
  ServerFacts server;
  server.identity = "one";
  server.version = "15.4";
  server.version_number = 150004;
  server.max_connections = 100;
  server.reserved = 3;
  return server;
}

// app, forced, logs in to shop at 10.0.0.5 by a verified certificate.
inline Visit good_visit() {
  Visit visit;
  visit.entry = visit.dbname = "shop";
  visit.host = "10.0.0.5";
  visit.port = 5432;
  visit.user = "app";
  visit.forced = true;
  visit.source = "password= at pgweir.ini:2";
  visit.kind = protocol::SecretKind::plain;
  visit.network = true;
  visit.knock = Knock{.tls = "TLSv1.3/TLS_AES_256_GCM_SHA384", .asked = Asked::scram};
  visit.tried = true;
  visit.server = good_server();
  return visit;
}

inline const char* const kShop = "shop = host=10.0.0.5 user=app password=x sslmode=verify-full";

inline const Finding* find(const Findings& findings, std::string_view code) {
  const auto at = std::find_if(findings.begin(), findings.end(),
                               [&](const Finding& finding) { return finding.code == code; });
  return at == findings.end() ? nullptr : &*at;
}

// REQUIRES: there is one.
inline const Finding& found(const Findings& findings, std::string_view code) {
  const Finding* const finding = find(findings, code);
  REQUIRE_MESSAGE(finding != nullptr, code << " was not found");
  return *finding;
}

inline bool says(const std::string& text, std::string_view words) {
  return text.find(words) != text.npos;
}

}  // namespace weir::proxy::doctor
