#include "proxy/config/hba.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "proxy/config/auth_lines.h"
#include "proxy/config/ini.h"

namespace weir::proxy::config {
namespace {

struct TypeWord {
  std::string_view word;
  HbaType type;
};
constexpr auto kTypes = std::to_array<TypeWord>({
    {"local", HbaType::local},
    {"host", HbaType::host},
    {"hostssl", HbaType::hostssl},
    {"hostnossl", HbaType::hostnossl},
    {"hostgssenc", HbaType::hostgssenc},
    {"hostnogssenc", HbaType::hostnogssenc},
});

struct MethodWord {
  std::string_view word;
  HbaMethod method;
};
constexpr auto kMethods = std::to_array<MethodWord>({
    {"trust", HbaMethod::trust},
    {"reject", HbaMethod::reject},
    {"md5", HbaMethod::md5},
    {"password", HbaMethod::password},
    {"plain", HbaMethod::password},  // As in auth_type.
    {"scram-sha-256", HbaMethod::scram_sha_256},
    {"peer", HbaMethod::peer},
    {"cert", HbaMethod::cert},
});

struct RefusedMethod {
  std::string_view word;
  std::string_view reason;
};
constexpr auto kRefusedMethods = std::to_array<RefusedMethod>({
    {"ident", "asks the client's machine, which may say what it likes"},
    {"ldap", "needs an LDAP library, which is not built in"},
    {"pam", "blocks while PAM asks, and every client would wait with it"},
    {"gss", "needs Kerberos, which is not built in"},
    {"sspi", "is for Windows"},
    {"radius", "sends passwords over a protocol that no longer protects them"},
    {"bsd", "is for OpenBSD"},
    {"oauth", "needs a validator that runs inside PostgreSQL"},
});

constexpr const char* kWriteMethod =
    "write trust, reject, scram-sha-256, md5, password, peer or cert";

// Reads one line; what is wrong with it comes out as a sentence.
class RuleReader {
 public:
  explicit RuleReader(const AuthLine& line) : line_(line) { rule_.place = placed(line.place); }

  Said<HbaRule> read() {
    if (auto done = take_type(); !done) return no(done.error());
    if (auto done = take_names("database", rule_.databases); !done) return no(done.error());
    if (auto done = take_names("user", rule_.users); !done) return no(done.error());
    if (rule_.type != HbaType::local) {
      if (auto done = take_origin(); !done) return no(done.error());
    }
    if (auto done = take_method(); !done) return no(done.error());
    for (; at_ < line_.fields.size(); ++at_) {
      for (const AuthWord& option : line_.fields[at_]) {
        if (auto done = take_option(option.text); !done) return no(done.error());
      }
    }
    return std::move(rule_);
  }

 private:
  // The next field, which must hold just one word.
  Said<const AuthWord*> one_word(const std::string& what) {
    if (at_ == line_.fields.size()) return no("the line ends before the " + what);
    const AuthField& field = line_.fields[at_++];
    if (field.size() != 1) return no("there is one " + what + " to a line, no list of them");
    return &field[0];
  }

  Said<void> take_type() {
    const auto word = one_word("type");
    if (!word) return no(word.error());
    for (const TypeWord& known : kTypes) {
      if (!(*word)->is(known.word)) continue;
      rule_.type = known.type;
      return {};
    }
    return no("unknown type " + quoted((*word)->text) +
              ": write local, host, hostssl, hostnossl, hostgssenc or hostnogssenc");
  }

  Said<void> take_names(const std::string& what, HbaNames& to) {
    if (at_ == line_.fields.size()) return no("the line ends before the " + what);
    for (const AuthWord& word : line_.fields[at_]) {
      auto taken = what == "user" ? take_user(word, to) : take_database(word, to);
      if (!taken) return taken;
    }
    std::sort(to.names.begin(), to.names.end());
    to.names.erase(std::unique(to.names.begin(), to.names.end()), to.names.end());
    ++at_;
    return {};
  }

