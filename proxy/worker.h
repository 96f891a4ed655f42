// worker.h: one thread's clients, servers and shares of the pools, and the decisions among them.
//
// A turn: events come in through streams and mail, matches and grants follow, every touched
// stream is flushed, the dead are buried when nothing of the turn is on the stack any more.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pool/deadlines.h"
#include "protocol/parameters.h"
#include "proxy/client.h"
#include "proxy/commons.h"
#include "proxy/config/config.h"
#include "proxy/replication_wish.h"
#include "proxy/secret_book.h"
#include "proxy/server.h"
#include "proxy/shakes.h"
#include "proxy/share.h"
#include "proxy/turn.h"
#include "proxy/turn_taker.h"

namespace weir::proxy {

class CancelCall;
class Inquiry;
class PasswordRun;
class Replication;

// For a client whose pool would be one beyond kPoolsMax.
Fault too_many_pools();

// A client's pid as it is told: above every pid of an operating system, so that a stray
// pg_cancel_backend() hits nobody. 2 bits mark, 6 bits worker, 24 bits place.
inline constexpr std::uint32_t kPidMark = 0x4000'0000;
constexpr std::uint32_t pid_of(std::size_t worker, std::uint32_t place) {
  return kPidMark | static_cast<std::uint32_t>(worker) << 24 | place;
}
inline constexpr std::uint32_t kPlacesMax = 1u << 24;

inline constexpr Instant kLingerMax = 2 * kSecond;           // For a refused client to read why.
inline constexpr Instant kMinimumPause = kSecond;            // To look again for room for it.
inline constexpr Instant kFarewellMax = 10 * kSecond;        // For a server to hang up.
inline constexpr Instant kFarewellPatience = 5 * kSecond;    // Before its last query is cancelled.
inline constexpr Instant kNamesPauseMax = 5 * kSecond;       // To look where names lead.
inline constexpr std::size_t kCancelsMax = 256;              // Of one worker, at the same time.
inline constexpr Instant kCancelPause = 100 * kMillisecond;  // To look again for room for one.
// At one worker as many clients may be logging in as may be in altogether (max_client_conn), and
// at least this many.
inline constexpr std::int64_t kUnprovedMin = 128;

class Worker final : public TurnTaker, public Turn {
 public:
  Worker(World& world, Commons& commons, const config::Config& config, std::size_t index);
  ~Worker();

  // TurnTaker.
  void deliver(Mail mail) override;
  Instant next_deadline() const override { return deadlines.next(); }
  void on_time() override;
  void end_turn() override;
  bool finished() const override { return finished_; }
  // Turn.
  void settle() override;
  bool may_shake() override { return shakes_.take(); }
  void queue_shake(Stream& stream) override { shakes_.queue(stream); }
  void forget_shake(Stream& stream) override { shakes_.forget(stream); }

  World& world;
  Commons& commons;
  const std::size_t index;
  pool::Deadlines deadlines;
  protocol::SettingsTable settings;
  SecretBook secret_book;
  const config::Config& config() const { return *config_; }

  // --- Clients.
  void part_from(Client& client, Parting parting, std::string_view why);
  // Proved: counts it, finds its pool, greets it or lets it wait for a first server.
  void admit(Client& client, const std::string& database, Asked asked, bool long_key,
             const Credential& credential);
  // Proved, and comes for replication: it gets a server for itself.
  void replicate(Client& client, const std::string& database, ReplicationWish wish, bool long_key,
                 const Credential& credential);
  // Asks auth_query in this database; the client's on_secrets() follows, never within this call.
  void want_secret(const Client& client, const InquiryId& to, bool fresh);
  // Whether the process may end: ask when a client or a connection to a server has gone.
  void check_finished();
  void note_failed_login(const Client& client);
  // Wakes it no later than when its login has to go on, or is over.
  void arm(Client& client);
  void admit_to_console(Client& client, bool may_change, bool long_key);
  // A request begins. True when the client has a server now; else reading from it has stopped.
  bool want_server(Client& client);
  // The client or its server has come to the end of a message: frees the server when it can be.
  void maybe_release(Client& client);
  void set_state(Client& client, pool::ClientEvent on);
  void go_on_later(Client& client);
  // What query_timeout has cancelled has been answered.
  void overdue_ended(Client& client);
  void cancel(std::uint32_t pid, Bytes key);
  // Its place is free; its memory goes at the end of the turn.
  void retire(Client& client);

