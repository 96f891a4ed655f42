// child.h: a shell that we have started, until it has ended and been reaped. No SIGCHLD is needed:
// the kernel tells of the end by a descriptor. Private to this folder.
#pragma once

#include <sys/types.h>
#include <uv.h>

#include <cstdint>
#include <memory>
#include <string>

#include "proxy/io/descriptor.h"
#include "proxy/io/watcher.h"

namespace weir::proxy::io {

class Engine;

inline constexpr std::uint64_t kReapMs = 50;  // Where the kernel has no such descriptor (pidfd).

class Child {
 public:
  class Parent {
   public:
    // Once, in a later turn: what waitpid(2) tells. The Child is gone afterwards.
    virtual void on_end(int status) = 0;

   protected:
    ~Parent() = default;
  };

  // `/bin/sh -c text` in a session of its own, with /dev/null for input, these two ends of pipes
  // for the rest, none of our other descriptors, and every signal at its default. Returns 0 and
  // sets `child`, or an errno.
  static int start(Engine& engine, const std::string& text, int output, int complaint,
                   Parent& parent, Child*& child);
  // Kills it with its session's first group. Nobody will be told: the engine reaps it.
  void kill();

  Child(Engine& engine, Parent& parent, pid_t pid);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

 private:
  void watch();
  void reap();

  Engine& engine_;
  Parent* parent_;
  pid_t pid_;
  Descriptor pidfd_;
  UvPtr<uv_poll_t> watcher_;  // Of pidfd_, or
  UvPtr<uv_timer_t> clock_;   // without one.
};

}  // namespace weir::proxy::io
