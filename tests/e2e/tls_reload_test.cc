// tls_reload_test.cc: certificates, keys and authorities that change under a running program: by
// RELOAD, and by themselves where their files are watched.
#include <doctest/doctest.h>
#include <openssl/tls1.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "tests/e2e/harness/papers.h"
#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/raw_client.h"
#include "tests/e2e/harness/session.h"

using namespace weir::e2e;

namespace {

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

weir::certs::Certificate named(const Papers& papers, const std::string& common_name) {
  return papers.root.make_certificate({.common_name = common_name});
}

// Whom a new client meets; what went wrong in angle brackets.
std::string met(const Pgweir& pgweir, const SealTerms& terms = {}) {
  RawClient client(pgweir.port());
  const char answer = client.ask_for_tls();
  if (answer != 'S') return std::string("<answered ") + answer + ">";
  if (!client.encrypt(terms) || !client.login()) return "<refused>";
  return client.seal()->peer_name();
}

// RELOAD with these settings; what the console is told beside.
std::string reload(Pgweir& pgweir, const Settings& settings) {
  pgweir.write(settings);
  Session console(pgweir.conninfo("admin", "pgweir", "sslmode=prefer"));
  REQUIRE_MESSAGE(console.alive(), console.error());
  const Answer answer = console.exec("RELOAD");
  std::string told = answer.ok() ? "" : answer.text();
  for (const std::string& notice : console.notices()) told += notice;
  return told;
}

Settings for_clients(const Papers& papers, const std::string& mode, int workers = 1) {
  return papers.for_clients(Settings::on(Postgres::shared(), workers), mode);
}

}  // namespace

// --- What clients are shown.

TEST_CASE("RELOAD: new clients meet the new certificate, and those before stay") {
  for (const int workers : worker_counts()) {
    const Papers papers;
    Settings settings = for_clients(papers, "require", workers).line("watch_files = 0");
    Pgweir pgweir(settings);
    RawClient before(pgweir.port());
    REQUIRE(before.start_tls());
    REQUIRE(before.login());
    REQUIRE(before.ask("BEGIN"));
    papers.put("pooler", named(papers, "second"));
    CHECK(met(pgweir) == "pooler.test");  // Nobody has asked for it yet.
    CHECK(reload(pgweir, settings) == "");
    CHECK(met(pgweir) == "second");
    CHECK(before.value("SELECT 41 + 1") == "42");
    CHECK(before.ask("COMMIT"));
    CHECK(before.value("SELECT 41 + 1") == "42");
  }
}

TEST_CASE("a certificate that is renamed over is found without a word") {
  for (const int workers : worker_counts()) {
    const Papers papers;
    Pgweir pgweir(for_clients(papers, "require", workers));
    RawClient before(pgweir.port());
    REQUIRE(before.start_tls());
    REQUIRE(before.login());
    for (const char* name : {"second", "third"}) {
      papers.put("pooler", named(papers, name));
      CHECK(eventually([&] { return met(pgweir) == name; }, Deadline::in(20s)));
    }
    CHECK(before.value("SELECT 41 + 1") == "42");
  }
}

TEST_CASE("a volume whose ..data is swapped, as Kubernetes does it, is found without a word") {
  const Papers papers;
  const auto volume = [&](const std::string& name, const std::string& common_name) {
    const auto shown = named(papers, common_name);
    REQUIRE(::mkdir(papers.path(name).c_str(), 0700) == 0);
    papers.put(name + "/tls.crt", shown.text);
    papers.put(name + "/tls.key", shown.key);
  };
  const auto lead_to = [&](const std::string& name) {
    REQUIRE(::symlink(name.c_str(), papers.path("..data_tmp").c_str()) == 0);
    REQUIRE(std::rename(papers.path("..data_tmp").c_str(), papers.path("..data").c_str()) == 0);
  };
  volume("..first", "first");
  lead_to("..first");
  for (const char* file : {"tls.crt", "tls.key"}) {
    const std::string to = std::string("..data/") + file;
    REQUIRE(::symlink(to.c_str(), papers.path(file).c_str()) == 0);
  }
  Pgweir pgweir(for_clients(papers, "require", 3)
                    .line("client_tls_cert_file = " + papers.path("tls.crt"))
                    .line("client_tls_key_file = " + papers.path("tls.key")));
  CHECK(met(pgweir) == "first");
  for (const char* name : {"second", "third"}) {
    volume(std::string("..") + name, name);
    lead_to(std::string("..") + name);
    CHECK(eventually([&] { return met(pgweir) == name; }, Deadline::in(20s)));
  }
}

