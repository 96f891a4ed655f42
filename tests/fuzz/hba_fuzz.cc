// hba_fuzz.cc: a file is read into rules or refused in lines that each name a file; and whoever a
// rule lets in is meant by it, and by none before it, as a model reads the rules.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/check.h"
#include "proxy/config/auth_lines.h"
#include "proxy/config/hba.h"

using namespace weir::proxy::config;

namespace {

bool listed(const HbaNames& list, std::string_view name) {
  return list.all || std::count(list.names.begin(), list.names.end(), name) > 0;
}

// Bit by bit, where the code goes by bytes.
bool inside(const Network& network, const Ip& ip) {
  if (ip.v6 != network.base.v6) return false;
  for (unsigned bit = 0; bit < 128; ++bit) {
    const auto at = [bit](const auto& bytes) { return bytes[bit / 8] >> (7 - bit % 8) & 1; };
    if (at(network.mask) != 0 && at(network.base.bytes) != at(ip.bytes)) return false;
  }
  return true;
}

bool means(const Hba& hba, const HbaRule& rule, const HbaRequest& request) {
  const bool local = rule.type == HbaType::local;
  if (local == request.ip.has_value() || rule.type == HbaType::hostgssenc) return false;
  if (rule.type == HbaType::hostssl && !request.tls) return false;
  if (rule.type == HbaType::hostnossl && request.tls) return false;
  const bool same = rule.databases.same_user && request.user == request.database;
  if (!same && !listed(rule.databases, request.database)) return false;
  if (!listed(rule.users, request.user)) return false;
  if (local || rule.origin.kind == HbaOrigin::Kind::all) return true;
  if (rule.origin.kind == HbaOrigin::Kind::network) {
    return inside(rule.origin.network, *request.ip);
  }
  return std::any_of(hba.interfaces.begin(), hba.interfaces.end(), [&](const Network& own) {
    return rule.origin.kind == HbaOrigin::Kind::same_host ? own.base == *request.ip
                                                          : inside(own, *request.ip);
  });
}

void check_match(const Hba& hba, const HbaRequest& request) {
  const HbaRule* const found = hba.match(request);
  for (const HbaRule& rule : hba.rules) {
    WEIR_CHECK(means(hba, rule, request) == (&rule == found));
    if (&rule == found) return;
  }
  WEIR_CHECK(found == nullptr);
}

void check_rule(const HbaRule& rule) {
  WEIR_CHECK(rule.place.starts_with("h.conf:") || rule.place.find(':') != std::string::npos);
  WEIR_CHECK(std::is_sorted(rule.users.names.begin(), rule.users.names.end()));
  WEIR_CHECK(rule.method != HbaMethod::peer || rule.type == HbaType::local);
  WEIR_CHECK(rule.method != HbaMethod::cert || rule.client_cert == ClientCert::verify_full);
}

void check_complaints(std::string_view text) {
  WEIR_CHECK(!text.empty());
  WEIR_CHECK(std::count(text.begin(), text.end(), '\n') <=
             static_cast<std::ptrdiff_t>(kComplaintsMax));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Interfaces own = {*Network::parse("10.1.2.3/8", {}), *Network::parse("fe80::7/64", {})};
  const auto hba = parse_hba("h.conf", text, own);
  if (!hba) {
    check_complaints(hba.error().text);
    return 0;
  }
  for (const HbaRule& rule : hba->rules) check_rule(rule);
  for (const char* from : {"", "10.1.2.3", "10.7.7.7", "127.0.0.1", "fe80::7", "fe80::1", "::1"}) {
    for (const bool tls : {false, true}) {
      const auto ip = *from == '\0' ? std::nullopt : Ip::parse(from);
      check_match(*hba, {ip, tls, "shop", {}, "anna"});
      check_match(*hba, {ip, tls, "anna", {}, "anna"});
      check_match(*hba, {ip, tls, "replication", {}, "all"});
    }
  }
  return 0;
}
