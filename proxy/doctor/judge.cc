#include "proxy/doctor/judge.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "proxy/doctor/judges.h"

namespace weir::proxy::doctor {

namespace {

constexpr std::size_t kSaidMax = 500;  // Bytes of other people's words.

void add(Findings& to, Findings more) {
  for (Finding& finding : more) {
    finding.sentence = cleaned(finding.sentence);
    // Two users at one host meet the same fault.
    if (std::find(to.begin(), to.end(), finding) == to.end()) to.push_back(std::move(finding));
  }
}

}  // namespace

Findings judge(const config::Config& config, const Facts& facts) {
  Findings all;
  add(all, judge_here(config, facts.here));
  const Visit* first_asked = nullptr;
  for (const Visit& visit : facts.visits) {
    add(all, judge_reach(config, visit));
    add(all, judge_login(config, visit));
    Findings of_inquiry = judge_inquiry(visit, first_asked);
    if (first_asked == nullptr && worst(of_inquiry) == Level::error) first_asked = &visit;
    add(all, std::move(of_inquiry));
    add(all, judge_server(config, visit, facts.here.now_s));
  }
  add(all, judge_hosts(config, facts.visits));
  add(all, judge_room(config, facts.visits));
  std::stable_sort(all.begin(), all.end(), [](const Finding& left, const Finding& right) {
    return left.database < right.database;
  });
  return all;
}

std::string place_of(const config::Config& config, const std::string& entry) {
  const std::string& place = database_of(config, entry).place;
  return place.empty() ? "the entry of " + entry : place;
}

const config::Database& database_of(const config::Config& config, const std::string& entry) {
  static const config::Database kNone;
  const auto found = config.databases.find(entry);
  return found == config.databases.end() ? kNone : found->second;
}

std::string date_of(std::int64_t at_s) {
  using std::chrono::sys_days;
  const auto day =
      std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds{std::chrono::seconds{at_s}});
  const std::chrono::year_month_day date{sys_days{day}};
  const auto two = [](unsigned number) {
    return (number < 10 ? "-0" : "-") + std::to_string(number);
  };
  return std::to_string(static_cast<int>(date.year())) + two(static_cast<unsigned>(date.month())) +
         two(static_cast<unsigned>(date.day()));
}

std::string counted(std::int64_t count, std::string_view thing) {
  return std::to_string(count) + " " + std::string{thing} + (count == 1 ? "" : "s");
}

std::string cleaned(std::string_view said) {
  std::string text;
  for (const char byte : said.substr(0, kSaidMax)) {
    const bool plain = static_cast<unsigned char>(byte) > ' ' && byte != 0x7f;
    if (plain) text += byte;
    if (!plain && !text.empty() && text.back() != ' ') text += ' ';
  }
  if (text.ends_with(' ')) text.pop_back();
  return text;
}

}  // namespace weir::proxy::doctor
