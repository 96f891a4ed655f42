#include "proxy/tls/words.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

namespace weir::proxy::tls {

namespace {

// A fault at the other end reads differently for the two sides: "%" stands for the peer.
struct Told {
  int code;
  std::string_view words;
};

constexpr auto kAlerts = std::to_array<Told>({
    {SSL_AD_HANDSHAKE_FAILURE, "the % accepts none of our ciphers and keys"},
    {SSL_AD_BAD_CERTIFICATE, "the % refuses our certificate"},
    {SSL_AD_UNSUPPORTED_CERTIFICATE, "the % refuses our kind of certificate"},
    {SSL_AD_CERTIFICATE_REVOKED, "our certificate is revoked, says the %"},
    {SSL_AD_CERTIFICATE_EXPIRED, "our certificate has expired, says the %"},
    {SSL_AD_CERTIFICATE_UNKNOWN, "the % refuses our certificate"},
    {SSL_AD_UNKNOWN_CA, "the % does not trust our certificate"},
    {SSL_AD_ACCESS_DENIED, "the % denies access"},
    {SSL_AD_PROTOCOL_VERSION, "the % speaks none of our protocol versions"},
    {SSL_AD_INSUFFICIENT_SECURITY, "our ciphers are too weak for the %"},
    {SSL_AD_UNRECOGNIZED_NAME, "the % does not know the name it is asked for"},
    {SSL_AD_CERTIFICATE_REQUIRED, "the % demands a certificate"},
    {SSL_AD_NO_APPLICATION_PROTOCOL, "the % does not speak postgresql behind TLS"},
});

constexpr auto kReasons = std::to_array<Told>({
    {SSL_R_WRONG_VERSION_NUMBER, "wrong version number: the % does not speak TLS"},
    {SSL_R_HTTP_REQUEST, "the % speaks HTTP, not TLS"},
    {SSL_R_HTTPS_PROXY_REQUEST, "the % speaks HTTP, not TLS"},
    {SSL_R_UNSUPPORTED_PROTOCOL, "the % speaks none of our protocol versions"},
    {SSL_R_VERSION_TOO_LOW, "the % speaks none of our protocol versions"},
    {SSL_R_NO_SHARED_CIPHER, "no cipher in common with the %"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, "no key exchange in common with the %"},
    {SSL_R_NO_SHARED_GROUPS, "no key exchange in common with the %"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, "no kind of signature in common with the %"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the % has shown no certificate"},
    {SSL_R_NO_APPLICATION_PROTOCOL, "the % wants another protocol than postgresql"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, "a record was altered on its way"},
    {SSL_R_INAPPROPRIATE_FALLBACK, "the % was made to fall back to an older protocol"},
});

std::string_view name_of(Peer peer) { return peer == Peer::client ? "client" : "server"; }

std::string with_peer(std::string_view words, Peer peer) {
  std::string text{words};
  if (const auto at = text.find('%'); at != text.npos) text.replace(at, 1, name_of(peer));
  return text;
}

template <std::size_t N>
std::string_view find_in(const std::array<Told, N>& table, int code) {
  const auto* at =
      std::find_if(table.begin(), table.end(), [&](const Told& told) { return told.code == code; });
  return at == table.end() ? std::string_view{} : at->words;
}

std::string alert_words(int alert, Peer peer) {
  const auto known = find_in(kAlerts, alert);
  std::string name = SSL_alert_desc_string_long(alert);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return with_peer(known.empty() ? "the % broke it off" : known, peer) + " (alert " + name + ")";
}

struct Complaints {
  unsigned long first = 0;
  bool verify_failed = false;
};

bool is_of_tls(unsigned long error) { return ERR_GET_LIB(error) == ERR_LIB_SSL; }

// TLS speaks of the peer, what lies below it of the cipher; of each the first is the nearest to
// the cause, and those behind it only pass it on.
Complaints take_complaints() {
  Complaints all;
  while (const unsigned long error = ERR_get_error()) {
    if (all.first == 0 || (is_of_tls(error) && !is_of_tls(all.first))) all.first = error;
    all.verify_failed |=
        is_of_tls(error) && ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  }
  return all;
}

std::string reason_words(unsigned long error) {
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return reason == nullptr ? "OpenSSL gives no reason" : reason;
}

std::string words_for(unsigned long error, Peer peer) {
  if (error == 0) return with_peer("the % broke it off", peer);
  if (!is_of_tls(error)) return reason_words(error);
  const int reason = ERR_GET_REASON(error);
  if (reason >= SSL_AD_REASON_OFFSET) return alert_words(reason - SSL_AD_REASON_OFFSET, peer);
  const auto known = find_in(kReasons, reason);
  return known.empty() ? reason_words(error) : with_peer(known, peer);
}

std::string verify_words(long result) {
  if (result == X509_V_ERR_HOSTNAME_MISMATCH) return "the certificate does not name this host";
  return X509_verify_cert_error_string(result);
}

bool about_our_certificate(int alert) {
  return (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) ||
         alert == SSL_AD_UNKNOWN_CA || alert == SSL_AD_ACCESS_DENIED ||
         alert == SSL_AD_CERTIFICATE_REQUIRED;
}

const char* sqlstate_for(unsigned long error, Peer peer) {
  const int reason = is_of_tls(error) ? ERR_GET_REASON(error) : 0;
  if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) return "28000";
  const bool refused = about_our_certificate(reason - SSL_AD_REASON_OFFSET);
  return refused && peer == Peer::server ? "08001" : "08P01";
}

}  // namespace

void forget_complaints() { ERR_clear_error(); }

std::string complaint() { return reason_words(take_complaints().first); }

Fault connection_fault(const SSL& connection, Peer peer, bool established) {
  const Complaints all = take_complaints();
  if (all.verify_failed) {
    return {peer == Peer::client ? "28000" : "08001",
            "TLS handshake failed: certificate verify failed: " +
                verify_words(SSL_get_verify_result(&connection))};
  }
  const char* opening = established ? "TLS failed: " : "TLS handshake failed: ";
  return {sqlstate_for(all.first, peer), opening + words_for(all.first, peer)};
}

Fault handshake_fault(std::string_view words, Peer peer) {
  return {"08P01", "TLS handshake failed: " + with_peer(words, peer)};
}

}  // namespace weir::proxy::tls
