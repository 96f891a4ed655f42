#include "proxy/tls/contexts.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/unit/proxy/tls/talk.h"

using namespace weir;
using namespace weir::proxy;
using namespace weir::proxy::tls::tests;

namespace {

using Sentences = std::vector<std::string>;

// What our certificate is bound by, as the next client sees it.
Buffer shown_to_clients(Scene& scene) {
  Talk talk = scene.talk();
  talk.run();
  REQUIRE(talk.established());
  return talk.listener.codec->end_point();
}

certs::Certificate another(const Scene& scene) {
  return scene.authority.make_certificate({.names = {"db.example.com"}});
}

}  // namespace

TEST_CASE("before the first load nothing is offered, and no server can be met") {
  tls::Contexts contexts;
  CHECK_FALSE(contexts.for_clients());
  CHECK(contexts.accept(false) == nullptr);
  const auto codec = contexts.connect({.mode = SslMode::require}, "db");
  REQUIRE_FALSE(codec.has_value());
  CHECK(std::string{codec.error().sqlstate} == "08001");
  CHECK(contexts.stamp({.mode = SslMode::require}) == 0);
}

TEST_CASE("TLS that is off needs no files") {
  tls::Contexts contexts;
  CHECK(contexts.load({}, {{}}).empty());
  CHECK_FALSE(contexts.for_clients());
}

TEST_CASE("TLS with clients wants a certificate and a key") {
  Scene scene;
  TlsSettings settings{.mode = SslMode::prefer};
  CHECK(scene.contexts.load(settings, {}) ==
        Sentences{"client_tls_cert_file is not set: TLS with clients needs a certificate"});
  settings.cert_file = scene.clients.cert_file;
  CHECK(scene.contexts.load(settings, {}) ==
        Sentences{"client_tls_key_file is not set: a certificate is of no use without its key"});
  CHECK_FALSE(scene.contexts.for_clients());
}

TEST_CASE("a server's certificate and key come together") {
  Scene scene;
  scene.servers.key_file = scene.clients.key_file;
  CHECK(scene.load() ==
        Sentences{"server_tls_cert_file is not set: a key is of no use without its certificate"});
}

TEST_CASE("whoever demands certificates of clients says whose") {
  Scene scene;
  scene.clients.mode = SslMode::verify_ca;
  REQUIRE(scene.load().size() == 1);
  CHECK(scene.load()[0].starts_with("client_tls_ca_file is not set: "));
  scene.clients.ca_file = "system";
  CHECK(scene.load().empty());
  CHECK(scene.contexts.for_clients());
}

TEST_CASE("what is wrong with a file is said with its key and its path") {
  Scene scene;
  const auto& folder = scene.folder;
  const auto said = [&](TlsSettings settings) { return scene.contexts.load(settings, {}).at(0); };
  TlsSettings settings = scene.clients;

  settings.cert_file = folder.path("none.crt");
  CHECK(said(settings) == "client_tls_cert_file " + settings.cert_file + ": no such file");
  settings.cert_file = folder.path("");
  CHECK(said(settings) == "client_tls_cert_file " + settings.cert_file + ": is a directory");
  settings.cert_file = "/dev/null";
  CHECK(said(settings) == "client_tls_cert_file /dev/null: is not a file");
  settings.cert_file = folder.write("empty.crt", "");
  CHECK(said(settings) == "client_tls_cert_file " + settings.cert_file + ": holds no certificate");
  settings.cert_file = folder.write("prose.crt", "Dear Sir or Madam\n");
  CHECK(said(settings) == "client_tls_cert_file " + settings.cert_file + ": holds no certificate");
  settings.cert_file = folder.write("cut.crt", scene.ours.text.substr(0, 300));
  CHECK(said(settings).starts_with("client_tls_cert_file " + settings.cert_file + ": "));
  settings.cert_file = folder.write("long.crt", std::string(5 << 20, ' '));
  CHECK(said(settings) == "client_tls_cert_file " + settings.cert_file + ": is too long");

  settings.cert_file = folder.write("chain.crt", scene.ours.text + scene.ours.text.substr(0, 300));
  CHECK(said(settings).starts_with("client_tls_cert_file " + settings.cert_file +
                                   ": cannot be read to its end: "));

  settings = scene.clients;
  settings.key_file = folder.path("none.key");
  CHECK(said(settings) == "client_tls_key_file " + settings.key_file + ": no such file");
  settings.key_file = scene.clients.cert_file;
  CHECK(said(settings) == "client_tls_key_file " + settings.key_file + ": holds no private key");
  settings.key_file = folder.write("other.key", another(scene).key);
  CHECK(said(settings) == "client_tls_key_file " + settings.key_file +
                              ": does not match the certificate in " + settings.cert_file);
  settings.key_file = folder.write("locked.key", certs::encrypted_key(scene.ours, "secret"));
  CHECK(said(settings) == "client_tls_key_file " + settings.key_file +
                              ": is encrypted, and there is nobody to ask for its password");

  settings = scene.clients;
  settings.ca_file = folder.path("none.ca");
  CHECK(said(settings) == "client_tls_ca_file " + settings.ca_file + ": no such file");
  settings.ca_file = scene.clients.key_file;
  CHECK(said(settings) == "client_tls_ca_file " + settings.ca_file + ": holds no certificate");
  CHECK_FALSE(scene.contexts.for_clients());
}

