#include "proxy/config/expand.h"

#include <algorithm>
#include <cctype>

namespace weir::proxy::config {
namespace {

constexpr std::string_view kOpen = "${";
constexpr std::string_view kPlainOpen = "$${";
constexpr std::string_view kOtherwise = ":-";

bool is_name(std::string_view text) {
  const auto may_stand = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !text.empty() && std::isdigit(static_cast<unsigned char>(text[0])) == 0 &&
         std::all_of(text.begin(), text.end(), may_stand);
}

// What stands between the braces.
Said<std::string> value_of(std::string_view inside, const Environment& environment) {
  const auto otherwise = inside.find(kOtherwise);
  const std::string_view name = inside.substr(0, otherwise);
  if (!is_name(name)) {
    return no("what stands in ${} is no name of a variable; $${ is a plain ${");
  }
  const auto found = environment.find(name);
  if (otherwise != std::string_view::npos) {
    if (has_variable(inside.substr(otherwise))) return no("no ${ inside the text behind :-");
    const bool unset = found == environment.end() || found->second.empty();
    return unset ? std::string(inside.substr(otherwise + kOtherwise.size())) : found->second;
  }
  if (found != environment.end()) return found->second;
  return no("the environment has no variable " + std::string(name) + "; ${" + std::string(name) +
            ":-text} would do without it");
}

}  // namespace

Environment read_environment(const char* const* variables) {
  Environment environment;
  for (; variables != nullptr && *variables != nullptr; ++variables) {
    const std::string_view variable = *variables;
    const auto equals = variable.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace(variable.substr(0, equals), variable.substr(equals + 1));
  }
  return environment;
}

bool has_variable(std::string_view text) { return text.find(kOpen) != std::string_view::npos; }

Said<std::string> expand(std::string_view text, const Environment& environment,
                         std::string (*fit)(std::string_view)) {
  std::string out;
  while (!text.empty()) {
    if (text.starts_with(kPlainOpen)) {
      out += kOpen;
      text.remove_prefix(kPlainOpen.size());
    } else if (text.starts_with(kOpen)) {
      const auto close = text.find('}');
      if (close == std::string_view::npos) return no("a ${ never closes; $${ is a plain ${");
      const auto value = value_of(text.substr(kOpen.size(), close - kOpen.size()), environment);
      if (!value) return tl::unexpected(value.error());
      out += fit != nullptr ? fit(*value) : *value;
      text.remove_prefix(close + 1);
    } else {
      const auto next = std::min(text.find('$', 1), text.size());
      out += text.substr(0, next);
      text.remove_prefix(next);
    }
  }
  return out;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view{"-._~"}.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
    }
  }
  return out;
}

}  // namespace weir::proxy::config
