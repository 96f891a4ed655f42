#include "proxy/config/connstring.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "proxy/config/libpq.h"
#include "proxy/config/values.h"

namespace weir::proxy::config {
namespace {

// What libpq makes of a connection string, or of none: its defaults.
class Options {
 public:
  explicit Options(const char* text) {
    if (!libpq_.complaint().empty()) return;
    all_ = text == nullptr ? libpq_.PQconndefaults() : libpq_.PQconninfoParse(text, nullptr);
    for (const auto* each = all_; each != nullptr && each->keyword != nullptr; ++each) ++count_;
  }
  ~Options() {
    if (all_ != nullptr) libpq_.PQconninfoFree(all_);
  }
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  bool understood() const { return all_ != nullptr; }
  std::span<const PQconninfoOption> all() const { return {all_, count_}; }

 private:
  Libpq libpq_;
  PQconninfoOption* all_ = nullptr;
  std::size_t count_ = 0;
};

bool is_one_of(std::string_view words, std::string_view word) {
  return any_word(words, [&](std::string_view each) { return each == word; });
}

constexpr std::string_view kLoadBalanceHosts = "load_balance_hosts";  // libpq's from 16 on.
constexpr std::string_view kUsed =
    "host hostaddr port dbname user password client_encoding application_name options "
    "sslmode sslrootcert sslcert sslkey channel_binding";
// Parameters of a URI that not every libpq knows, and that mean something here.
constexpr std::string_view kOutside = "load_balance_hosts sslnegotiation";
// Passed over in silence: nothing an operator could miss.
constexpr std::string_view kMeaningless = "fallback_application_name sslcompression sslsni";

// Options whose value is a promise. Any value but these would be broken silently, so it is refused.
struct Promise {
  std::string_view option;
  std::string_view kept;
  std::string_view refusal;
};
constexpr std::string_view kSayMode = "write sslmode=require, verify-ca or verify-full";
constexpr std::string_view kSayVersions = "write server_tls_protocols";
constexpr auto kPromises = std::to_array<Promise>({
    {"ssl", "0 false off no disable allow prefer", kSayMode},
    {"requiressl", "0", kSayMode},
    {"sslaccept", "accept_invalid_certs", kSayMode},
    {"sslcrl", "", "lists of revoked certificates are not built"},
    {"sslcrldir", "", "lists of revoked certificates are not built"},
    {"sslpassword", "", "keys with a passphrase are not built"},
    {"sslcertmode", "allow", "it is not built"},
    {"ssl_min_protocol_version", "", kSayVersions},
    {"ssl_max_protocol_version", "", kSayVersions},
    {"gssencmode", "disable prefer", "GSS encryption is not built"},
    {"target_session_attrs", "any", "choosing a server by its role is not built"},
    {kLoadBalanceHosts, "disable random", "it is disable or random in a URI"},
    {"replication", "0 false off no", "clients ask for replication themselves"},
    {"require_auth", "", "choosing the server's way of login is not built"},
    {"requirepeer", "", "checking the server's peer is not built"},
    {"service", "", "service files are not read: write the host and the rest here"},
});

const Promise* find_promise(std::string_view option) {
  const auto at = std::find_if(kPromises.begin(), kPromises.end(),
                               [&](const Promise& each) { return each.option == option; });
  return at == kPromises.end() ? nullptr : &*at;
}

std::optional<std::string> broken_promise(std::string_view option, std::string_view value,
                                          bool secret) {
  const Promise* promise = find_promise(option);
  if (promise == nullptr || is_one_of(promise->kept, value)) return std::nullopt;
  return std::string(option) + (!secret && is_plain_word(value) ? "=" + quoted(value) : "") +
         " is refused: " + std::string(promise->refusal);
}

// Takes what libpq found and sorts it into used, refused and without effect.
Said<Connection> sort_out(const Options& found, bool secret) {
  Connection connection;
  for (const PQconninfoOption& each : found.all()) {
    if (each.val == nullptr || *each.val == '\0') continue;
    const std::string_view name = each.keyword;
    if (auto refusal = broken_promise(name, each.val, secret)) return no(*refusal);
    if (is_one_of(kUsed, name)) {
      connection.options.push_back({std::string(name), each.val, secret});
    } else if (find_promise(name) == nullptr && !is_one_of(kMeaningless, name)) {
      connection.warnings.push_back("connection option " + quoted(name) +
                                    " is not built and has no effect");
    }
  }
  return connection;
}

// Reading `key = value` words from the left.
struct Reader {
  std::string_view rest;

