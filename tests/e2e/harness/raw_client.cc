// raw_client.cc: see raw_client.h.
#include "tests/e2e/harness/raw_client.h"

namespace weir::e2e {

char RawClient::ask_for_tls() {
  if (!send(untagged(kSslRequest))) return 0;
  const auto answer = read_exactly(1);
  return answer ? answer->front() : '\0';
}

bool RawClient::start_tls(const SealTerms& terms) { return ask_for_tls() == 'S' && encrypt(terms); }

bool RawClient::login(const std::string& user, const std::string& database, const Parameters& more,
                      std::uint32_t version) {
  Parameters parameters = {{"user", user}, {"database", database}};
  parameters.insert(parameters.end(), more.begin(), more.end());
  if (!send(startup_packet(parameters, version))) return false;
  while (const auto next = read()) {
    if (next->tag == 'K') key_ = next->body;
    if (next->tag == 'S') {
      const std::size_t end = next->body.find('\0');
      parameters_.emplace_back(next->body.substr(0, end),
                               next->body.substr(end + 1, next->body.size() - end - 2));
    }
    if (next->tag == 'Z') return true;
    if (next->tag == 'E') return false;
  }
  return false;
}

std::optional<std::vector<Message>> RawClient::ask(std::string_view sql) {
  if (!send(query(sql))) return std::nullopt;
  return read_through('Z');
}

std::string RawClient::value(std::string_view sql) {
  const auto messages = ask(sql);
  if (!messages) return "<nothing>";
  for (const Message& message : *messages)
    if (message.tag == 'D' && message.body.size() >= 6)
      return message.body.substr(6, from_be32(std::string_view(message.body).substr(2)));
  return "<nothing>";
}

Farewell RawClient::farewell(Deadline deadline) {
  Farewell seen;
  while (const auto next = read(deadline)) {
    if (next->tag != 'E') continue;
    auto fields = fields_of(next->body);
    seen.severity = fields['S'];
    seen.sqlstate = fields['C'];
    seen.text = fields['M'];
    seen.hint = fields['H'];
  }
  seen.closed = ended() || ends(deadline);  // Framing may have broken off before the end.
  return seen;
}

void cancel(int port, std::string_view key) {
  Wire wire = connect_to(port);
  wire.send(untagged(kCancelRequest, key));
  wire.ends();
}

std::string sqlstate_in(const std::vector<Message>& messages) {
  for (const Message& message : messages)
    if (message.tag == 'E') return fields_of(message.body)['C'];
  return {};
}

std::string tags_of(const std::vector<Message>& messages) {
  std::string tags;
  for (const Message& message : messages) tags += message.tag;
  return tags;
}

}  // namespace weir::e2e
