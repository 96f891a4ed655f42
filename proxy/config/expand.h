// expand.h: variables of the environment in the text of a setting. `${NAME}` is the variable's
// value, `${NAME:-text}` is `text` where the variable is unset or empty, `$${` is a plain `${`. No
// `${` may stand in `text`. A value that is put in is not looked at again.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "proxy/config/sentence.h"

namespace weir::proxy::config {

using Environment = std::map<std::string, std::string, std::less<>>;

// As the C library has them: NAME=value, a null pointer at the end.
Environment read_environment(const char* const* variables);

// Whether expand() would change anything.
bool has_variable(std::string_view text);

// `fit`: what makes a value fit where it is put.
Said<std::string> expand(std::string_view text, const Environment& environment,
                         std::string (*fit)(std::string_view) = nullptr);

// Every character that could end a part of a URI as %XX, for expand().
std::string percent_encoded(std::string_view text);

}  // namespace weir::proxy::config
