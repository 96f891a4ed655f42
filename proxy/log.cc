#include "proxy/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <filesystem>
#include <system_error>
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

// spdlog would make the directory, where the operator has only mistyped its name.
Result<void> check_directory(const std::string& file) {
  const std::filesystem::path parent = std::filesystem::path{file}.parent_path();
  std::error_code error;
  if (parent.empty() || std::filesystem::is_directory(parent, error)) return {};
  return fail("F0000", "directory " + parent.string() + ": " +
                           (error ? error.message() : "it is no directory"));
}

class SpdLog final : public Log {
 public:
  explicit SpdLog(const LogSettings& settings) : settings_(settings) {
    set_debug(settings.debug);
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

  bool wants(Level level) const override {
    return level != Level::debug || debug_.load(std::memory_order_relaxed);
  }

  void reopen(const std::string& file) override {
    settings_.file = file;
    const auto opened = open();
    if (!opened) line(Level::error, "cannot reopen the log file: " + opened.error().text);
  }

  void set_debug(bool wanted) override { debug_ = wanted || settings_.debug_always; }

  // On a fault the log stays where it was.
  Result<void> open() {
    if (auto there = check_directory(settings_.file); !there) return there;
    try {
      open_sinks();
    } catch (const spdlog::spdlog_ex& thrown) {
      return fail("F0000", thrown.what());
    }
    return {};
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
  std::atomic<bool> debug_;
  // Replaced whole, under its own lock, when the file is reopened.
  std::shared_ptr<spdlog::sinks::dist_sink_mt> sinks_ =
      std::make_shared<spdlog::sinks::dist_sink_mt>();
  spdlog::logger logger_{"pgweir"};
};

}  // namespace

Result<std::unique_ptr<Log>> open_log(const LogSettings& settings) {
  auto log = std::make_unique<SpdLog>(settings);
  if (auto opened = log->open(); !opened) {
    return fail("F0000", "cannot open the log file: " + opened.error().text);
  }
  return log;
}

}  // namespace weir::proxy
