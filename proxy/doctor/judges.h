// judges.h: the parts of judge(), each with its own subject. Inside this folder only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/doctor/facts.h"
#include "proxy/doctor/finding.h"

namespace weir::proxy::doctor {

inline constexpr std::int64_t kCertificateNoticeDays = 30;
inline constexpr double kClockSkewMax_s = 5;
inline constexpr int kVersionTestedMin = 120000;

// This machine: doors, open files, certificates, who may enter.
Findings judge_here(const config::Config& config, const HereFacts& here);
// The way to a server: its name, the connection, TLS.
Findings judge_reach(const config::Config& config, const Visit& visit);
// Whether the user is let in, and what keeps his secret from doing so.
Findings judge_login(const config::Config& config, const Visit& visit);
// `first`: another visit whose finding has the function to make; nullptr: there is none.
Findings judge_inquiry(const Visit& visit, const Visit* first);
// What the server told of itself.
Findings judge_server(const config::Config& config, const Visit& visit, std::int64_t now_s);
// What takes several visits to see: hosts of one entry that differ.
Findings judge_hosts(const config::Config& config, const std::vector<Visit>& visits);
// Whether the servers have room for all connections that pgweir may open.
Findings judge_room(const config::Config& config, const std::vector<Visit>& visits);

// Words that the judges share.

// `file:line` of the entry, or its name where it has none.
std::string place_of(const config::Config& config, const std::string& entry);
const config::Database& database_of(const config::Config& config, const std::string& entry);
// "2026-01-31", of seconds since 1970, in UTC.
std::string date_of(std::int64_t at_s);
// "1 connection", "2 connections".
std::string counted(std::int64_t count, std::string_view thing);
// What others have said, on one line and not without end.
std::string cleaned(std::string_view said);

}  // namespace weir::proxy::doctor
