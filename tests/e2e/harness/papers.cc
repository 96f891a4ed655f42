// papers.cc: see papers.h.
#include "tests/e2e/harness/papers.h"

#include <sys/stat.h>

#include <doctest/doctest.h>
#include <cstdio>

namespace weir::e2e {

Papers::Papers()
    : root(certs::make_authority("Root")),
      stranger(certs::make_authority("Stranger")),
      pooler(root.make_certificate(
          {.common_name = "pooler.test", .names = {"pooler.test"}, .addresses = {"127.0.0.1"}})) {
  put("root.crt", root.text());
  put("stranger.crt", stranger.text());
  put("pooler", pooler);
}

const Papers& Papers::shared() {
  static const Papers papers;
  return papers;
}

std::string Papers::put(const std::string& name, std::string_view text) const {
  const std::string to = path(name);
  const std::string fresh = to + ".fresh";
  write_file(fresh, text);
  REQUIRE(::chmod(fresh.c_str(), 0600) == 0);
  REQUIRE(std::rename(fresh.c_str(), to.c_str()) == 0);
  return to;
}

void Papers::put(const std::string& name, const certs::Certificate& certificate) const {
  put(name + ".crt", certificate.text);
  put(name + ".key", certificate.key);
}

certs::Certificate Papers::put_client(const std::string& common_name) const {
  return put_client(common_name, common_name, root);
}

certs::Certificate Papers::put_client(const std::string& common_name, const std::string& name,
                                      const certs::Authority& of) const {
  auto made = of.make_certificate({.common_name = common_name});
  put(name, made);
  return made;
}

std::string Papers::shown(const std::string& name) const {
  return " sslcert=" + path(name + ".crt") + " sslkey=" + path(name + ".key");
}

Settings Papers::for_clients(Settings settings, const std::string& mode) const {
  settings.line("client_tls_sslmode = " + mode)
      .line("client_tls_cert_file = " + path("pooler.crt"))
      .line("client_tls_key_file = " + path("pooler.key"));
  if (mode.starts_with("verify")) settings.line("client_tls_ca_file = " + path("root.crt"));
  return settings;
}

}  // namespace weir::e2e
