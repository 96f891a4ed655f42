// server_test.cc: versions, timeouts, clocks, certificates, standbys, poolers.
#include "unit/proxy/doctor/case.h"

using namespace weir::proxy::doctor;

namespace {

constexpr std::int64_t kNow = 1'700'000'000;  // 2023-11-14.
constexpr std::int64_t kDay = 24 * 60 * 60;

Findings judged(const Visit& visit, const std::string& settings = {}) {
  return judge_server(config_of(kShop, settings), visit, kNow);
}

Visit with_clock(double ahead_s, double doubt_s) {
  Visit visit = good_visit();
  visit.server->clock_ahead_s = ahead_s;
  visit.server->clock_doubt_s = doubt_s;
  return visit;
}

Visit with_certificate(std::int64_t from_s, std::int64_t until_s, double ahead_s = 0) {
  Visit visit = with_clock(ahead_s, 0);
  visit.server->certificate = Validity{from_s, until_s};
  return visit;
}

}  // namespace

TEST_CASE("a server as it should be draws no finding") {
  CHECK(judged(good_visit()).empty());
  CHECK(judged(with_certificate(kNow - kDay, kNow + 31 * kDay)).empty());
}

TEST_CASE("old servers, poolers, and what is no PostgreSQL") {
  Visit visit = good_visit();
  visit.server->version_number = 110009;
  visit.server->version = "11.9";
  CHECK(says(found(judged(visit), "server_old").sentence, "PostgreSQL 11.9"));
  visit = good_visit();
  visit.server->pooler_between = true;
  CHECK(found(judged(visit), "pooler_between").level == Level::warning);
  visit.server->complaint = "syntax error";
  CHECK(found(judged(visit), "server_unknown").level == Level::warning);
}

TEST_CASE("a session that the server closes before pgweir does") {
  Visit visit = good_visit();
  visit.server->idle_session_timeout_ms = 300'000;
  const Findings findings = judged(visit);
  CHECK(says(found(findings, "idle_session_timeout").sentence,
             "idle for 300 s, while pgweir keeps "
             "idle ones for 600 s"));
  CHECK(says(found(findings, "idle_session_timeout").cure, "server_idle_timeout = 150"));
  CHECK(judged(visit, "server_idle_timeout = 200").empty());
  CHECK(judged(visit, "server_lifetime = 200").empty());
  CHECK(!judged(visit, "server_idle_timeout = 0").empty());
}

TEST_CASE("clocks that differ by more than the way to the server explains") {
  CHECK(judged(with_clock(5, 0)).empty());
  CHECK(judged(with_clock(8, 4)).empty());
  CHECK(judged(with_clock(-8, 4)).empty());
  CHECK(says(found(judged(with_clock(42.4, 1)), "clock_skew").sentence, "42 seconds ahead of"));
  CHECK(says(found(judged(with_clock(-42.4, 1)), "clock_skew").sentence, "42 seconds behind"));
}

TEST_CASE("a clock of ours outside of a certificate that holds by the server's is an error") {
  const auto early = judged(with_certificate(kNow + kDay, kNow + 90 * kDay, -2.0 * kDay));
  CHECK(found(early, "clock_outside_certificate").level == Level::error);
  CHECK(says(found(early, "clock_outside_certificate").sentence, "2023-11-15 to 2024-02-12"));
  const auto late = judged(with_certificate(kNow - 90 * kDay, kNow - kDay, 2.0 * kDay));
  CHECK(found(late, "clock_outside_certificate").level == Level::error);
}

TEST_CASE("a certificate that has ended, or will within a month") {
  const auto ended = judged(with_certificate(kNow - 90 * kDay, kNow - kDay));
  CHECK(found(ended, "certificate_out_of_date").level == Level::warning);
  const auto soon = judged(with_certificate(kNow - 90 * kDay, kNow + 29 * kDay));
  CHECK(says(found(soon, "certificate_ends_soon").sentence, "ends in 29 days, on 2023-12-13"));
}

TEST_CASE("a standby is told, and one among hosts that take writes is a warning") {
  Visit standby = good_visit();
  standby.host = "10.0.0.6";
  standby.server->in_recovery = true;
  CHECK(found(judged(standby), "standby").level == Level::ok);
  const auto config = config_of(kShop);
  CHECK(judge_hosts(config, {standby}).empty());
  CHECK(judge_hosts(config, {good_visit()}).empty());
  const Findings mixed = judge_hosts(config, {good_visit(), standby});
  CHECK(says(found(mixed, "standby_among_hosts").sentence, "10.0.0.6:5432 is a standby"));
}

TEST_CASE("keepalive that is off matters where a network lies between") {
  const auto config = config_of(kShop, "tcp_keepalive = 0");
  CHECK(find(judge_hosts(config, {good_visit()}), "keepalive_off") != nullptr);
  Visit local = good_visit();
  local.network = false;
  CHECK(judge_hosts(config, {local}).empty());
  CHECK(judge_hosts(config_of(kShop), {good_visit()}).empty());
}
