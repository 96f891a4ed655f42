// judge_reach.cc: how far the way to a server leads, and who could listen on it.
#include <algorithm>

#include "proxy/doctor/judges.h"
#include "proxy/io/socket_address.h"

namespace weir::proxy::doctor {

namespace {

using config::SslMode;

constexpr const char* kWriteTls = "Write:\nserver_tls_sslmode = verify-full\nserver_tls_ca_file = ";

std::string cure_of_silence(const config::Config& config, const Visit& visit) {
  if (io::is_unix_host(visit.host)) {
    return "Is PostgreSQL's unix_socket_directories this one, and its port " +
           std::to_string(visit.port) + "? Else write host= and port= at " +
           place_of(config, visit.entry) + ".";
  }
  const std::string asked = visit.knock->timed_out
                                ? "Does a firewall or a security group let this machine through"
                                : "Does PostgreSQL run there, and listen on that address";
  return asked + "? Else correct host= and port= at " + place_of(config, visit.entry) + ".";
}

// A file that vouches for whoever runs the server.
std::string authority_for(const std::string& host, const std::string& named) {
  if (!named.empty()) return named;
  if (host.ends_with(".rds.amazonaws.com")) {
    return "/etc/pgweir/global-bundle.pem\n(from "
           "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem)";
  }
  return "/etc/pgweir/root.crt\n(the certificate of the authority that has signed the server's, "
         "or the word system if that is a public one)";
}

const char* word_for(SslMode mode) {
  switch (mode) {
    case SslMode::disable:
      return "disable";
    case SslMode::allow:
      return "allow";
    case SslMode::prefer:
      return "prefer";
    case SslMode::require:
      return "require";
    case SslMode::verify_ca:
      return "verify-ca";
    case SslMode::verify_full:
      return "verify-full";
  }
  return "";
}

Finding unverified(const Visit& visit, const config::TlsSettings& tls) {
  const Knock& knock = *visit.knock;
  const std::string mode = std::string{"server_tls_sslmode = "} + word_for(tls.mode);
  std::string sentence = "the connection to " + visit.where();
  if (knock.tls.empty()) {
    sentence += knock.tls_refused ? " is not encrypted: the server does not offer TLS, and " +
                                        mode + " goes on without"
                                  : " is not encrypted, as " + mode + " says";
  } else if (tls.mode == SslMode::verify_ca) {
    sentence += " is encrypted, but " + mode + " does not look whose name the certificate bears";
  } else {
    sentence += " is encrypted, but with " + mode + " nobody checks that it is the right server";
  }
  const std::string cure = kWriteTls + authority_for(visit.host, tls.ca_file);
  return {Level::warning, "tls_not_verified", visit.entry, std::move(sentence),
          (knock.tls_refused ? "Switch on ssl in PostgreSQL. " : "") + cure};
}

Finding tls_failed(const Visit& visit, const config::TlsSettings& tls) {
  const bool verifies = tls.mode >= SslMode::verify_ca;
  return {Level::error, verifies ? "tls_not_trusted" : "tls_failed", visit.entry,
          "TLS with " + visit.where() + " fails: " + visit.knock->tls_fault,
          verifies ? "server_tls_ca_file must hold the authority that has signed the server's "
                     "certificate, and with verify-full host= must be a name in it."
                   : ""};
}

Finding tls_missing(const Visit& visit, const config::TlsSettings& tls) {
  return {Level::error, "tls_not_offered", visit.entry,
          visit.where() + " does not offer TLS, and server_tls_sslmode = " + word_for(tls.mode) +
              " asks for it",
          "Switch on ssl in PostgreSQL: ssl = on, ssl_cert_file, ssl_key_file."};
}

Findings judge_tls(const config::Config& config, const Visit& visit) {
  const auto tls = config.server_tls(database_of(config, visit.entry));
  const Knock& knock = *visit.knock;
  if (!knock.tls_fault.empty()) return {tls_failed(visit, tls)};
  if (knock.tls_refused && tls.mode >= SslMode::require) return {tls_missing(visit, tls)};
  if (visit.network && tls.mode < SslMode::verify_full) return {unverified(visit, tls)};
  return {};
}

}  // namespace

Findings judge_reach(const config::Config& config, const Visit& visit) {
  if (!visit.unresolved.empty()) {
    return {{Level::error, "cannot_resolve", visit.entry,
             "the name " + visit.host + " cannot be resolved: " + visit.unresolved,
             "Correct host= at " + place_of(config, visit.entry) +
                 ", or the name servers of this machine."}};
  }
  if (!visit.knock) return {};
  if (!visit.knock->unreachable.empty()) {
    return {{Level::error, "cannot_connect", visit.entry,
             "there is no connection to " + visit.where() + ": " + visit.knock->unreachable,
             cure_of_silence(config, visit)}};
  }
  return judge_tls(config, visit);
}

}  // namespace weir::proxy::doctor