TEST_CASE("an authority's file that breaks off is not taken in part") {
  Scene scene;
  scene.servers.mode = SslMode::verify_ca;
  scene.servers.ca_file =
      scene.folder.write("ca.crt", scene.authority.text() + scene.ours.text.substr(0, 300));
  REQUIRE(scene.load().size() == 1);
  CHECK(scene.load()[0].starts_with("server_tls_ca_file " + scene.servers.ca_file +
                                    ": cannot be read: "));
}

TEST_CASE("no sentence quotes from a key") {
  Scene scene;
  const auto body = scene.ours.key.substr(30, 20);
  for (const auto& text :
       {scene.ours.key.substr(0, 100), scene.ours.key.substr(40),
        "-----BEGIN PRIVATE KEY-----\n" + body + "\n-----END PRIVATE KEY-----\n"}) {
    scene.clients.key_file = scene.folder.write("bad.key", text);
    const auto said = scene.load();
    REQUIRE(said.size() == 1);
    CHECK(said[0].find(body) == std::string::npos);
  }
}

TEST_CASE("an expired certificate is told, each time, and used") {
  Scene scene;
  const auto old = scene.authority.make_certificate(
      {.names = {"db.example.com"}, .dates = certs::Dates::expired});
  show(scene.folder, scene.clients, "old", old);
  for (int i = 0; i < 2; ++i) {
    CHECK(scene.load() == Sentences{"client_tls_cert_file " + scene.clients.cert_file +
                                    ": the certificate has expired: it was valid until "
                                    "Dec 31 23:59:59 2001 GMT"});
    CHECK(scene.contexts.for_clients());
  }
}

TEST_CASE("the same sentence of many settings is said once") {
  Scene scene;
  std::vector<TlsSettings> many(3, scene.servers);
  for (auto& each : many) each.mode = SslMode::verify_full;
  for (auto& each : many) each.ca_file = scene.folder.path("none.ca");
  many[1].ciphers = "fast";
  many[2].direct = true;
  CHECK(scene.load_with(many) ==
        Sentences{"server_tls_ca_file " + many[0].ca_file + ": no such file"});
}

TEST_CASE("a new certificate is shown after the next load, with another stamp") {
  Scene scene;
  REQUIRE(scene.load().empty());
  const auto before = shown_to_clients(scene);
  const auto stamp = scene.contexts.client_stamp();
  show(scene.folder, scene.clients, "ours", another(scene));
  CHECK(shown_to_clients(scene) == before);
  REQUIRE(scene.load().empty());
  CHECK(shown_to_clients(scene) != before);
  CHECK(scene.contexts.client_stamp() != stamp);
}

TEST_CASE("a load of the same files changes no stamp") {
  Scene scene;
  scene.servers.mode = SslMode::verify_full;
  scene.servers.ca_file = scene.folder.write("ca.crt", scene.authority.text());
  REQUIRE(scene.load().empty());
  const auto stamp = scene.contexts.stamp(scene.servers);
  CHECK(stamp != 0);
  scene.folder.write("ca.crt", scene.authority.text());
  REQUIRE(scene.load().empty());
  CHECK(scene.contexts.stamp(scene.servers) == stamp);
  CHECK(scene.contexts.stores_count() == 1);
}

TEST_CASE("another authority in the file changes the stamp of those that verify by it alone") {
  Scene scene;
  TlsSettings verifying = scene.servers;
  verifying.mode = SslMode::verify_ca;
  verifying.ca_file = scene.folder.write("ca.crt", scene.authority.text());
  REQUIRE(scene.load_with({scene.servers, verifying}).empty());
  const auto stamp = scene.contexts.stamp(scene.servers);
  const auto verifying_stamp = scene.contexts.stamp(verifying);
  scene.folder.write("ca.crt", certs::make_authority("Another").text());
  REQUIRE(scene.load_with({scene.servers, verifying}).empty());
  CHECK(scene.contexts.stamp(scene.servers) == stamp);
  CHECK(scene.contexts.stamp(verifying) != verifying_stamp);
}

TEST_CASE("a broken file leaves the last good certificate, and is told") {
  Scene scene;
  REQUIRE(scene.load().empty());
  const auto before = shown_to_clients(scene);
  const auto stamp = scene.contexts.client_stamp();
  scene.folder.write("ours.crt", "torn");
  CHECK(scene.load() ==
        Sentences{"client_tls_cert_file " + scene.clients.cert_file + ": holds no certificate"});
  CHECK(shown_to_clients(scene) == before);
  CHECK(scene.contexts.client_stamp() == stamp);
}

