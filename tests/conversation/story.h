// story.h: who talks in a conversation: callers in front of pgweir, backends behind it, and the
// stage they stand on. Every line said is played out before the next: say(), then heard().
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/conversation/language.h"
#include "tests/street/town.h"

namespace weir::story {

using street::InOrder;
using street::Peer;

class Stage;

// An application.
class Caller {
 public:
  Caller(Stage& stage, Peer& its_peer) : peer(its_peer), stage_(stage) {}
  void say(std::string_view words);
  void say(const Buffer& bytes);
  // Logs in and throws the greeting away; its pid and key are kept.
  Caller& login(const Settings& more = {}, const std::string& user = "app",
                const std::string& database = "shop");
  // Everything since the last time; "." at the end: pgweir has closed. A BackendKeyData is
  // remembered.
  std::string heard();
  void hang_up();                // Without Terminate.
  Buffer cancel_packet() const;  // For what it runs now.

  Peer& peer;
  std::uint32_t pid = 0;
  Buffer key;

 private:
  Stage& stage_;
};

// One connection that pgweir has dialled. It answers the login and SETs by itself.
class Backend {
 public:
  Backend(Stage& stage, Peer& peer, int number);
  void say(std::string_view words);
  void say(const Buffer& bytes);
  // Everything since the last time but what was answered by itself; "." at the end: pgweir has
  // closed or half-closed.
  std::string heard();
  void hang_up();

  Peer& peer;
  const int number;   // From 1; its pid is 100 + number.
  int asked_ssl = 0;  // How often it was asked to speak TLS.
  bool is_cancel = false;
  std::uint32_t cancel_pid = 0;
  std::string user, database;
  Settings asked;                // The startup packet.
  std::vector<std::string> ran;  // What it answered by itself.

 private:
  void on_event();
  void greet();
  bool answer_alone(char tag, Bytes body);

  Stage& stage_;
  Buffer heard_;
  bool greeted_ = false;
};

struct Setting {
  std::string config = {};     // Lines for [pgweir].
  std::string databases = {};  // More lines for [databases].
  std::string users = {};      // Lines for [users].
  std::size_t workers = 1;
  std::string shop = {};  // More for `shop = host=db …`.
  std::map<std::string, std::string> secrets = {};
};

class Stage {
 public:
  explicit Stage(InOrder& policy, const Setting& setting = {});

  street::Town town;
  street::Door& door;  // db:5432.

  Caller& caller(std::size_t worker = 0, std::optional<std::uint32_t> uid = {});
  Caller& client(std::size_t worker = 0);       // caller().login().
  street::Door& open(const std::string& host);  // Another machine, its backends like db's.
  Backend& backend(std::size_t number);         // REQUIRES: it has been dialled. From 1.
  std::size_t backends() const { return backends_.size(); }
  void run() { town.run(); }
  void wait(Instant span) { town.run_for(span); }

  static std::string config_text(const Setting& setting);

  // How backends behave.
  bool answers_sets = true;        // SET, set_config, DEALLOCATE, DISCARD, ROLLBACK by themselves.
  bool obliging = false;           // Every query is answered by "T D C Z" at once.
  bool hangs_up = true;            // When told goodbye.
  std::string ssl_answer = "N";    // To an SSLRequest, as it stands.
  std::string greeting;            // Behind the startup packet; words. "{pid}" is filled in.
  std::vector<std::string> canon;  // "utc=UTC": how the server spells what it is SET to.

 private:
  std::vector<std::unique_ptr<Caller>> callers_;
  std::vector<std::unique_ptr<Backend>> backends_;
};

inline constexpr std::string_view kGreeting =
    "R S'client_encoding=UTF8' S'DateStyle=ISO, MDY' S'TimeZone=UTC' "
    "S'standard_conforming_strings=on' S'application_name=' S'IntervalStyle=postgres' "
    "S'server_version=16.4' K({pid}) Z";

// Tells the story whole, byte by byte, and with every byte that pgweir is sent as the place of a
// cut. `tell` must make its own Stage and say the same each time.
void however_cut(const std::function<void(InOrder&)>& tell);

}  // namespace weir::story