  // --- Servers.
  void move(Server& server, pool::ServerEvent on);
  void welcomed(Server& server, const Parameters& parameters);
  // What a login has failed by: a host that does not answer, so that another one is tried next and
  // all pools leave it alone; what this pool asks of a host that does answer; or none of it.
  enum class Blame : std::uint8_t { host, terms, ourselves };
  void login_failed(Server& server, const Fault& fault, bool certain, Blame blame = Blame::host);
  // What it was dialled with has changed meanwhile.
  void login_outdated(Server& server);
  void server_gone(Server& server, std::string_view why);
  // The server's client is about to be told ReadyForQuery, and values have gone back to the
  // server's own. True: the client's are being set, and ReadyForQuery is ours to send.
  bool go_back(Server& server);
  // The server has sent ReadyForQuery. `own`: to a query of ours.
  void ready_for_query(Server& server, bool own);
  // Its client has had all its answers and goes on; the server says more and goes.
  void release_and_dismiss(Server& server);
  // Has a command print the password; the server's on_password() follows, never within this call.
  void want_password(const std::string& command);
  void password_printed(const std::string& command, Result<std::string> output);
  // The server is in doubt: it goes, and its client, if any, with it.
  void lose_link(Server& server, const Fault& fault);
  void cancel_over(CancelCall& call);

  void log(Level level, const Client& client, std::string_view text);
  void log(Level level, const Server& server, std::string_view text);

  // --- The console.
  std::vector<PoolCounts> count_pools();
  void shut_down(Stop stop) { commons.office.shut_down(stop); }

 private:
  friend class Replication;
  friend struct WorkerGlass;  // The simulator's auditor looks in (tests/sim/glass.h).

  // Clients (worker_clients.cc).
  void limit_unproved();
  bool count_client(Client& client, const std::string& database, Fault& refusal);
  void uncount_client(Client& client);
  void enter_pool(Client& client, Share& share);
  bool go_home(Client& client);
  void move_house(Client& client, Share& to);
  void come_over(Client& client, Share& to);
  void greet(Client& client);
  void greet_waiting(Share& share);
  void refuse_waiting(Share& share, const Fault& fault);
  void leave(Client& client, Parting parting);
  void link(Client& client, Server& server);
  std::string preparation(const Client& client, Server& server) const;
  void own_answered(Client& client, Server& server);
  void maybe_end_session(Client& client, Server& server);
  void end_sessions(Share& of);
  void unlink(Client& client, Server& server);
  void on_deadline(Client& client);
  void on_deadline(CancelCall& call);
  void cancel_query(Server& server);
  void start_cancel(Server& server);
  void answer_in_line(Client& client, const Fault& fault);

  // What a client has set (worker_settings.cc).
  void take_startup_settings(Client& client, const Welcome::Greeting& greeting);
  std::string settings_sql(const Client& client, const Server& server) const;
  void settings_taken(Client& client, Server& server);
  void follow_own(Client& client, const Server& server);
  void learn_own(Client& client, Server& server);
  void report_settings(Client& client, const Server& server);
  void tell_held_back(Client& client, const Server& server);
  bool must_start_afresh(const Client& client, const Server& server) const;
  void start_wanted_cancel(Server& server);

  // New servers (worker_logins.cc).
  void grow(Share& share);
  void arm_growth(Share& share);
  bool dial(Share& share);
  void host_answered(const Server& server);
  bool try_other_password(Server& server, const Fault& fault);

  void watch_name(const Server& server);
  void look_at_names();

  // Servers (worker_servers.cc).
  void match(Share& share);
  void free(Server& server);
  void reset(Server& server);
  bool roll_back(Server& server);
  std::string_view reason_to_close(const Server& server) const;
  bool outdated(const Server& server) const;
  void make_idle(Server& server, pool::ServerEvent on);
  bool needs_test(const Server& server) const;
  void test(Server& server, const std::string& query);
  void dismiss(Server& server, std::string_view why, bool terminate = true);
  void bury(Server& server);
  void look_again(Share& share);
  std::unique_ptr<Server> take_out(Server& server);
  void on_deadline(Server& server);
  void arm_half_way(Server& server);
  void on_deadline_half_way(Server& server);
  void on_deadline_leaving(Server& server);
  Instant due(const Client& client) const;
  Instant notice_due(const Client& client) const;
  void tell_to_wait(Client& client);

