#include "proxy/admin/show.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "protocol/encode.h"
#include "proxy/admin/commands.h"
#include "proxy/admin/console.h"
#include "proxy/config/keys.h"
#include "proxy/version.h"

namespace weir::proxy {

using protocol::Column;
using protocol::ColumnType;

namespace {

constexpr std::array kPoolColumns{
    Column{"database"},
    Column{"user"},
    Column{"cl_active", ColumnType::int4},
    Column{"cl_waiting", ColumnType::int4},
    Column{"cl_active_cancel_req", ColumnType::int4},
    Column{"cl_waiting_cancel_req", ColumnType::int4},
    Column{"sv_active", ColumnType::int4},
    Column{"sv_active_cancel", ColumnType::int4},
    Column{"sv_being_canceled", ColumnType::int4},
    Column{"sv_idle", ColumnType::int4},
    Column{"sv_used", ColumnType::int4},
    Column{"sv_tested", ColumnType::int4},
    Column{"sv_login", ColumnType::int4},
    Column{"maxwait", ColumnType::int4},
    Column{"maxwait_us", ColumnType::int4},
    Column{"pool_mode"},
    Column{"load_balance_hosts"},
};

constexpr std::string_view mode_name(pool::PoolMode mode) {
  switch (mode) {
    case pool::PoolMode::session:
      return "session";
    case pool::PoolMode::transaction:
      return "transaction";
    case pool::PoolMode::statement:
      break;
  }
  return "statement";
}

void put_pool(Buffer& out, const PoolCounts& row) {
  const std::array<std::uint64_t, 13> numbers{row.cl_active,
                                              row.cl_waiting,
                                              row.cl_active_cancel_req,
                                              row.cl_waiting_cancel_req,
                                              row.sv_active,
                                              row.sv_active_cancel,
                                              row.sv_being_canceled,
                                              row.sv_idle,
                                              row.sv_used,
                                              row.sv_tested,
                                              row.sv_login,
                                              static_cast<std::uint64_t>(row.max_wait / kSecond),
                                              static_cast<std::uint64_t>(row.max_wait % kSecond)};
  std::array<std::string, numbers.size()> texts;
  std::vector<std::optional<std::string_view>> values{row.id.database, row.id.user};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    texts[i] = std::to_string(numbers[i]);
    values.emplace_back(texts[i]);
  }
  values.emplace_back(mode_name(row.mode));
  values.emplace_back(std::nullopt);
  if (row.many_hosts) values.back() = row.load_balance ? "round-robin" : "disable";
  protocol::put_data_row(out, values);
}

void add(PoolCounts& sum, const PoolCounts& row) {
  sum.cl_active += row.cl_active;
  sum.cl_waiting += row.cl_waiting;
  sum.cl_active_cancel_req += row.cl_active_cancel_req;
  sum.cl_waiting_cancel_req += row.cl_waiting_cancel_req;
  sum.sv_active += row.sv_active;
  sum.sv_active_cancel += row.sv_active_cancel;
  sum.sv_being_canceled += row.sv_being_canceled;
  sum.sv_idle += row.sv_idle;
  sum.sv_used += row.sv_used;
  sum.sv_tested += row.sv_tested;
  sum.sv_login += row.sv_login;
  sum.max_wait = std::max(sum.max_wait, row.max_wait);
}

}  // namespace

void show_help(Console& console) {
  std::string usage;
  for (const Command& command : commands()) {
    if (!command.usage.empty()) usage += "\n\t" + std::string{command.usage};
  }
  Buffer out;
  protocol::ErrorFields notice;
  notice.sqlstate = "00000";
  notice.message = "Console usage";
  notice.detail = usage;
  protocol::put_notice(out, protocol::Severity::notice, notice);
  console.send(out);
  console.complete("SHOW");
}

void show_version(Console& console) {
  Buffer out;
  const std::array columns{Column{"version"}};
  protocol::put_row_description(out, columns);
  const std::string version = version_line();
  const std::array values{std::optional<std::string_view>{version}};
  protocol::put_data_row(out, values);
  console.send(out);
  console.complete("SHOW");
}

std::vector<PoolCounts> merge(std::vector<PoolCounts> rows) {
  std::map<PoolId, PoolCounts> merged;
  for (PoolCounts& row : rows) {
    const auto [at, fresh] = merged.try_emplace(row.id, row);
    if (!fresh) add(at->second, row);
  }
  std::vector<PoolCounts> out;
  out.reserve(merged.size());
  for (auto& [id, row] : merged) out.push_back(std::move(row));
  return out;
}

void put_pools(Buffer& out, const std::vector<PoolCounts>& pools, std::size_t console_clients) {
  protocol::put_row_description(out, kPoolColumns);
  for (const PoolCounts& row : pools) put_pool(out, row);
  PoolCounts console;
  console.id = {"pgbouncer", "pgbouncer"};  // The name that dashboards leave out.
  console.cl_active = static_cast<std::uint32_t>(console_clients);
  console.mode = pool::PoolMode::statement;
  put_pool(out, console);
}

void put_config(Buffer& out, const config::Config& config, bool with_sources) {
  constexpr std::array kColumns{Column{"key"}, Column{"value"}, Column{"default"},
                                Column{"changeable"}, Column{"source"}};
  const std::size_t columns = kColumns.size() - (with_sources ? 0 : 1);
  protocol::put_row_description(out, std::span{kColumns}.first(columns));
  for (std::size_t row = 0; row < config.shown.size(); ++row) {
    const config::Key& key = config::keys()[row];
    if ((key.scopes & config::kGlobal) == 0) continue;
    std::array<std::optional<std::string_view>, kColumns.size()> values{
        key.name, config.shown[row], std::nullopt, key.reload ? "yes" : "no", config.sources[row]};
    if (key.fallback != nullptr) values[2] = key.fallback;
    protocol::put_data_row(out, std::span{values}.first(columns));
  }
}

std::string version_line() { return std::string{"pgweir "} + kVersion; }

}  // namespace weir::proxy
