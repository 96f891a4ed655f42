// session_set.cc: SET, RESET and set_config of the toy session.
#include <array>

#include "protocol/encode.h"
#include "tests/sim/session.h"
#include "tests/sim/toy_sql.h"

namespace weir::sim {

namespace {

void put_row(Buffer& out, std::string_view value) {
  const std::array<std::optional<std::string_view>, 1> row{value};
  protocol::put_data_row(out, row);
}

}  // namespace

bool Session::run_set(std::vector<std::string> words, Buffer& out) {
  const bool local = (words.size() > 1 ? words[1] : "") == "local";
  if (local) words.erase(words.begin() + 1);
  const std::string name = (words.size() > 1 ? words[1] : "");
  const auto found = now_.settings.find(name);
  if (words[0] == "reset" && name == "all") {
    for (const auto& [one, value] : default_settings()) reset(one);
    protocol::put_command_complete(out, "RESET");
    return true;
  }
  if (found == now_.settings.end()) return fail("42704", "no such parameter: " + name, out);
  const bool is_reset = words[0] == "reset";
  const auto value = is_reset ? startup_.at(name) : spell(name, words.back());
  if (!value) return fail("22023", "invalid value for parameter " + name, out);
  if (local) {
    if (status_ == 'T') before_local_.try_emplace(name, found->second);
    if (status_ == 'T') found->second = *value;
  } else {
    is_reset ? reset(name) : set(name, value);
  }
  protocol::put_command_complete(out, is_reset ? "RESET" : "SET");
  return true;
}

void Session::set(const std::string& name, const std::optional<std::string>& value) {
  before_local_.erase(name);
  now_.settings[name] = *value;
  now_.by_session.insert(name);
}

void Session::reset(const std::string& name) {
  before_local_.erase(name);
  now_.settings[name] = startup_.at(name);
  now_.by_session.erase(name);
}

// Some of pgweir's own: as they stand, or only where nothing has been SET.
bool Session::run_set_config(std::string_view statement, Buffer& out) {
  const auto given = arguments_of(statement);
  const bool all = statement.find(" FROM ") == statement.npos;
  for (std::size_t i = 0; i + 1 < given.size(); i += 2) {
    const std::string& name = *given[i];
    if (!now_.settings.contains(name)) return fail("42704", "no such parameter: " + name, out);
    if (!given[i + 1]) {
      reset(name);
      continue;
    }
    const auto value = spell(name, *given[i + 1]);
    if (!value) return fail("22023", "invalid value for parameter " + name, out);
    if (all || !(now_.by_session.contains(name) || before_local_.contains(name))) set(name, value);
  }
  put_row(out, "");
  protocol::put_command_complete(out, "SELECT 1");
  return true;
}

}  // namespace weir::sim