  // Timeouts (worker_timeouts.cc).
  struct Ending {
    Instant at = kNever;
    const char* sqlstate = "";
    const char* text = "";
    const char* hint = "";
    bool cancels = false;  // Its query alone ends.
  };
  Ending ending(const Client& client) const;
  Ending ending_with_server(const Client& client) const;
  bool only_cancels(const Client& client) const;
  Instant cancel_patience() const;
  Instant life_look(const Client& client) const;
  void note_pause(Client& client);
  void time_out(Client& client, const Ending& over);
  void cancel_overdue(Client& client, const Fault& fault);
  void renew_timeouts(Client& client);

  void rearm(pool::List<pool::ClientSlot>& clients);
  Instant life_end(const Server& server) const;
  void arm_idle(Server& server);

  // Replication (worker_replication.cc).
  void replication_over(Replication& replication);
  void end_replications();

  // Shares (worker_pools.cc).
  Share& share(const PoolId& id);
  Share* find_share(const PoolId& id);
  void note_emptied(Share& share);
  void arm_forgetting(Share& share);
  void forget_if_unused(Share& share);
  void on_deadline(Share& share);

  // The other workers (worker_exchange.cc).
  void hand_over(Server& server, std::size_t to, bool answers_lend);
  void make_room(Share& share, pool::Limit& limit);
  bool evict(const pool::Limit* limit);
  void ask_to_evict(pool::Limit& limit);
  void wake(pool::WorkerMask mask);
  void wake_all();

  // Mail and time (worker.cc).
  void take(Accepted& letter);
  void take(HandOver& letter);
  void take(Lend& letter);
  void take(LendRefused& letter);
  void take(Nudge& letter);
  void take(Evict& letter);
  void take(Welcomed& letter);
  void take(Cancel& letter);
  void take(Reload& letter);
  void take(Shutdown& letter);
  void take(CountsWanted& letter);
  void take(Counts& letter);
  void take(ReloadDone& letter);
  void take(SecretWanted& letter);
  void take(SecretFound& letter);
  void take(PasswordWanted& letter);
  void take(PasswordReady& letter);
  bool drop_an_inquiry();
  void close_inquiries();
  void tell_password(const PasswordReady& letter);
  void stop_serving(Share& share);
  void resettle(Share& share);
  void open_forced();
  void renew(Share& share);
  void dismiss_unused(Share& share, std::string_view why);
  void arm_stats();
  void log_stats();
  Client* find_console(std::uint64_t id);

  void apply(const config::Config& config);

  const config::Config* config_;
  pool::ClientYard lobby_;  // Clients without a pool.
  std::map<PoolId, std::unique_ptr<Share>> shares_;
  std::vector<std::unique_ptr<Client>> places_;
  std::vector<std::uint32_t> free_places_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Server>> servers_;
  std::unordered_map<CancelCall*, std::unique_ptr<CancelCall>> cancels_;
  std::map<InquiryId, std::unique_ptr<Inquiry>> inquiries_;
  std::vector<std::unique_ptr<Inquiry>> dead_inquiries_;
  std::map<std::string, std::unique_ptr<PasswordRun>> password_runs_;  // By the command.
  std::vector<std::unique_ptr<PasswordRun>> dead_password_runs_;
  std::unordered_map<Replication*, std::unique_ptr<Replication>> replications_;
  std::vector<std::unique_ptr<Replication>> dead_replications_;
  std::vector<Client*> ready_;  // To go on before this event is over.
  Client* asking_ = nullptr;    // Within want_server(): goes on by itself when linked.
  std::vector<std::unique_ptr<Client>> dead_clients_;
  std::vector<std::unique_ptr<Server>> dead_servers_;
  std::vector<std::unique_ptr<Share>> dead_shares_;
  std::vector<std::unique_ptr<CancelCall>> dead_cancels_;
  Shakes shakes_{commons.stats.size()};
  pool::Deadline shakes_due_{pool::Deadline::Kind::handshakes};
  pool::Deadline names_due_{pool::Deadline::Kind::names};
  pool::Deadline stats_due_{pool::Deadline::Kind::worker};
  Totals reported_;  // By the last log_stats().
  Instant reported_at_;
  std::optional<Stop> stopping_;
  bool finished_ = false;
};

}  // namespace weir::proxy
