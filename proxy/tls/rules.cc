#include "proxy/tls/rules.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <optional>

#include "proxy/config/sentence.h"

namespace weir::proxy::tls {

namespace {

struct Version {
  std::string_view name;
  int number;
};

constexpr auto kVersions = std::to_array<Version>({
    {"tlsv1.0", TLS1_VERSION},
    {"tlsv1.1", TLS1_1_VERSION},
    {"tlsv1.2", TLS1_2_VERSION},
    {"tlsv1.3", TLS1_3_VERSION},
});
constexpr unsigned kAllVersions = 0b1111, kSecureVersions = 0b1100;

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// A bit each, in the order of kVersions.
std::optional<unsigned> versions_of(std::string_view word) {
  const std::string name = lower(word);
  if (name == "all" || name == "legacy" || name == "tlsv1") return kAllVersions;
  if (name == "secure" || name == "default") return kSecureVersions;
  for (std::size_t i = 0; i < kVersions.size(); ++i) {
    if (kVersions[i].name == name) return 1u << i;
  }
  return std::nullopt;
}

// Words between commas or colons; a "!" before one takes it away from those before it.
std::optional<unsigned> versions_in(std::string_view list) {
  unsigned chosen = 0;
  while (!list.empty()) {
    std::string_view word = list.substr(0, list.find_first_of(",: "));
    list.remove_prefix(std::min(list.size(), word.size() + 1));
    if (word.empty()) continue;
    const bool without = word.starts_with('!');
    const auto versions = versions_of(word.substr(without ? 1 : 0));
    if (!versions) return std::nullopt;
    chosen = without ? chosen & ~*versions : chosen | *versions;
  }
  return chosen == 0 ? std::nullopt : std::optional{chosen};
}

// A range: with a version left out in the middle OpenSSL would speak only those below it.
bool choose_versions(SSL_CTX& context, unsigned chosen) {
  const auto lowest = static_cast<std::size_t>(std::countr_zero(chosen));
  const auto highest = static_cast<std::size_t>(std::bit_width(chosen)) - 1;
  if (highest - lowest + 1 != static_cast<std::size_t>(std::popcount(chosen))) return false;
  return SSL_CTX_set_min_proto_version(&context, kVersions[lowest].number) == 1 &&
         SSL_CTX_set_max_proto_version(&context, kVersions[highest].number) == 1;
}

// PgBouncer's shortcuts. Its default has forward secrecy and authenticated encryption throughout.
std::string cipher_list(const config::TlsSettings& settings) {
  const std::string name = lower(settings.ciphers);
  std::string list = settings.ciphers;
  if (name.empty() || name == "default" || name == "secure") {
    list = "kECDHE+AESGCM:kECDHE+CHACHA20:kDHE+AESGCM:kDHE+CHACHA20:!aNULL:!aDSS";
  } else if (name == "normal") {
    list = "kECDHE+HIGH:kDHE+HIGH:kRSA+HIGH:!aNULL:!aDSS:!CAMELLIA:!ARIA";
  } else if (name == "fast") {
    list = "kECDHE+HIGH:kDHE+HIGH:kRSA+HIGH:+AES256:!aNULL:!aDSS:!CAMELLIA:!ARIA";
  } else if (name == "all") {
    list = "ALL:!aNULL:!eNULL";
  }
  return lower(settings.ecdhcurve) == "none" ? list + ":!kECDHE" : list;
}

bool choose_curve(SSL_CTX& context, const std::string& curve) {
  const std::string name = lower(curve);
  if (name.empty() || name == "auto" || name == "none") return true;
  return SSL_CTX_set1_groups_list(&context, curve.c_str()) == 1;
}

bool choose_dhe(SSL_CTX& context, const std::string& parameters) {
  const std::string name = lower(parameters);
  constexpr int kByTheKey = 1, kAtLeast1024Bits = 2;
  if (name.empty() || name == "auto") return SSL_CTX_set_dh_auto(&context, kByTheKey) == 1;
  if (name == "legacy") return SSL_CTX_set_dh_auto(&context, kAtLeast1024Bits) == 1;
  return name == "none";
}

std::string unfit(Peer peer, std::string_view key, std::string_view value, std::string_view why) {
  forget_complaints();
  return key_name(peer, key) + " " + config::quoted(value) + ": " + std::string{why};
}

void lay_down_for_all(SSL_CTX& context) {
  SSL_CTX_set_options(&context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_SSLv3 |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(&context, SSL_MODE_RELEASE_BUFFERS);
}

}  // namespace

std::string key_name(Peer peer, std::string_view rest) {
  return (peer == Peer::client ? "client_tls_" : "server_tls_") + std::string{rest};
}

std::string lay_down(SSL_CTX& context, const config::TlsSettings& settings, Peer peer) {
  lay_down_for_all(context);
  const auto versions = versions_in(settings.protocols);
  if (!versions || !choose_versions(context, *versions)) {
    return unfit(peer, "protocols", settings.protocols,
                 "it is a list of tlsv1.0 to tlsv1.3 without a gap, or secure, all or legacy");
  }
  if (SSL_CTX_set_cipher_list(&context, cipher_list(settings).c_str()) != 1) {
    return unfit(peer, "ciphers", settings.ciphers, "OpenSSL knows no cipher of that list");
  }
  const std::string tls13 =
      (peer == Peer::client ? "client_tls13_ciphers" : "server_tls13_ciphers");
  if (!settings.tls13_ciphers.empty() &&
      SSL_CTX_set_ciphersuites(&context, settings.tls13_ciphers.c_str()) != 1) {
    forget_complaints();
    return tls13 + " " + config::quoted(settings.tls13_ciphers) +
           ": OpenSSL does not know all suites of that list";
  }
  if (peer == Peer::server) return {};
  if (!choose_curve(context, settings.ecdhcurve)) {
    return unfit(peer, "ecdhcurve", settings.ecdhcurve, "OpenSSL knows no such curve");
  }
  if (!choose_dhe(context, settings.dheparams)) {
    return unfit(peer, "dheparams", settings.dheparams, "it is auto, none or legacy");
  }
  return {};
}

}  // namespace weir::proxy::tls
