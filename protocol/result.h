// result.h: a value or a Fault. What a peer or an operator did wrong travels as a value.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace weir {

// Why a connection gets an ErrorResponse. `text` and `hint` reach the client: no secret in them.
struct Fault {
  const char* sqlstate;  // Five characters, static storage (manual: Appendix A).
  std::string text;
  std::string hint = {};
};

template <typename T>
using Result = tl::expected<T, Fault>;

inline tl::unexpected<Fault> fail(const char* sqlstate, std::string text, std::string hint = {}) {
  return tl::unexpected<Fault>(Fault{sqlstate, std::move(text), std::move(hint)});
}

}  // namespace weir
