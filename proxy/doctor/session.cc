#include "proxy/doctor/session.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "protocol/crypto.h"
#include "proxy/config/libpq.h"
#include "proxy/io/socket_address.h"
#include "proxy/tls/inspect.h"

namespace weir::proxy::doctor {

namespace {

using config::ChannelBinding;
using config::SslMode;

// Stays: objects of it do, and some of what it tells OpenSSL.
const config::Libpq& pq() {
  static const auto& library = *std::make_unique<config::Libpq>().release();
  return library;
}

// A file that is never there: libpq must not go and look in the home directory instead.
constexpr const char* kNoFile = "/dev/null/none";
constexpr int kLibpqKnowsSystemStore = 160000;

// libpq's allow begins in the clear, ours is prefer.
const char* word_for(SslMode mode) {
  constexpr std::array kWords{"disable", "prefer", "prefer", "require", "verify-ca", "verify-full"};
  return kWords.at(static_cast<std::size_t>(mode));
}

const char* word_for(ChannelBinding binding) {
  switch (binding) {
    case ChannelBinding::disable:
      return "disable";
    case ChannelBinding::prefer:
      return "prefer";
    case ChannelBinding::require:
      return "require";
  }
  return "prefer";
}

// libpq's word for the authorities of the system, or, before it had one, their file. The word goes
// with verify-full alone.
std::string system_store(SslMode mode) {
  const bool word = pq().PQlibVersion() >= kLibpqKnowsSystemStore && mode == SslMode::verify_full;
  return word ? "system" : tls::system_store_file();
}

std::string list_of(const std::vector<std::string>& words) {
  std::string list;
  for (const std::string& word : words) list += (list.empty() ? "" : ",") + word;
  return list;
}

using Words = std::vector<std::pair<std::string, std::string>>;

void add_tls(Words& words, const Login& login) {
  const auto settings = login.config.server_tls(login.target);
  const bool network = !io::is_unix_host(login.visit.host);
  const bool verifies = settings.mode >= SslMode::verify_ca;
  const auto file = [](const std::string& path) { return path.empty() ? kNoFile : path; };
  const bool system = settings.ca_file.empty() || settings.ca_file == "system";
  words.emplace_back("sslmode", network ? word_for(settings.mode) : "disable");
  words.emplace_back(
      "sslrootcert",
      !verifies ? kNoFile : (system ? system_store(settings.mode) : settings.ca_file));
  words.emplace_back("sslcert", file(settings.cert_file));
  words.emplace_back("sslkey", file(settings.key_file));
  words.emplace_back("sslcrl", kNoFile);
  words.emplace_back("channel_binding", word_for(login.config.channel_binding(login.target)));
  words.emplace_back("gssencmode", "disable");
}

Words words_for(const Login& login) {
  const Visit& visit = login.visit;
  // A host for each address: libpq tries them in turn, and the name is what TLS verifies.
  const std::size_t count = std::max<std::size_t>(1, login.addresses.size());
  Words words{{"host", list_of(std::vector<std::string>(count, visit.host))},
              {"hostaddr", list_of(login.addresses)},
              {"port", std::to_string(visit.port)},
              {"dbname", visit.dbname},
              {"user", visit.user},
              {"password", login.password},
              {"passfile", kNoFile},
              {"application_name", kApplicationName}};
  add_tls(words, login);
  for (const auto& [name, value] : login.target.startup_parameters) {
    if (name == "client_encoding" || name == "options") words.emplace_back(name, value);
  }
  return words;
}

pg_conn* begin(const Login& login) {
  Words words = words_for(login);
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : words) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  pg_conn* const connection = pq().PQconnectStartParams(names.data(), values.data(), 0);
  for (auto& [name, value] : words) protocol::wipe(value);
  return connection;
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

}  // namespace

Answer::Answer(pg_result* result) : result_(result) {}
void Answer::Free::operator()(pg_result* result) const { pq().PQclear(result); }

bool Answer::ok() const {
  const auto status = pq().PQresultStatus(result_.get());
  return result_ && (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK);
}
int Answer::rows() const { return pq().PQntuples(result_.get()); }
int Answer::columns() const { return pq().PQnfields(result_.get()); }
std::string Answer::text(int row, int column) const {
  return pq().PQgetvalue(result_.get(), row, column);
}
bool Answer::null(int row, int column) const {
  return pq().PQgetisnull(result_.get(), row, column) != 0;
}

int Answer::number(int row, int column) const {
  const std::string words = text(row, column);
  int value = 0;
  std::from_chars(words.data(), words.data() + words.size(), value);
  return value;
}

std::string Answer::sqlstate() const {
  const char* const state = pq().PQresultErrorField(result_.get(), PG_DIAG_SQLSTATE);
  return state == nullptr ? "" : state;
}

std::string Answer::complaint() const {
  if (ok()) return {};
  const char* const words = pq().PQresultErrorField(result_.get(), PG_DIAG_MESSAGE_PRIMARY);
  return words == nullptr ? "the server gave no answer" : words;
}

Session::Session(const Login& login) : connection_(begin(login)) {
  pq().PQsetNoticeProcessor(
      connection_.get(), [](void*, const char*) {}, nullptr);
  if (connection_) connect(Clock::now() + kConnectTimeMax);
}

Session::~Session() = default;
void Session::Close::operator()(pg_conn* connection) const { pq().PQfinish(connection); }

void Session::connect(Clock::time_point deadline) {
  auto wants = PGRES_POLLING_WRITING;
  while (pq().PQstatus(connection_.get()) != CONNECTION_BAD) {
    const short events = wants == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    late_ = !wait_for(pq().PQsocket(connection_.get()), events, deadline);
    if (late_) return;
    wants = pq().PQconnectPoll(connection_.get());
    if (wants == PGRES_POLLING_OK || wants == PGRES_POLLING_FAILED) return;
  }
}

bool Session::open() const { return !late_ && pq().PQstatus(connection_.get()) == CONNECTION_OK; }

std::string Session::complaint() const {
  if (late_) return "no answer within 10 seconds";
  const std::string all = trimmed(pq().PQerrorMessage(connection_.get()));
  // In front stands where the connection goes, which our sentence has already.
  const auto said = all.rfind(" failed: ");
  const bool of_the_last = said != std::string::npos && all.starts_with("connection to server");
  return of_the_last ? all.substr(said + 9) : all;
}

Answer Session::ask(const std::string& sql, const std::vector<std::string>& parameters) {
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  pg_conn* const connection = connection_.get();
  if (pq().PQsendQueryParams(connection, sql.c_str(), static_cast<int>(values.size()), nullptr,
                             values.data(), nullptr, nullptr, 0) != 1) {
    return Answer();
  }
  const auto deadline = Clock::now() + kAnswerTimeMax;
  while (pq().PQflush(connection) == 1) {
    if (!wait_for(pq().PQsocket(connection), POLLOUT, deadline)) return Answer();
  }
  Answer answer;
  for (bool first = true;; first = false) {
    while (pq().PQisBusy(connection) == 1) {
      if (!wait_for(pq().PQsocket(connection), POLLIN, deadline)) return Answer();
      if (pq().PQconsumeInput(connection) != 1) return Answer();
    }
    pg_result* const result = pq().PQgetResult(connection);
    if (result == nullptr) return answer;
    Answer next(result);
    if (first) answer = std::move(next);
  }
}

int Session::server_pid() const { return pq().PQbackendPID(connection_.get()); }

std::string Session::tls() const {
  const char* const version = pq().PQsslAttribute(connection_.get(), "protocol");
  return version == nullptr ? "" : version;
}

std::optional<Validity> Session::certificate() const {
  return tls::validity_of_peer(pq().PQsslStruct(connection_.get(), "OpenSSL"));
}

}  // namespace weir::proxy::doctor
