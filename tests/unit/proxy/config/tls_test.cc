// tls_test.cc: what the settings say of TLS, for all and for one database, and what they ask of
// each other.
#include <doctest/doctest.h>

#include <string>

#include "proxy/config/load.h"
#include "tests/unit/proxy/config/loading.h"

using namespace weir::proxy::config;

TEST_CASE("the settings of both sides fill the two TlsSettings") {
  const Config config = loaded(
      "[pgweir]\nclient_tls_sslmode = verify-full\nclient_tls_ca_file = ca\n"
      "client_tls_cert_file = c\nclient_tls_key_file = k\nclient_tls_protocols = tlsv1.3\n"
      "client_tls_ciphers = HIGH\nclient_tls13_ciphers = X\nclient_tls_ecdhcurve = P-256\n"
      "client_tls_dheparams = none\nserver_tls_sslmode = require\nserver_tls_ca_file = sca\n"
      "server_tls_cert_file = sc\nserver_tls_key_file = sk\nserver_tls_protocols = all\n"
      "server_tls_ciphers = LOW\nserver_tls13_ciphers = Y\nserver_tls_negotiation = direct\n");
  CHECK(config.settings.client_tls == TlsSettings{.mode = SslMode::verify_full,
                                                  .ca_file = "ca",
                                                  .cert_file = "c",
                                                  .key_file = "k",
                                                  .protocols = "tlsv1.3",
                                                  .ciphers = "HIGH",
                                                  .tls13_ciphers = "X",
                                                  .ecdhcurve = "P-256",
                                                  .dheparams = "none"});
  CHECK(config.settings.server_tls == TlsSettings{.mode = SslMode::require,
                                                  .ca_file = "sca",
                                                  .cert_file = "sc",
                                                  .key_file = "sk",
                                                  .protocols = "all",
                                                  .ciphers = "LOW",
                                                  .tls13_ciphers = "Y",
                                                  .direct = true});
}

TEST_CASE("a database has its own TLS over the global one, field by field") {
  const Config config = loaded(
      "[pgweir]\nserver_tls_sslmode = require\nserver_tls_ca_file = ca\n[databases]\n"
      "plain =\nown = server_tls_sslmode=verify-ca server_tls_ca_file=other\n"
      "off = sslmode=disable\n"
      "full = server_tls_protocols=tlsv1.3 server_tls_ciphers=A server_tls13_ciphers=B "
      "server_tls_cert_file=c server_tls_key_file=k server_tls_negotiation=direct\n");
  const auto tls = [&](const char* name) { return config.server_tls(*config.find_database(name)); };
  CHECK(tls("plain") == config.settings.server_tls);
  CHECK(tls("own") == TlsSettings{.mode = SslMode::verify_ca, .ca_file = "other"});
  CHECK(tls("off") == TlsSettings{.mode = SslMode::disable, .ca_file = "ca"});
  CHECK(tls("full") == TlsSettings{.mode = SslMode::require,
                                   .ca_file = "ca",
                                   .cert_file = "c",
                                   .key_file = "k",
                                   .protocols = "tlsv1.3",
                                   .ciphers = "A",
                                   .tls13_ciphers = "B",
                                   .direct = true});
}

TEST_CASE("libpq's words mean the same, in words and in a URI, and the last one wins") {
  const TlsSettings expected{.mode = SslMode::verify_full,
                             .ca_file = "/ca",
                             .cert_file = "/c",
                             .key_file = "/k",
                             .direct = true};
  for (const char* line :
       {"a = sslmode=verify-full sslrootcert=/ca sslcert=/c sslkey=/k sslnegotiation=direct",
        "a = postgresql://h/d?sslmode=verify-full&sslrootcert=/ca&sslcert=/c&sslkey=/k"
        "&sslnegotiation=direct",
        "a = postgresql://h/d?sslmode=disable&sslcert=/c&sslkey=/k&sslnegotiation=direct "
        "sslmode=verify-full server_tls_ca_file=/ca",
        "a = server_tls_sslmode=disable sslmode=verify-full sslrootcert=/ca sslcert=/c sslkey=/k "
        "server_tls_negotiation=direct"}) {
    CAPTURE(line);
    const Config config = with_database(line);
    CHECK(config.server_tls(*config.find_database("a")) == expected);
  }
  CHECK(has(database_complaint("a = postgresql://h/d?sslmode=no-verify"),
            "\"no-verify\" is no choice for sslmode"));
  CHECK(has(database_complaint("a = sslmode=on"), "\"on\" is no choice for sslmode"));
}

TEST_CASE("channel binding: the database's over the global") {
  const Config config = loaded(
      "[pgweir]\nserver_channel_binding = disable\n[databases]\nplain =\n"
      "own = channel_binding=require\nuri = postgresql://h/d?channel_binding=prefer\n");
  const auto binding = [&](const char* name) {
    return config.channel_binding(*config.find_database(name));
  };
  CHECK(binding("plain") == ChannelBinding::disable);
  CHECK(binding("own") == ChannelBinding::require);
  CHECK(binding("uri") == ChannelBinding::prefer);
}

