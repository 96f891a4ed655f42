// judge_server.cc: what a server told of itself, held against what pgweir will do with it.
#include <algorithm>
#include <cmath>
#include <map>

#include "proxy/doctor/judges.h"

namespace weir::proxy::doctor {

namespace {

constexpr std::int64_t kDaySeconds = 24 * 60 * 60;

Finding warning(const Visit& visit, const char* code, std::string sentence, std::string cure) {
  return {Level::warning, code, visit.entry, std::move(sentence), std::move(cure)};
}

Findings of_kind(const Visit& visit) {
  const ServerFacts& server = *visit.server;
  Findings all;
  if (!server.complaint.empty()) {
    return {warning(visit, "server_unknown",
                    visit.where() + " does not answer as PostgreSQL does: " + server.complaint,
                    "")};
  }
  if (server.version_number < kVersionTestedMin) {
    all.push_back(warning(visit, "server_old",
                          visit.where() + " is PostgreSQL " + server.version +
                              ": pgweir is not tested with any below 12",
                          ""));
  }
  if (server.pooler_between) {
    all.push_back(warning(visit, "pooler_between",
                          visit.where() + " is another pooler, not PostgreSQL itself: what it "
                                          "limits and forgets comes on top of what pgweir does",
                          "Let host= and port= lead to PostgreSQL, or let the other pooler work "
                          "in session mode with at least as many connections."));
  }
  if (server.in_recovery) {
    all.push_back(
        {Level::ok, "standby", visit.entry, visit.where() + " is a standby: it takes no writes"});
  }
  return all;
}

Findings of_timeouts(const config::Config& config, const Visit& visit) {
  const std::int64_t theirs_us = visit.server->idle_session_timeout_ms * 1000;
  const std::int64_t idle_us = config.settings.server_idle_timeout_us;
  const std::int64_t life_us = config.server_lifetime_us(database_of(config, visit.entry));
  const std::int64_t ours_us = idle_us == 0 ? life_us : std::min(idle_us, life_us);
  if (theirs_us == 0 || ours_us < theirs_us) return {};
  const std::string seconds = std::to_string(theirs_us / config::kMicrosPerSecond);
  return {warning(
      visit, "idle_session_timeout",
      visit.where() + " closes a session that is idle for " + seconds +
          " s, while pgweir keeps idle ones for " +
          std::to_string(ours_us / config::kMicrosPerSecond) +
          " s: a query may meet one that is just being closed",
      "Write server_idle_timeout = " +
          std::to_string(std::max<std::int64_t>(1, theirs_us / config::kMicrosPerSecond / 2)))};
}

Findings of_clock(const Visit& visit) {
  const ServerFacts& server = *visit.server;
  if (std::abs(server.clock_ahead_s) - server.clock_doubt_s <= kClockSkewMax_s) return {};
  const auto seconds = static_cast<std::int64_t>(std::llround(std::abs(server.clock_ahead_s)));
  return {warning(visit, "clock_skew",
                  "the clock of this machine is " + counted(seconds, "second") +
                      (server.clock_ahead_s > 0 ? " ahead of" : " behind") + " that of " +
                      visit.where() + ": certificates, VALID UNTIL and tokens depend on it",
                  "Let a time service set both clocks.")};
}

bool holds(const Validity& validity, std::int64_t at_s) {
  return validity.from_s <= at_s && at_s <= validity.until_s;
}

Findings of_certificate(const Visit& visit, std::int64_t now_s) {
  const ServerFacts& server = *visit.server;
  if (!server.certificate) return {};
  const Validity& validity = *server.certificate;
  const auto theirs_s = now_s - static_cast<std::int64_t>(std::llround(server.clock_ahead_s));
  const std::string whose = "the certificate of " + visit.where();
  const std::string span = date_of(validity.from_s) + " to " + date_of(validity.until_s);
  if (!holds(validity, now_s) && holds(validity, theirs_s)) {
    return {{Level::error, "clock_outside_certificate", visit.entry,
             whose + " holds from " + span +
                 ", and the clock of this machine, but not the "
                 "server's, is outside of that",
             "Set the clock of this machine."}};
  }
  if (!holds(validity, now_s)) {
    return {warning(visit, "certificate_out_of_date", whose + " holds from " + span + " alone",
                    "Give PostgreSQL a new one.")};
  }
  const std::int64_t days = (validity.until_s - now_s) / kDaySeconds;
  if (days >= kCertificateNoticeDays) return {};
  return {warning(visit, "certificate_ends_soon",
                  whose + " ends in " + counted(days, "day") + ", on " + date_of(validity.until_s),
                  "Give PostgreSQL a new one before.")};
}

void append(Findings& to, Findings more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

struct HostsSeen {
  std::vector<std::string> standbys;
  std::vector<std::string> primaries;
};

}  // namespace

Findings judge_server(const config::Config& config, const Visit& visit, std::int64_t now_s) {
  if (!visit.server) return {};
  Findings all = of_kind(visit);
  append(all, of_timeouts(config, visit));
  append(all, of_clock(visit));
  append(all, of_certificate(visit, now_s));
  return all;
}

Findings judge_hosts(const config::Config& config, const std::vector<Visit>& visits) {
  std::map<std::string, HostsSeen> entries;
  bool network = false;
  for (const Visit& visit : visits) {
    network |= visit.network;
    if (!visit.server) continue;
    HostsSeen& seen = entries[visit.entry];
    (visit.server->in_recovery ? seen.standbys : seen.primaries).push_back(visit.where());
  }
  Findings all;
  for (const auto& [entry, seen] : entries) {
    if (seen.standbys.empty() || seen.primaries.empty()) continue;
    all.push_back({Level::warning, "standby_among_hosts", entry,
                   seen.standbys.front() + " is a standby and " + seen.primaries.front() +
                       " is not: whether a write works depends on whose turn it is",
                   "Make two entries of it, one for writing and one for reading."});
  }
  if (network && !config.settings.tcp_keepalive) {
    all.push_back({Level::warning, "keepalive_off", "",
                   "tcp_keepalive = 0: a connection that a firewall has forgotten is found dead "
                   "only by the query that meets it",
                   "Write tcp_keepalive = 1."});
  }
  return all;
}

}  // namespace weir::proxy::doctor
