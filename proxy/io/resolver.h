// resolver.h: names to addresses, asked of the system's resolver in libuv's threads. One question
// for all who ask for the same name at the same time; answers are kept for as long as the
// Street says.
// Private to this folder.
#pragma once

#include <uv.h>

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pool/instant.h"
#include "proxy/io/socket_address.h"

namespace weir::proxy::io {

class Engine;

inline constexpr Instant kFailureKept = 1 * kSecond;
inline constexpr std::size_t kNamesMax = 1024;  // Kept answers; more are asked for every time.

class Resolver {
 public:
  class Asker {
   public:
    // In the system's order, without ports; borrowed. Empty: the name is unknown.
    // REQUIRES: asks nothing of the Resolver.
    virtual void on_addresses(std::span<const SocketAddress> addresses) = 0;

   protected:
    ~Asker() = default;
  };

  explicit Resolver(Engine& engine) : engine_(engine) {}
  ~Resolver();

  // Answers at once from what is kept, otherwise in a later turn.
  void ask(const std::string& name, Asker& asker);
  // Whether this is among the addresses of `name`; true while none are known. What is known for
  // longer than answers are kept counts until the next answer, which this call asks for.
  bool leads_to(const std::string& name, const std::string& address);
  // Nothing at its addresses could be reached: they are looked up anew for the next who asks.
  void distrust(const std::string& name);
  // The asker goes away. A question that nobody waits for any more is cancelled if it can be.
  void forget(Asker& asker);
  // No answer will be waited for: cancels what can be, leaves the rest to run out.
  void stop();

 private:
  struct Question;
  struct Answer {
    std::vector<SocketAddress> addresses;
    Instant until;
  };
  bool look_up(const std::string& name, Asker* asker);
  static void on_answer(uv_getaddrinfo_t* request, int status, addrinfo* found);
  void keep(const std::string& name, std::vector<SocketAddress> addresses);

  Engine& engine_;
  std::map<std::string, Answer> answers_;
  std::map<std::string, Question*> questions_;  // Each is deleted by its own answer.
};

}  // namespace weir::proxy::io
