#include "proxy/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <syslog.h>

#include <array>
#include <atomic>
#include <vector>

#include "proxy/written_file.h"

namespace weir::proxy {

namespace {

// PgBouncer's look: "2026-01-31 12:00:00.123 +00:00 [77] LOG ..."
constexpr const char* kPattern = "%Y-%m-%d %H:%M:%S.%e %z [%P] %v";

constexpr std::string_view level_name(Level level) {
  switch (level) {
    case Level::debug:
      return "DEBUG";
    case Level::info:
      return "LOG";
    case Level::warning:
      return "WARNING";
    case Level::error:
      return "ERROR";
    case Level::fatal:
      break;
  }
  return "FATAL";
}

constexpr spdlog::level::level_enum weight(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
    case Level::fatal:
      break;
  }
  return spdlog::level::critical;
}

struct Facility {
  std::string_view name;
  int number;
};

constexpr auto kFacilities = std::to_array<Facility>({
    {"auth", LOG_AUTH},
    {"authpriv", LOG_AUTHPRIV},
    {"daemon", LOG_DAEMON},
    {"user", LOG_USER},
    {"local0", LOG_LOCAL0},
    {"local1", LOG_LOCAL1},
    {"local2", LOG_LOCAL2},
    {"local3", LOG_LOCAL3},
    {"local4", LOG_LOCAL4},
    {"local5", LOG_LOCAL5},
    {"local6", LOG_LOCAL6},
    {"local7", LOG_LOCAL7},
});

int facility_of(std::string_view name) {
  for (const Facility& facility : kFacilities) {
    if (facility.name == name) return facility.number;
  }
  return LOG_DAEMON;
}

class SpdLog final : public Log {
 public:
  explicit SpdLog(const LogSettings& settings) : settings_(settings) {
    set_debug(settings.debug);
    logger_.sinks().push_back(sinks_);
    logger_.set_level(spdlog::level::trace);  // line() decides.
    logger_.flush_on(spdlog::level::trace);
    logger_.set_error_handler([](const std::string&) {});  // A full disk must not stop the pooler.
  }

  void line(Level level, std::string_view text) override {
    if (!wants(level)) return;
    // What a peer has sent may stand in a line: one line stays one line.
    std::string one{level_name(level)};
    one += ' ';
    for (const char c : text) {
      one += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    }
    logger_.log(weight(level), spdlog::string_view_t{one});
  }

  bool wants(Level level) const override {
    return level != Level::debug || debug_.load(std::memory_order_relaxed);
  }

  void reopen(const LogPlaces& places) override {
    settings_.places = places;
    const auto opened = open();
    if (!opened) line(Level::error, "cannot reopen the log file: " + opened.error().text);
  }

  void set_debug(bool wanted) override { debug_ = wanted || settings_.debug_always; }

  // On a fault of the file the log stays in the one before.
  Result<void> open() {
    auto opened = open_file();
    open_syslog();
    return opened;
  }

 private:
  Result<void> open_file() {
    const std::string& file = settings_.places.file;
    // spdlog would make it.
    if (auto there = check_directory(file); !there) return there;
    try {
      std::vector<spdlog::sink_ptr> sinks;
      if (!file.empty()) {
        sinks.push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(file));
      }
      if (settings_.to_terminal) sinks.push_back(std::make_shared<spdlog::sinks::stderr_sink_mt>());
      for (const auto& sink : sinks) sink->set_pattern(kPattern);
      near_ = std::move(sinks);
    } catch (const spdlog::spdlog_ex& thrown) {
      return fail("F0000", thrown.what());
    }
    return {};
  }

  // A sink that goes makes the C library forget what the next one has told it: first the one goes,
  // then the other comes.
  void open_syslog() {
    const LogPlaces& to = settings_.places;
    const LogPlaces wanted{{}, to.syslog, to.syslog_ident, to.syslog_facility};
    if (wanted != syslog_now_) {
      syslog_.reset();
      sinks_->set_sinks(near_);
      if (to.syslog) {
        syslog_ = std::make_shared<spdlog::sinks::syslog_sink_mt>(
            to.syslog_ident, LOG_PID, facility_of(to.syslog_facility), false);
      }
      syslog_now_ = wanted;
    }
    std::vector<spdlog::sink_ptr> all = near_;
    if (syslog_) all.push_back(syslog_);
    sinks_->set_sinks(std::move(all));
  }

  LogSettings settings_;
  std::atomic<bool> debug_;
  std::vector<spdlog::sink_ptr> near_;  // File and terminal.
  spdlog::sink_ptr syslog_;             // As syslog_now_ has it; none: not wanted.
  LogPlaces syslog_now_;
  // Replaced whole, under its own lock, when the file is reopened.
  std::shared_ptr<spdlog::sinks::dist_sink_mt> sinks_ =
      std::make_shared<spdlog::sinks::dist_sink_mt>();
  spdlog::logger logger_{"pgweir"};
};

}  // namespace

LogPlaces LogPlaces::from(const config::Settings& settings) {
  return {settings.logfile, settings.syslog, settings.syslog_ident, settings.syslog_facility};
}

Result<std::unique_ptr<Log>> open_log(const LogSettings& settings) {
  auto log = std::make_unique<SpdLog>(settings);
  if (auto opened = log->open(); !opened) {
    return fail("F0000", "cannot open the log file: " + opened.error().text);
  }
  return log;
}

}  // namespace weir::proxy
