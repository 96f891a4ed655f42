#include "proxy/config/libpq.h"

#include <dlfcn.h>

namespace weir::proxy::config {

namespace {

constexpr const char* kFile = "libpq.so.5";

std::string why() {
  const char* const said = ::dlerror();
  return std::string(said == nullptr ? kFile : said) + ": install PostgreSQL's libpq5";
}

}  // namespace

Libpq::Libpq() : library_(::dlopen(kFile, RTLD_NOW | RTLD_LOCAL)) {
  if (library_ == nullptr) {
    complaint_ = "libpq cannot be loaded: " + why();
    return;
  }
#define WEIR_FIND(name)                                                \
  (name) = reinterpret_cast<decltype(name)>(::dlsym(library_, #name)); \
  if ((name) == nullptr) complaint_ = "libpq is too old: " + why();
  WEIR_LIBPQ(WEIR_FIND)
#undef WEIR_FIND
}

Libpq::~Libpq() {
  if (library_ != nullptr) ::dlclose(library_);
}

}  // namespace weir::proxy::config
