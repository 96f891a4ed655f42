#include "proxy/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <vector>

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

class SpdLog final : public Log {
 public:
  explicit SpdLog(const LogSettings& settings) : settings_(settings) {
    open_sinks();
    logger_.sinks().push_back(sinks_);
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
    logger_.log(spdlog::level::info, spdlog::string_view_t{one});
  }

  bool wants(Level level) const override { return settings_.debug || level != Level::debug; }

  void reopen(const std::string& file) override {
    try {
      settings_.file = file;
      open_sinks();
    } catch (const spdlog::spdlog_ex& thrown) {
      line(Level::error, std::string{"cannot reopen the log file: "} + thrown.what());
    }
  }

 private:
  void open_sinks() {
    std::vector<spdlog::sink_ptr> sinks;
    if (!settings_.file.empty()) {
      sinks.push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(settings_.file));
    }
    if (settings_.to_terminal) sinks.push_back(std::make_shared<spdlog::sinks::stderr_sink_mt>());
    for (const auto& sink : sinks) sink->set_pattern(kPattern);
    sinks_->set_sinks(std::move(sinks));
  }

  LogSettings settings_;
  // Replaced whole, under its own lock, when the file is reopened.
  std::shared_ptr<spdlog::sinks::dist_sink_mt> sinks_ =
      std::make_shared<spdlog::sinks::dist_sink_mt>();
  spdlog::logger logger_{"pgweir"};
};

}  // namespace

Result<std::unique_ptr<Log>> open_log(const LogSettings& settings) {
  try {
    return std::make_unique<SpdLog>(settings);
  } catch (const spdlog::spdlog_ex& thrown) {
    return fail("F0000", std::string{"cannot open the log file: "} + thrown.what());
  }
}

}  // namespace weir::proxy