  static Said<void> take_database(const AuthWord& word, HbaNames& to) {
    if (word.is("samerole") || word.is("samegroup")) {
      return no(word.text + " asks who belongs to a role, which PostgreSQL alone knows: list the " +
                "databases and users");
    }
    if (word.is("replication")) {
      to.replication = true;
      return {};
    }
    if (word.is("sameuser")) {
      to.same_user = true;
      return {};
    }
    return take_name(word, to);
  }

  static Said<void> take_user(const AuthWord& word, HbaNames& to) {
    if (!word.quoted && word.text.starts_with('+')) {
      return no(quoted(word.text) + " is a group, whose members PostgreSQL alone knows: list " +
                "them, or write @file and list them there");
    }
    return take_name(word, to);
  }

  static Said<void> take_name(const AuthWord& word, HbaNames& to) {
    if (word.is("all")) {
      to.all = true;
      return {};
    }
    // In quotes, too: PostgreSQL's way to write an expression with a comma in it.
    if (word.text.starts_with('/')) {
      return no(quoted(word.text) + " is a regular expression, which is not built in here: list " +
                "the names, or write @file and list them there");
    }
    to.names.push_back(word.text);
    return {};
  }

  Said<void> take_origin() {
    const auto word = one_word("address");
    if (!word) return no(word.error());
    using Kind = HbaOrigin::Kind;
    const AuthWord& address = **word;
    const auto kind = address.is("all")        ? Kind::all
                      : address.is("samehost") ? Kind::same_host
                      : address.is("samenet")  ? Kind::same_net
                                               : Kind::network;
    rule_.origin.kind = kind;
    return kind == Kind::network ? take_network(address.text) : Said<void>{};
  }

  Said<void> take_network(std::string_view text) {
    const auto slash = text.find('/');
    if (!Ip::parse(text.substr(0, slash))) {
      return no(quoted(text) + " is no address: write one with /bits, or all, samehost or " +
                "samenet; names are not looked up, for a false answer would open the door");
    }
    std::optional<std::string_view> mask;
    if (slash == std::string_view::npos && at_ + 1 < line_.fields.size()) {
      const auto word = one_word("mask");
      if (!word) return no(word.error());
      mask = (*word)->text;
    }
    auto network = Network::parse(text, mask);
    if (!network) return no(network.error());
    rule_.origin.network = *network;
    return {};
  }

  Said<void> take_method() {
    const auto word = one_word("method");
    if (!word) return no(word.error());
    const std::string& text = (*word)->text;
    const bool local = rule_.type == HbaType::local;
    for (const MethodWord& known : kMethods) {
      if (known.word == text) return set_method(known.method);
    }
    // PostgreSQL reads it so, for what was written before there was peer.
    if (text == "ident" && local) return set_method(HbaMethod::peer);
    for (const RefusedMethod& refused : kRefusedMethods) {
      if (refused.word == text) {
        return no("method " + text + " " + std::string(refused.reason) + ": " + kWriteMethod);
      }
    }
    return no("unknown method " + quoted(text) + ": " + kWriteMethod);
  }

  Said<void> set_method(HbaMethod method) {
    const HbaType type = rule_.type;
    if (method == HbaMethod::peer && type != HbaType::local) {
      return no("peer is for unix sockets only: write local, or another method");
    }
    const bool maybe_tls = type != HbaType::local && type != HbaType::hostnossl;
    if (method == HbaMethod::cert && !maybe_tls) {
      return no("cert needs TLS: write hostssl, or another method");
    }
    rule_.method = method;
    if (method == HbaMethod::cert) rule_.client_cert = ClientCert::verify_full;
    return {};
  }

  Said<void> take_option(const std::string& option) {
    const auto equals = option.find('=');
    if (equals == std::string::npos) return no(quoted(option) + " is no option: name=value");
    const std::string_view name = std::string_view(option).substr(0, equals);
    const std::string value = option.substr(equals + 1);
    if (name == "map") return take_map(value);
    if (name == "clientcert") return take_client_cert(value);
    if (name == "clientname") return take_client_name(value);
    return no("unknown option " + quoted(name) + ": there are map, clientcert and clientname");
  }

  Said<void> take_map(const std::string& value) {
    if (rule_.method != HbaMethod::peer && rule_.method != HbaMethod::cert) {
      return no("map= is for the methods peer and cert");
    }
    if (value.empty()) return no("map= names no map of auth_ident_file");
    rule_.map = value;
    return {};
  }

