// house.h: the whole program put together: configuration, workers, their threads, the doors.
//
// Worker 0 runs on the calling thread, with the listeners and the signals on its loop; each other
// worker has a thread of its own.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "proxy/commons.h"
#include "proxy/config/config.h"
#include "proxy/config/load.h"
#include "proxy/io/file_watch.h"
#include "proxy/io/listener.h"
#include "proxy/io/loop.h"
#include "proxy/io/signals.h"
#include "proxy/placement.h"
#include "proxy/worker.h"

namespace weir::proxy {

class House final : private Office {
 public:
  // `source`: read again at each reload.
  House(std::unique_ptr<const config::Config> config, config::Source source, Log& log);
  ~House();

  // Opens the doors. The fault's text is a sentence.
  Result<void> open();
  // Until the program is told to stop.
  void run();

 private:
  // A configuration that some worker may still read.
  struct Generation {
    std::unique_ptr<const config::Config> config;
    std::size_t applied = 0;     // By how many workers.
    const char* news = nullptr;  // For the log, once all have.
  };
  // A console that waits for the outcome of a reload; client 0: a signal, nobody waits.
  struct Asker {
    std::size_t worker;
    std::uint64_t client;
  };

  void reload(std::size_t worker, std::uint64_t client) override;
  void shut_down(Stop stop) override;
  void stop_accepting() override;
  void reload_applied(std::size_t worker, const config::Config* config) override;

  void reload_for_waiting();
  Result<config::Config> read_again();
  Result<void> start_reload();
  void read_files_again();
  void configure_and_hand_out(config::Config config, const char* news);
  void hand_out(config::Config config, std::vector<std::string> complaints, const char* news);
  bool watch_files(const config::Config& config);
  void look_again();
  void on_files_changed();
  void on_settings_changed();
  void tell(const std::string& complaint);
  void on_accept(Socket socket, const Address& peer, std::optional<std::uint32_t> peer_uid);
  void on_full();
  void on_signal(int number);
  void say_start() const;

  const config::Source source_;
  Log& log_;
  std::mutex mutex_;                  // Of the next five: a reload may be asked for by any worker.
  bool files_changed_ = false;        // Since the reload under way began.
  std::vector<std::string> notices_;  // Of the reload under way, for those who asked.
  std::vector<Generation> generations_;
  std::vector<Asker> told_;     // When the reload under way is done. Never two at a time.
  std::vector<Asker> waiting_;  // For a reload after it.
  const std::size_t workers_count_;
  Placement placement_;
  io::Street street_;
  Commons commons_;
  std::vector<std::string> tls_complaints_;  // Of the start.
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<io::Listener> listener_;
  std::unique_ptr<io::Signals> signals_;
  std::unique_ptr<io::FileWatch> watch_;           // Of what the settings name.
  std::vector<std::string> watched_;               // By it.
  std::unique_ptr<io::FileWatch> settings_watch_;  // Of their own file.
  Instant full_said_at_ = -kNever / 2;
  std::atomic<int> stops_asked_ = 0;  // By signals and consoles: a signal after another is final.
};

}  // namespace weir::proxy
