#include "proxy/config/tls_fields.h"

#include <array>
#include <utility>

#include "proxy/config/fields.h"

namespace weir::proxy::config {
namespace {

constexpr std::string_view kPrefix = "server_tls";

// Of TlsSettings, and the same of TlsOverrides: only the fields' types differ.
template <typename Tls>
using Field = Bound<Tls, decltype(Tls::mode), decltype(Tls::ca_file)>;
template <typename Tls>
constexpr auto kFields = std::to_array<Field<Tls>>({
    {"_sslmode", &Tls::mode},
    {"_ca_file", &Tls::ca_file},
    {"_cert_file", &Tls::cert_file},
    {"_key_file", &Tls::key_file},
    {"_protocols", &Tls::protocols},
    {"_ciphers", &Tls::ciphers},
    {"13_ciphers", &Tls::tls13_ciphers},
});
constexpr auto kClientFields = std::to_array<Field<TlsSettings>>({
    {"_ecdhcurve", &TlsSettings::ecdhcurve},
    {"_dheparams", &TlsSettings::dheparams},
});

constexpr auto kLibpqWords = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"sslmode", "_sslmode"},
    {"sslrootcert", "_ca_file"},
    {"sslcert", "_cert_file"},
    {"sslkey", "_key_file"},
    {"sslnegotiation", "_negotiation"},
});

template <typename Tls>
bool set_one(Tls& tls, std::string_view key, const Value& value) {
  if (key == "_negotiation") {
    tls.direct = std::get<std::string>(value) == "direct";
    return true;
  }
  return set_field<Tls, Field<Tls>>(tls, kFields<Tls>, key, value);
}

}  // namespace

TlsSettings TlsOverrides::over(TlsSettings settings) const {
  const auto put = [](auto& field, const auto& said) {
    if (said) field = *said;
  };
  put(settings.mode, mode);
  put(settings.ca_file, ca_file);
  put(settings.cert_file, cert_file);
  put(settings.key_file, key_file);
  put(settings.protocols, protocols);
  put(settings.ciphers, ciphers);
  put(settings.tls13_ciphers, tls13_ciphers);
  put(settings.direct, direct);
  return settings;
}

bool set_tls_field(TlsSettings& tls, std::string_view key, const Value& value) {
  return set_one(tls, key, value) ||
         set_field<TlsSettings, Field<TlsSettings>>(tls, kClientFields, key, value);
}

bool set_tls_field(TlsOverrides& tls, std::string_view key, const Value& value) {
  return set_one(tls, key, value);
}

std::string_view tls_part(std::string_view key) {
  for (const auto& [word, part] : kLibpqWords) {
    if (word == key) return part;
  }
  return key.starts_with(kPrefix) ? key.substr(kPrefix.size()) : std::string_view{};
}

}  // namespace weir::proxy::config