  Said<void> take_client_cert(const std::string& value) {
    if (rule_.type != HbaType::hostssl) return no("clientcert= is for hostssl only");
    const bool full = value == "verify-full";
    if (!full && value != "verify-ca") {
      return no(quoted(value) + " is none of clientcert's: write verify-ca or verify-full");
    }
    if (rule_.method == HbaMethod::cert && !full) {
      return no("method cert is clientcert=verify-full already, and verify-ca would be less");
    }
    rule_.client_cert = full ? ClientCert::verify_full : ClientCert::verify_ca;
    return {};
  }

  Said<void> take_client_name(const std::string& value) {
    if (rule_.type != HbaType::hostssl) return no("clientname= is for hostssl only");
    if (value != "CN" && value != "DN") {
      return no(quoted(value) + " is none of clientname's: write CN or DN");
    }
    rule_.client_name = value == "CN" ? ClientName::cn : ClientName::dn;
    return {};
  }

  const AuthLine& line_;
  std::size_t at_ = 0;
  HbaRule rule_;
};

bool type_matches(HbaType type, const HbaRequest& request) {
  switch (type) {
    case HbaType::local:
      return !request.ip;
    case HbaType::host:
    case HbaType::hostnogssenc:
      return request.ip.has_value();
    case HbaType::hostssl:
      return request.ip && request.tls;
    case HbaType::hostnossl:
      return request.ip && !request.tls;
    case HbaType::hostgssenc:
      break;
  }
  return false;
}

bool in_list(const HbaNames& list, std::string_view name) {
  return list.all || std::binary_search(list.names.begin(), list.names.end(), name);
}

bool is_from(const HbaOrigin& origin, const Interfaces& own, const Ip& ip) {
  switch (origin.kind) {
    case HbaOrigin::Kind::all:
      return true;
    case HbaOrigin::Kind::network:
      return origin.network.contains(ip);
    case HbaOrigin::Kind::same_host:
      return std::any_of(own.begin(), own.end(), [&](const Network& at) { return at.base == ip; });
    case HbaOrigin::Kind::same_net:
      return std::any_of(own.begin(), own.end(),
                         [&](const Network& at) { return at.contains(ip); });
  }
  return false;
}

bool is_for_database(const HbaNames& databases, std::string_view database, std::string_view user) {
  return (databases.same_user && database == user) || in_list(databases, database);
}

}  // namespace

const HbaRule* Hba::match(const HbaRequest& request) const {
  // A mapped address that somebody put together by hand must not slip past the IPv4 rules.
  std::optional<Ip> ip = request.ip;
  if (ip && ip->v6) ip = Ip::from_v6(ip->bytes.data());
  for (const HbaRule& rule : rules) {
    if (!type_matches(rule.type, request)) continue;
    if (ip && !is_from(rule.origin, interfaces, *ip)) continue;
    if (request.replication) {
      if (!rule.databases.replication) continue;
    } else if (!is_for_database(rule.databases, request.database, request.user) &&
               (request.alias.empty() ||
                !is_for_database(rule.databases, request.alias, request.user))) {
      continue;
    }
    if (in_list(rule.users, request.user)) return &rule;
  }
  return nullptr;
}

Result<Hba> parse_hba(const std::string& name, std::string_view text, Interfaces interfaces) {
  Complaints complaints;
  Hba hba{{}, std::move(interfaces)};
  for (const AuthLine& line : auth_lines(name, text, complaints, &hba.files)) {
    auto rule = RuleReader(line).read();
    if (rule) {
      hba.rules.push_back(std::move(*rule));
    } else {
      complaints.add(line.place, rule.error());
    }
  }
  if (!complaints.empty()) return complaints.fault();
  return hba;
}

Result<Hba> read_hba(const std::string& path, const Place& said_at, Interfaces interfaces,
                     const std::string& written) {
  const auto text =
      read_file(path, kAuthBytesMax, said_at, config::quoted(written.empty() ? path : written));
  if (!text) return tl::unexpected(text.error());
  return parse_hba(path, *text, std::move(interfaces));
}

}  // namespace weir::proxy::config
