// wire.h: protocol bytes by hand and a socket that carries them, for clients and servers that
// libpq and PostgreSQL would never be. Every read and write has a deadline.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/e2e/harness/deadline.h"
#include "tests/e2e/harness/seal.h"

namespace weir::e2e {

struct Message {
  char tag = 0;
  std::string body;
};

using Parameters = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::uint32_t kProtocol30 = 196'608;
inline constexpr std::uint32_t kProtocol32 = 196'610;
inline constexpr std::uint32_t kSslRequest = 80'877'103;
inline constexpr std::uint32_t kGssencRequest = 80'877'104;
inline constexpr std::uint32_t kCancelRequest = 80'877'102;

std::string be16(std::uint16_t value);
std::string be32(std::uint32_t value);
std::uint32_t from_be32(std::string_view bytes);  // REQUIRES: four bytes.
std::string zero_ended(std::string_view text);
std::string message(char tag, std::string_view body);
// The header lies: `announced` stands where the length belongs.
std::string message_with_length(char tag, std::uint32_t announced, std::string_view body = {});
std::string untagged(std::uint32_t code, std::string_view body = {});
std::string startup_packet(const Parameters& parameters, std::uint32_t version = kProtocol30);
std::string query(std::string_view sql);
// The fields of an ErrorResponse or NoticeResponse.
std::map<char, std::string> fields_of(std::string_view body);
std::string error_response(std::string_view sqlstate, std::string_view text);

// A connected socket, owned; in plain text until encrypt().
class Wire {
 public:
  explicit Wire(int fd) : fd_(fd) {}
  ~Wire() { close(); }
  Wire(Wire&& other) noexcept;
  Wire& operator=(Wire&&) = delete;

  int fd() const { return fd_; }
  // A handshake; false: it failed, or the deadline passed. From then on all is encrypted.
  bool encrypt(const SealTerms& terms, Deadline deadline = Deadline::generous());
  const Seal* seal() const { return seal_.get(); }  // None: encrypt() was not called.
  bool send(std::string_view bytes, Deadline deadline = Deadline::generous());
  // What send() would send. REQUIRES: encrypt().
  std::string sealed(std::string_view bytes);
  std::string goodbye();               // close_notify, likewise.
  std::string key_updates(int count);  // Of TLS 1.3, each asking for one in return, likewise.
  // Below any encryption.
  bool send_raw(std::string_view bytes, Deadline deadline = Deadline::generous());
  // Nothing: the peer closed, reset, or the deadline passed.
  std::optional<std::string> read_exactly(std::size_t bytes,
                                          Deadline deadline = Deadline::generous());
  std::optional<Message> read(Deadline deadline = Deadline::generous());
  // Reads until a message with this tag has come; what came, or nothing if it never did.
  std::optional<std::vector<Message>> read_through(char tag,
                                                   Deadline deadline = Deadline::generous());
  // Throws away what still comes; true when the peer's end (or reset) followed.
  bool ends(Deadline deadline = Deadline::generous());
  bool readable(std::chrono::milliseconds within);
  bool ended() const { return ended_; }  // A read met the peer's end or its reset.

  void close();
  void reset();  // Closes with RST.
  void shut();   // Both directions, from another thread: reads and writes there fail at once.

 private:
  int fd_ = -1;
  bool ended_ = false;
  std::unique_ptr<Seal> seal_;

  long receive(char* to, std::size_t room);
  long receive_sealed(char* to, std::size_t room);
};

Wire connect_to(int port);
Wire connect_to(const std::string& unix_path);
Wire connect_to(int port, const std::string& from);  // From this address of loopback.

}  // namespace weir::e2e
