// plan.h: which logins to try, so that whatever pgweir would do with this configuration is tried
// once: each entry of [databases] at each of its hosts, each user whose secret is known, auth_user.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/doctor/facts.h"
#include "proxy/doctor/finding.h"

namespace weir::proxy::doctor {

inline constexpr std::size_t kUsersTriedMax = 20;  // Of one entry; more are told, not tried.

// A visit to make, with the secrets that it takes.
struct Errand {
  Visit visit;
  const config::Database* target = nullptr;  // Whose settings it is made with.
  std::vector<std::string> secrets = {};     // In the order in which pgweir tries them.
  std::string command = {};                  // What prints a secret that stands before them.

  Errand() = default;
  Errand(Errand&&) = default;
  Errand& operator=(Errand&&) = default;
  ~Errand();
};

struct Plan {
  std::vector<Errand> errands;
  Findings remarks;  // What cannot be tried.
};

// `config` must outlive what is returned.
Plan make_plan(const config::Config& config);

// Users that may have a pool of this entry: the forced one, else those of auth_file that are not
// there for the console.
std::vector<std::string> known_users(const config::Config& config,
                                     const config::Database& database);

}  // namespace weir::proxy::doctor
