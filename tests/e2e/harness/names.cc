// names.cc: loaded into the program under test, it makes a name out of addresses: to the program,
// "127.0.0.2_127.0.0.1.addresses.test" is a name that leads to these two, in this order.
#include <dlfcn.h>
#include <netdb.h>

#include <string>
#include <string_view>

namespace {

constexpr std::string_view kSuffix = ".addresses.test";

using GetAddrInfo = int(const char*, const char*, const addrinfo*, addrinfo**);

// glibc frees a list node by node, so lists may be joined.
int ask_for_each(GetAddrInfo* ask, std::string_view addresses, const char* service,
                 const addrinfo* hints, addrinfo** found) {
  addrinfo** end = found;
  while (!addresses.empty()) {
    const auto cut = addresses.find('_');
    const std::string address{addresses.substr(0, cut)};
    addresses = cut == addresses.npos ? std::string_view{} : addresses.substr(cut + 1);
    if (const int status = ask(address.c_str(), service, hints, end); status != 0) return status;
    while (*end != nullptr) end = &(*end)->ai_next;
  }
  return 0;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char* node,
                                                                  const char* service,
                                                                  const addrinfo* hints,
                                                                  addrinfo** found) {
  auto* const ask = reinterpret_cast<GetAddrInfo*>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  const std::string_view name = node != nullptr ? node : "";
  const bool names_too = hints == nullptr || (hints->ai_flags & AI_NUMERICHOST) == 0;
  if (!names_too || !name.ends_with(kSuffix)) return ask(node, service, hints, found);
  return ask_for_each(ask, name.substr(0, name.size() - kSuffix.size()), service, hints, found);
}