TEST_CASE("a broken file keeps the last good one, and RELOAD and the log say which") {
  const Papers papers;
  Settings settings = for_clients(papers, "require").line("watch_files = 0");
  Pgweir pgweir(settings);
  const std::string cert = papers.path("pooler.crt");
  const std::string key = papers.path("pooler.key");
  struct Broken {
    std::string name;
    std::string file;
    std::string content;
    std::string why;
  };
  const Broken all[] = {
      {"an empty certificate", "pooler.crt", "", cert + ": holds no certificate"},
      {"a torn certificate", "pooler.crt", papers.pooler.text.substr(0, 200), cert + ": "},
      {"nonsense", "pooler.crt", "nonsense\n", cert + ": holds no certificate"},
      {"an empty key", "pooler.key", "", key + ": holds no private key"},
      {"another's key", "pooler.key", named(papers, "x").key, key + ": does not match"},
      {"a key with a password", "pooler.key", weir::certs::encrypted_key(papers.pooler, "open"),
       key + ": is encrypted"},
  };
  for (const Broken& broken : all) {
    CAPTURE(broken.name);
    papers.put(broken.file, broken.content);
    const std::string told = reload(pgweir, settings);
    CHECK_MESSAGE(holds(told, broken.why), told);
    CHECK(eventually([&] { return holds(pgweir.log(), broken.why); }));
    CHECK(met(pgweir) == "pooler.test");
    papers.put("pooler", papers.pooler);
  }
  REQUIRE(std::remove(key.c_str()) == 0);
  CHECK(holds(reload(pgweir, settings), key + ": no such file"));
  CHECK(met(pgweir) == "pooler.test");
  papers.put("pooler", named(papers, "mended"));
  CHECK(reload(pgweir, settings) == "");
  CHECK(met(pgweir) == "mended");
}

TEST_CASE("a watched file that breaks keeps the last good one until it is mended") {
  const Papers papers;
  Pgweir pgweir(for_clients(papers, "require", 3));
  papers.put("pooler.crt", "nonsense\n");
  const std::string why = papers.path("pooler.crt") + ": holds no certificate";
  CHECK(eventually([&] { return holds(pgweir.log(), why); }, Deadline::in(20s)));
  CHECK(met(pgweir) == "pooler.test");
  papers.put("pooler", named(papers, "mended"));
  CHECK(eventually([&] { return met(pgweir) == "mended"; }, Deadline::in(20s)));
}

TEST_CASE("a start with broken files fails, and says which all are") {
  const Papers papers;
  const std::string ini = papers.path("pgweir.ini");
  const auto start = [&] {
    const Scratch scratch;
    write_file(
        ini,
        "[databases]\nshop = host=127.0.0.1\n[pgbouncer]\nauth_type = any\n"
        "listen_port = " +
            std::to_string(Port().number()) +
            "\nclient_tls_sslmode = require\nclient_tls_cert_file = " + papers.path("pooler.crt") +
            "\nclient_tls_key_file = " + papers.path("pooler.key") +
            "\nserver_tls_sslmode = verify-ca\nserver_tls_ca_file = " + papers.path("ca.crt") +
            "\n");
    return run_program(scratch, {ini});
  };
  papers.put("pooler.key", "nonsense\n");
  const Run broken = start();
  CHECK(broken.ending == 1);
  for (const std::string& why : {papers.path("pooler.key") + ": holds no private key",
                                 papers.path("ca.crt") + ": no such"}) {
    CHECK_MESSAGE(holds(broken.output, why), broken.output);
  }
}

// --- Other settings.

TEST_CASE("RELOAD changes client_tls_sslmode for those who come") {
  for (const int workers : worker_counts()) {
    const Papers papers;
    Settings off = Settings::on(Postgres::shared(), workers);
    const Settings require = for_clients(papers, "require", workers);
    Pgweir pgweir(off);
    Session plain(pgweir.conninfo());
    REQUIRE(plain.alive());
    CHECK(met(pgweir) == "<answered N>");
    CHECK(reload(pgweir, require) == "");
    CHECK(met(pgweir) == "pooler.test");
    CHECK(holds(Session(pgweir.conninfo()).error(), "SSL required"));
    CHECK(plain.value("SELECT 1") == "1");
    Session sealed(pgweir.conninfo("alice", "shop", "sslmode=require"));
    REQUIRE(sealed.alive());
    CHECK(reload(pgweir, off) == "");
    CHECK(met(pgweir) == "<answered N>");
    CHECK(sealed.value("SELECT 1") == "1");
    CHECK(plain.value("SELECT 1") == "1");
    CHECK(Session(pgweir.conninfo()).alive());
  }
}

TEST_CASE("another client_tls_ca_file: who was known is known no more, nor by a resumed session") {
  const Papers papers;
  const auto alice = papers.put_client("alice");
  const auto strange = papers.put_client("alice", "strange", papers.stranger);
  Pgweir pgweir(for_clients(papers, "verify-full").line("auth_type = cert"));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    papers.put("root.crt", papers.root.text());
    REQUIRE(eventually([&] { return met(pgweir, {.own = alice}) == "pooler.test"; }));
    RawClient first(pgweir.port());
    REQUIRE(first.start_tls({.version_max = version, .own = alice}));
    REQUIRE(first.login());
    const std::string kept = first.seal()->session();
    CHECK(met(pgweir, {.version_max = version, .session = kept}) == "pooler.test");
    CHECK(met(pgweir, {.version_max = version, .own = strange}) == "<refused>");
    papers.put("root.crt", papers.stranger.text());
    REQUIRE(eventually(
        [&] { return met(pgweir, {.version_max = version, .own = strange}) == "pooler.test"; }));
    CHECK(met(pgweir, {.version_max = version, .session = kept}) == "<refused>");
    CHECK(met(pgweir, {.version_max = version, .own = alice}) == "<refused>");
    CHECK(first.value("SELECT 41 + 1") == "42");  // It was let in.
  }
}