  void skip_spaces() { rest = rest.substr(std::min(rest.find_first_not_of(kSpaces), rest.size())); }

  std::string_view take_until(std::string_view stops) {
    const auto end = std::min(rest.find_first_of(stops), rest.size());
    const auto taken = rest.substr(0, end);
    rest.remove_prefix(end);
    return taken;
  }

  // The inside of '…' with '' for a quote; nothing if the quote never closes.
  std::optional<std::string> take_quoted() {
    std::string out;
    for (std::size_t at = 1;;) {
      const auto quote = rest.find('\'', at);
      if (quote == std::string_view::npos) return std::nullopt;
      out.append(rest, at, quote - at);
      at = quote + 1;
      if (at >= rest.size() || rest[at] != '\'') {
        rest.remove_prefix(at);
        return out;
      }
      out += '\'';
      ++at;
    }
  }

  static constexpr std::string_view kSpaces = " \t\r\n\v\f";
};

bool is_key(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_';
  });
}

// What stands where a key should may be a piece of a password that has spaces and no quotes.
std::string named(std::string_view key) {
  const bool known = is_libpq_option(key) || find_key(key, kDatabase | kUser | kPeer) != nullptr;
  return known ? quoted(key) : "a key that is no setting";
}

Said<Word> take_word(Reader& reader, const std::string& after) {
  const std::string where = after.empty() ? "at the start of the line" : "after " + named(after);
  Word word;
  word.key = reader.take_until(" \t\r\n\v\f=");
  reader.skip_spaces();
  if (!is_key(word.key) || !reader.rest.starts_with('=')) {
    return no("no key=value " + where + "; a value with spaces needs single quotes");
  }
  reader.rest.remove_prefix(1);
  reader.skip_spaces();
  if (reader.rest.starts_with('\'')) {
    auto value = reader.take_quoted();
    if (!value) return no("the quote around the value of " + named(word.key) + " never closes");
    word.value = std::move(*value);
  } else {
    word.value = reader.take_until(Reader::kSpaces);
  }
  if (word.value.empty()) return no(named(word.key) + " has no value");
  return word;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Takes the parameters libpq does not know off `query`. libpq itself would refuse the whole URI.
Said<std::string> known_parameters(std::string_view query, bool secret, Connection& found) {
  std::string kept;
  bool after_password = false;  // An & in it, not encoded, makes a parameter of the rest.
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const std::string_view piece = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (piece.empty()) continue;
    const auto equals = std::min(piece.find('='), piece.size());
    const std::string name = percent_decoded(piece.substr(0, equals));
    const bool of_password = std::exchange(after_password, name == "password");
    const bool outside = is_one_of(kOutside, name);
    if (is_libpq_option(name) && !outside) {
      kept.append(kept.empty() ? "?" : "&").append(piece);
      continue;
    }
    const auto value = percent_decoded(piece.substr(std::min(equals + 1, piece.size())));
    if (name == "ssl" && value == "true") {  // As libpq has it; the last word about TLS counts.
      kept.append(kept.empty() ? "?" : "&").append("sslmode=require");
      continue;
    }
    if (auto refusal = broken_promise(name, value, secret)) return no(*refusal);
    if (outside) {
      found.options.push_back({name, value, secret});
      continue;
    }
    const std::string shown = secret                         ? "of hidden name"
                              : is_key(name) && !of_password ? quoted(name)
                                                             : "of odd name";
    found.warnings.push_back("parameter " + shown +
                             " of the URI is unknown to PostgreSQL and is left out");
  }
  return kept;
}

bool has_variable_first(std::string_view text) { return text.starts_with("${"); }

// A URI that stands in a variable as a whole, or one with variables in it.
Said<std::string> expand_uri(const std::string& text, const Environment& environment) {
  if (!has_variable_first(text)) return expand(text, environment, &percent_encoded);
  auto whole = expand(text, environment);
  if (whole) whole = std::string(trim(*whole));
  if (whole && !is_uri(*whole)) {
    return no("a line that begins with a variable needs a postgresql:// URI in it");
  }
  return whole;
}