TEST_CASE("the system's authorities prove nothing but with the name, so that is checked") {
  const Config config = with_database("a = sslrootcert=system\nb = sslrootcert=/ca");
  CHECK(config.server_tls(*config.find_database("a")).mode == SslMode::verify_full);
  CHECK(config.server_tls(*config.find_database("b")).mode == SslMode::prefer);
  CHECK(database_complaint("a = sslrootcert=system sslmode=verify-ca") ==
        "t.ini:3: database \"a\": the authorities of the system vouch for everybody: with "
        "server_tls_ca_file = system goes server_tls_sslmode = verify-full");
  CHECK(database_complaint("a = sslrootcert=system sslmode=disable") == "accepted");
  CHECK(has(setting_complaint("server_tls_ca_file = system"), "t.ini:2: the authorities"));
  CHECK(setting_complaint("server_tls_ca_file = system\nserver_tls_sslmode = verify-full") ==
        "accepted");
}

TEST_CASE("verify-full does not take the address for the name that a certificate must bear") {
  const std::string said =
      ": database \"a\": verify-full with host and hostaddr together is not built: the certificate "
      "would have to bear the address; leave hostaddr out";
  CHECK(database_complaint("a = host=db hostaddr=10.0.0.1 sslmode=verify-full") ==
        "t.ini:3" + said);
  CHECK(database_complaint("a = postgresql://db/d?sslmode=verify-full hostaddr=10.0.0.1") ==
        "t.ini:3" + said);
  CHECK(complaint("[pgweir]\nserver_tls_sslmode = verify-full\n[databases]\n"
                  "a = hostaddr=10.0.0.1 host=db\n") == "t.ini:4" + said);
  CHECK(database_complaint("a = host=db hostaddr=10.0.0.1 sslmode=verify-ca") == "accepted");
  CHECK(database_complaint("a = hostaddr=10.0.0.1 sslmode=verify-full") == "accepted");
}

TEST_CASE("TLS with clients needs a certificate and its key") {
  const std::string said =
      "client_tls_sslmode above disable needs client_tls_cert_file and client_tls_key_file";
  for (const char* mode : {"allow", "prefer", "require"}) {
    const std::string line = "client_tls_sslmode = " + std::string(mode);
    CHECK(setting_complaint(line) == "t.ini:2: " + said);
    CHECK(setting_complaint(line + "\nclient_tls_cert_file = c") == "t.ini:2: " + said);
    CHECK(setting_complaint(line + "\nclient_tls_cert_file = c\nclient_tls_key_file = k") ==
          "accepted");
  }
  const std::string both = "\nclient_tls_cert_file = c\nclient_tls_key_file = k";
  CHECK(setting_complaint("client_tls_sslmode = verify-ca" + both) ==
        "t.ini:2: client_tls_sslmode = verify-ca and verify-full need client_tls_ca_file");
  CHECK(setting_complaint("client_tls_cert_file = c") == "accepted");
}

TEST_CASE("settings of servers' TLS that cannot hold together are refused where they stand") {
  const std::string direct =
      "direct TLS with servers needs server_tls_sslmode = require, verify-ca or verify-full";
  CHECK(setting_complaint("server_tls_negotiation = direct") == "t.ini:2: " + direct);
  CHECK(setting_complaint("server_tls_negotiation = direct\nserver_tls_sslmode = require") ==
        "accepted");
  CHECK(database_complaint("a = sslnegotiation=direct") == "t.ini:3: database \"a\": " + direct);
  CHECK(setting_complaint("server_tls_key_file = k") ==
        "t.ini:2: server_tls_cert_file and server_tls_key_file need each other");
  CHECK(has(database_complaint("a = sslcert=c"), "database \"a\": server_tls_cert_file and"));
  const std::string binding =
      "channel binding is required, and server_tls_sslmode = disable leaves nothing to bind to";
  CHECK(database_complaint("a = channel_binding=require sslmode=disable") ==
        "t.ini:3: database \"a\": " + binding);
  CHECK(setting_complaint("server_channel_binding = require\nserver_tls_sslmode = disable") ==
        "t.ini:2: " + binding);
  CHECK(has(setting_complaint("server_tls_protocols = tlsv1.2, ssl3"),
            "t.ini:2: server_tls_protocols is a list of"));
  CHECK(setting_complaint("client_tls_protocols = tlsv1.2,tlsv1.3") == "accepted");
}

TEST_CASE("verify-ca with the authorities of the world draws a warning, one") {
  const auto warnings = [](const std::string& words) {
    return loaded("[pgweir]\n[databases]\na = host=db " + words + "\nb = host=db " + words + "\n")
        .warnings;
  };
  const auto open = warnings("sslmode=verify-ca");
  REQUIRE(open.size() == 1);
  CHECK(has(open[0], "t.ini:3: database \"a\": verify-ca with the system's authorities takes any"));
  CHECK(warnings("sslmode=verify-ca sslrootcert=own.crt").empty());
  CHECK(warnings("sslmode=verify-full").empty());
}