TEST_CASE("clients keep the last good certificate under other settings, too") {
  Scene scene;
  REQUIRE(scene.load().empty());
  const auto before = shown_to_clients(scene);
  scene.clients.cert_file = scene.folder.path("none.crt");
  CHECK(scene.load().size() == 1);
  CHECK(shown_to_clients(scene) == before);
}

TEST_CASE("a server's settings keep their last good, others have none") {
  Scene scene;
  scene.servers.mode = SslMode::verify_ca;
  scene.servers.ca_file = scene.folder.write("ca.crt", scene.authority.text());
  REQUIRE(scene.load().empty());
  const auto stamp = scene.contexts.stamp(scene.servers);
  std::filesystem::remove(scene.servers.ca_file);
  TlsSettings fresh = scene.servers;
  fresh.mode = SslMode::verify_full;
  CHECK(scene.load_with({scene.servers, fresh}) ==
        Sentences{"server_tls_ca_file " + scene.servers.ca_file + ": no such file"});
  CHECK(scene.contexts.stamp(scene.servers) == stamp);
  CHECK(scene.contexts.connect(scene.servers, "db").has_value());
  CHECK_FALSE(scene.contexts.connect(fresh, "db").has_value());
}

TEST_CASE(
    "all or nothing: where something is lacking all stays, though its files are gone by now") {
  Scene scene;
  scene.servers.mode = SslMode::verify_ca;
  scene.servers.ca_file = scene.folder.write("ca.crt", scene.authority.text());
  REQUIRE(scene.load().empty());
  const auto shown = shown_to_clients(scene);
  const auto stamp = scene.contexts.stamp(scene.servers);
  std::filesystem::remove(scene.servers.ca_file);
  scene.folder.write("ours.crt", "torn");
  TlsSettings clients = scene.clients;
  clients.ciphers = "HIGH";
  TlsSettings fresh = scene.servers;
  fresh.ca_file = scene.folder.path("none.crt");
  Sentences sentences;
  CHECK_FALSE(scene.contexts.load_whole(clients, {fresh}, sentences));
  CHECK(sentences ==
        Sentences{"client_tls_cert_file " + clients.cert_file + ": holds no certificate",
                  "server_tls_ca_file " + fresh.ca_file + ": no such file"});
  CHECK(shown_to_clients(scene) == shown);
  CHECK(scene.contexts.stamp(scene.servers) == stamp);
  CHECK(scene.contexts.connect(scene.servers, "db").has_value());
  fresh.ca_file = scene.folder.write("other.crt", scene.authority.text());
  CHECK(scene.contexts.load_whole(clients, {fresh}, sentences));
  CHECK(sentences.size() == 1);  // Of the certificate, whose last good one stays.
  CHECK(scene.contexts.stamp(scene.servers) == 0);
  CHECK(scene.contexts.connect(fresh, "db").has_value());
}

TEST_CASE("settings that are no longer named are dropped") {
  Scene scene;
  REQUIRE(scene.load().empty());
  REQUIRE(scene.load_with({}).empty());
  CHECK(scene.contexts.stamp(scene.servers) == 0);
  CHECK_FALSE(scene.contexts.connect(scene.servers, "db").has_value());
  scene.clients.mode = SslMode::disable;
  REQUIRE(scene.load().empty());
  CHECK_FALSE(scene.contexts.for_clients());
}

TEST_CASE("a codec goes on when its settings and the Contexts are gone") {
  Talk talk = [] {
    Scene scene;
    return scene.shaken();
  }();
  talk.dialler.say("still here");
  talk.run();
  CHECK(talk.listener.read() == "still here");
}

TEST_CASE("equal authorities are one store, however many settings verify by it") {
  Scene scene;
  const std::string ca_file = scene.folder.write("ca.crt", scene.authority.text());
  std::vector<TlsSettings> many;
  for (const std::string ciphers : {"default", "fast", "normal", "all"}) {
    for (const auto mode : {SslMode::verify_ca, SslMode::verify_full}) {
      many.push_back({.mode = mode, .ca_file = ca_file, .ciphers = ciphers});
    }
  }
  scene.clients.ca_file = ca_file;
  REQUIRE(scene.load_with(many).empty());
  CHECK(scene.contexts.stores_count() == 1);
  many[0].ca_file = scene.folder.write("other.crt", scene.authority.text());
  many[1].ca_file = "system";
  REQUIRE(scene.load_with(many).empty());
  CHECK(scene.contexts.stores_count() == 3);
  scene.clients.ca_file.clear();
  REQUIRE(scene.load_with({scene.servers}).empty());
  CHECK(scene.contexts.stores_count() == 0);
}