constexpr const char* kUriShape =
    "the URI is not postgresql://user:password@host:port/database; in a password the characters "
    "/ @ : ? % must be percent-encoded";

// Whether a / or @ of an unencoded password has shifted the parts: then what libpq would take for a
// host, port or database is a piece of a password, and would end up in a sentence or a log.
bool parts_are_shifted(std::string_view after_scheme) {
  const auto at = after_scheme.find('@');
  if (at == std::string_view::npos) return false;
  const auto first_stop = after_scheme.find('/');
  if (first_stop < at) return after_scheme.find('?') > at;
  const auto rest = after_scheme.substr(at + 1);
  return rest.substr(0, rest.find('?')).find('@') != std::string_view::npos;
}

}  // namespace

Said<std::vector<Word>> split_words(std::string_view text) {
  std::vector<Word> words;
  Reader reader{trim(text)};
  if (is_uri(reader.rest) || has_variable_first(reader.rest)) {
    words.push_back({{}, std::string(reader.take_until(Reader::kSpaces))});
    reader.skip_spaces();
  }
  while (!reader.rest.empty()) {
    auto word = take_word(reader, words.empty() ? std::string{} : words.back().key);
    if (!word) return tl::unexpected(word.error());
    words.push_back(std::move(*word));
    reader.skip_spaces();
  }
  return words;
}

Said<std::vector<Word>> read_words(std::string_view text, const Environment& environment) {
  auto words = split_words(text);
  if (!words) return words;
  for (Word& word : *words) {
    if (!has_variable(word.value)) continue;
    auto expanded =
        word.key.empty() ? expand_uri(word.value, environment) : expand(word.value, environment);
    if (!expanded) return tl::unexpected(expanded.error());
    if (expanded->empty()) return no(named(word.key) + " has no value");
    word.value = std::move(*expanded);
    word.secret = true;
  }
  return words;
}

bool is_uri(std::string_view text) {
  return text.starts_with("postgresql://") || text.starts_with("postgres://");
}

bool is_libpq_option(std::string_view name) {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    // An empty string yields every keyword, and nothing from the environment.
    const Options options("");
    for (const auto& each : options.all()) names.emplace_back(each.keyword);
    return names;
  }();
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

std::string default_user() {
  const Options defaults(nullptr);
  for (const auto& each : defaults.all()) {
    if (std::string_view{each.keyword} == "user" && each.val != nullptr) return each.val;
  }
  return {};
}

Said<Connection> read_uri(const Word& word) {
  const std::string_view uri = word.value;
  const std::string_view after_scheme = uri.substr(uri.find("://") + 3);
  if (uri.find('\0') != std::string_view::npos || parts_are_shifted(after_scheme)) {
    return no(kUriShape);
  }
  // As libpq has it, an @ before the first / ends the password, and a ? before that is part of it.
  const auto at = after_scheme.find_first_of("@/");
  const bool has_user = at != std::string_view::npos && after_scheme[at] == '@';
  const auto host = uri.size() - after_scheme.size() + (has_user ? at : 0);
  const auto question = std::min(uri.find('?', host), uri.size());
  Connection outside;  // What libpq does not get to see.
  auto query =
      known_parameters(uri.substr(std::min(question + 1, uri.size())), word.secret, outside);
  if (!query) return tl::unexpected(query.error());
  const std::string whole = std::string(uri.substr(0, question)) + *query;
  const Options found(whole.c_str());
  if (!found.understood()) return no(kUriShape);
  auto connection = sort_out(found, word.secret);
  if (!connection) return connection;
  const auto put_in_front = [](auto& all, const auto& more) {
    all.insert(all.begin(), more.begin(), more.end());
  };
  put_in_front(connection->options, outside.options);
  put_in_front(connection->warnings, outside.warnings);
  return connection;
}

Said<Connection> read_options(const std::vector<Word>& words) {
  std::string text;
  bool secret = false;
  for (const Word& word : words) {
    secret |= word.secret;
    text.append(word.key).append("='");
    for (const char c : word.value) {
      if (c == '\'' || c == '\\') text += '\\';
      text += c;
    }
    text += "' ";
  }
  const Options found(text.c_str());
  if (!found.understood()) return no("libpq does not understand this connection string");
  return sort_out(found, secret);
}

}  // namespace weir::proxy::config
