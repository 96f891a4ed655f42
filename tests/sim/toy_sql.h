// toy_sql.h: the words of the language that model clients speak, and of what pgweir itself sends.
//
//   echo M | rows N BYTES M | take USEC M | notice M | fail M | copyin M | copyout N M
//   begin | commit | rollback | set [local] X to V | reset X | reset all | show X
//   deallocate all | discard all | SELECT pg_catalog.set_config( ...
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::sim {

// The statements of a query, cut at semicolons outside of quotes; empty ones are left out.
std::vector<std::string> statements_of(std::string_view sql);
// Its words; the first in small letters; a quoted one without its quotes and escapes.
std::vector<std::string> words_of(std::string_view statement);
// The arguments of the set_config calls in it, in turn: literals, and nothing for NULL; or, where
// it sets what is in a VALUES list, those.
std::vector<std::optional<std::string>> arguments_of(std::string_view statement);

}  // namespace weir::sim
