// secret_file.h: a secret that stands in a file of its own, as Kubernetes and Docker mount them.
#pragma once

#include <string>

#include "protocol/result.h"
#include "proxy/config/sentence.h"

namespace weir::proxy::config {

struct SecretFile {
  std::string secret;
  std::string warning;  // If everybody may read or change the file; without a place.
};

// The file without its last newline. No fault has a piece of it; `at`: where it was asked for;
// `hidden`: no sentence may have the path.
Result<SecretFile> read_secret_file(const std::string& path, const Place& at, bool hidden);

}  // namespace weir::proxy::config
