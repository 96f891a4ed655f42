#include "proxy/admin/console.h"

#include <utility>

#include "proxy/admin/commands.h"
#include "proxy/admin/show.h"
#include "proxy/client.h"
#include "proxy/worker.h"

namespace weir::proxy {

using protocol::Framer;
using protocol::Severity;

Console::Console(Worker& worker, Client& client, bool may_change)
    : worker_(worker), client_(client), may_change_(may_change) {}

Buffer Console::parameter_statuses() {
  // Tools read a PgBouncer version off this one.
  constexpr std::pair<const char*, const char*> kTold[] = {{"server_version", "1.25.2/pgweir"},
                                                           {"client_encoding", "UTF8"},
                                                           {"server_encoding", "UTF8"},
                                                           {"DateStyle", "ISO"},
                                                           {"TimeZone", "GMT"},
                                                           {"standard_conforming_strings", "on"},
                                                           {"is_superuser", "on"}};
  Buffer out;
  for (const auto& [name, value] : kTold) protocol::put_parameter_status(out, name, value);
  return out;
}

std::size_t Console::take(Bytes bytes) {
  Bytes left = bytes;
  protocol::Piece piece;
  while (!waiting_) {
    if (client_.stream.congested()) {  // Who does not read is asked no more.
      client_.stream.stop_feeding();
      client_.stream.tell_when_sent();
      break;
    }
    const auto cut = framer_.next(left, piece);
    if (cut == Framer::Cut::need_more) break;
    if (cut == Framer::Cut::bad_length) {
      client_.refuse({"08P01", "message too long for the admin console"});
      return bytes.size();
    }
    const auto body = collector_.add(piece);
    if (body && !take_message(piece.tag, *body)) return bytes.size();
  }
  return bytes.size() - left.size();
}

bool Console::take_message(char tag, Bytes body) {
  switch (tag) {
    case 'Q': {
      const auto text = as_text(body);
      run(text.substr(0, text.find('\0')));
      return client_.stream.is_open();
    }
    case 'X':
      worker_.part_from(client_, Parting::terminated, "client close request");
      return false;
    case 'P':
    case 'B':
    case 'D':
    case 'E':
    case 'C':
      if (!std::exchange(skipping_to_sync_, true)) {
        Buffer out;
        protocol::put_error(out, Severity::error,
                            Fault{"0A000", "extended query protocol not supported by admin console",
                                  "Send it as a simple query."});
        send(out);
      }
      return true;
    case 'H':
      return true;
    case 'S': {
      skipping_to_sync_ = false;
      Buffer out;
      protocol::put_ready_for_query(out, 'I');
      send(out);
      return true;
    }
    default:
      client_.refuse({"08P01", "unsupported packet type for admin console: " +
                                   std::to_string(static_cast<unsigned char>(tag))});
      return false;
  }
}

void Console::run(std::string_view sql) {
  const auto words = read_words(sql);
  if (words && words->empty()) {
    Buffer out;
    protocol::put_empty_query_response(out);
    protocol::put_ready_for_query(out, 'I');
    return send(out);
  }
  const Command* const command = find_command(sql);
  if (command == nullptr) {
    return complain(
        {"42601", "invalid command '" + std::string{sql.substr(0, 200)} + "', use SHOW HELP;"});
  }
  if (command->changes && !may_change_) return complain({"42501", "admin access needed"});
  command->run(*this);
}

void Console::complete(std::string_view tag) {
  Buffer out;
  protocol::put_command_complete(out, tag);
  protocol::put_ready_for_query(out, 'I');
  send(out);
}

void Console::complain(const Fault& fault) {
  Buffer out;
  protocol::put_error(out, Severity::error, fault);
  protocol::put_ready_for_query(out, 'I');
  send(out);
}

void Console::send(const Buffer& bytes) { client_.stream.put_copy(bytes); }

void Console::wait() {
  waiting_ = true;
  client_.stream.stop_feeding();
}

void Console::go_on() {
  waiting_ = false;
  client_.stream.resume_feeding();
}

void Console::on_sent() {
  if (!waiting_) client_.stream.resume_feeding();
}

void Console::ask_counts() {
  pools_.clear();
  consoles_ = 0;
  answers_missing_ = worker_.commons.workers;
  wait();
  for (std::size_t of = 0; of < worker_.commons.workers; ++of) {
    worker_.world.post(of, {CountsWanted{worker_.index, client_.id}});
  }
}

void Console::on_counts(std::vector<PoolCounts> pools, std::size_t consoles) {
  if (answers_missing_ == 0) return;
  consoles_ += consoles;
  for (PoolCounts& row : pools) pools_.push_back(std::move(row));
  if (--answers_missing_ > 0) return;
  Buffer out;
  put_pools(out, merge(std::move(pools_)), consoles_);
  pools_.clear();
  send(out);
  complete("SHOW");
  go_on();
}

void Console::show_config(bool with_sources) {
  Buffer out;
  put_config(out, worker_.config(), with_sources);
  send(out);
  complete("SHOW");
}

void Console::ask_reload() {
  wait();
  worker_.commons.office.reload(worker_.index, client_.id);
}

void Console::on_reloaded(const std::string& complaint, const std::vector<std::string>& notices) {
  if (!waiting_) return;
  Buffer out;
  for (const std::string& notice : notices) {
    protocol::put_notice(out, Severity::warning, Fault{"01000", notice});
  }
  send(out);
  complaint.empty() ? complete("RELOAD")
                    : complain({"F0000", "RELOAD failed: " + complaint,
                                "The configuration before it stays in force."});
  go_on();
}

void Console::shut_down(Stop stop) {
  if (stop != Stop::now) complete("SHUTDOWN");
  worker_.shut_down(stop);
}

}  // namespace weir::proxy
