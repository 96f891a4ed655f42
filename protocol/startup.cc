#include "protocol/startup.h"

#include <algorithm>

#include "protocol/decode.h"

namespace weir::protocol {

namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kVersionBytes = 4;

// Majors that no protocol version will use (manual: 54.7, "chosen to contain 1234").
constexpr std::uint16_t kRequestMajor = 1234;
constexpr std::uint16_t kCancelRequest = 5678;
constexpr std::uint16_t kSslRequest = 5679;
constexpr std::uint16_t kGssencRequest = 5680;

constexpr const char* kBadLength = "invalid length of startup packet";

Result<Startup> parse_cancel(Startup startup, Reader& reader) {
  const auto pid = reader.u32();
  const Bytes key = reader.rest();
  if (!pid || key.size() < kCancelKeyBytesMin || key.size() > kCancelKeyBytesMax) {
    return fail("08P01", "invalid length of cancel request packet");
  }
  startup.kind = Startup::Kind::cancel;
  startup.cancel_pid = *pid;
  startup.cancel_key.assign(key.begin(), key.end());
  return startup;
}

Result<Startup> parse_request(Startup startup, Reader& reader) {
  if (startup.minor == kCancelRequest) return parse_cancel(std::move(startup), reader);
  if (startup.minor != kSslRequest && startup.minor != kGssencRequest) {
    return fail("0A000", "unsupported frontend protocol 1234." + std::to_string(startup.minor));
  }
  if (!reader.empty()) return fail("08P01", kBadLength);
  startup.kind = startup.minor == kSslRequest ? Startup::Kind::ssl : Startup::Kind::gssenc;
  return startup;
}

Result<Startup> parse_parameters(Startup startup, Reader& reader) {
  const auto layout = [] {
    return fail("08P01", "invalid startup packet layout: expected terminator as last byte");
  };
  for (;;) {
    const auto name = reader.cstring();
    if (!name) return layout();
    if (name->empty()) break;
    const auto value = reader.cstring();
    if (!value) return layout();
    startup.parameters.emplace_back(*name, *value);
  }
  if (!reader.empty()) return layout();
  return startup;
}

Result<Startup> parse_packet(Bytes body) {
  Reader reader(body);
  Startup startup;
  startup.major = reader.u16().value_or(0);
  startup.minor = reader.u16().value_or(0);
  if (startup.major == kRequestMajor) return parse_request(std::move(startup), reader);
  if (startup.major == 3) return parse_parameters(std::move(startup), reader);
  if (startup.major == 2) return fail("0A000", "old V2 protocol not supported");
  return fail("0A000", "unsupported frontend protocol " + std::to_string(startup.major) + "." +
                           std::to_string(startup.minor) + ": only major version 3 is supported");
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The next word of `text`, unescaped; nothing at the end.
std::optional<std::string> next_word(std::string_view& text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  std::string word;
  for (; !text.empty() && !is_space(text.front()); text.remove_prefix(1)) {
    if (text.front() == '\\') {
      text.remove_prefix(1);
      if (text.empty()) break;  // As PostgreSQL: a last backslash stands for nothing.
    }
    word += text.front();
  }
  return word;
}

tl::unexpected<Fault> unsupported_option() {
  return fail("0A000",
              "unsupported options startup parameter: only '-c config=val' and '--config=val' are "
              "allowed");
}

}  // namespace

const std::string* Startup::find(std::string_view name) const {
  const auto at = std::find_if(parameters.rbegin(), parameters.rend(),
                               [&](const Setting& setting) { return setting.first == name; });
  return at == parameters.rend() ? nullptr : &at->second;
}

void StartupReader::keep(Bytes& input, std::size_t until) {
  if (kept_.size() >= until) return;
  const std::size_t taken = std::min(until - kept_.size(), input.size());
  kept_.insert(kept_.end(), input.begin(), input.begin() + static_cast<std::ptrdiff_t>(taken));
  input = input.subspan(taken);
}

Result<std::optional<Startup>> StartupReader::next(Bytes& input) {
  if (fault_) return tl::unexpected(*fault_);
  keep(input, kLengthBytes);
  if (kept_.size() < kLengthBytes) return std::nullopt;

  const std::uint32_t announced = load_u32(kept_.data());  // Counts itself.
  if (announced < kLengthBytes + kVersionBytes || announced > kLengthBytes + kStartupBytesMax) {
    fault_ = Fault{"08P01", kBadLength};
    return tl::unexpected(*fault_);
  }
  keep(input, announced);
  if (kept_.size() < announced) return std::nullopt;

  Result<Startup> parsed = parse_packet(Bytes{kept_}.subspan(kLengthBytes));
  if (!parsed) {
    fault_ = parsed.error();
    return tl::unexpected(*fault_);
  }
  kept_ = {};  // Gives the memory back: a connection may idle for days behind its startup.
  return std::optional<Startup>(std::move(*parsed));
}

Result<std::vector<Setting>> parse_options(std::string_view options) {
  std::vector<Setting> settings;
  while (auto word = next_word(options)) {
    std::string assignment;
    if (*word == "-c") {
      auto argument = next_word(options);
      if (!argument) return fail("42601", "invalid command-line argument for server process: -c");
      assignment = std::move(*argument);
    } else if (word->starts_with("-c") || word->starts_with("--")) {
      assignment = word->substr(2);
    } else {
      return unsupported_option();
    }
    const std::size_t equals = assignment.find('=');
    if (equals == 0) return fail("42704", "unrecognized configuration parameter \"\"");
    if (equals == std::string::npos) {
      const char* const dashes = word->starts_with("--") ? "--" : "-c ";
      return fail("42601", dashes + assignment + " requires a value");
    }
    std::string name = assignment.substr(0, equals);
    std::replace(name.begin(), name.end(), '-', '_');
    settings.emplace_back(std::move(name), assignment.substr(equals + 1));
  }
  return settings;
}

}  // namespace weir::protocol
