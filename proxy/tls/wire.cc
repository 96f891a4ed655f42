#include "proxy/tls/wire.h"

#include <algorithm>

namespace weir::proxy::tls {

namespace {

Wire& wire_of(BIO* bio) { return *static_cast<Wire*>(BIO_get_data(bio)); }

int read_bytes(BIO* bio, char* to, std::size_t room, std::size_t* taken) {
  Wire& wire = wire_of(bio);
  BIO_clear_retry_flags(bio);
  *taken = std::min(room, wire.in.size());
  if (*taken == 0) {
    BIO_set_retry_read(bio);  // More may come: this is no end.
    return -1;
  }
  std::copy_n(wire.in.begin(), *taken, reinterpret_cast<std::uint8_t*>(to));
  wire.in = wire.in.subspan(*taken);
  return 1;
}

int write_bytes(BIO* bio, const char* from, std::size_t count, std::size_t* taken) {
  const Wire& wire = wire_of(bio);
  BIO_clear_retry_flags(bio);
  *taken = 0;
  if (wire.out == nullptr) return 0;
  const Bytes bytes{reinterpret_cast<const std::uint8_t*>(from), count};
  wire.out->insert(wire.out->end(), bytes.begin(), bytes.end());
  *taken = count;
  return 1;
}

long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

BioMethodPtr make_method() {
  BioMethodPtr method{BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire")};
  if (!method) return nullptr;
  BIO_meth_set_read_ex(method.get(), read_bytes);
  BIO_meth_set_write_ex(method.get(), write_bytes);
  BIO_meth_set_ctrl(method.get(), control);
  return method;
}

}  // namespace

bool attach(SSL& connection, Wire& wire) {
  static const BioMethodPtr method = make_method();
  BIO* bio = method ? BIO_new(method.get()) : nullptr;
  if (bio == nullptr) return false;
  BIO_set_data(bio, &wire);
  BIO_set_init(bio, 1);
  SSL_set_bio(&connection, bio, bio);  // The connection owns it now.
  return true;
}

}  // namespace weir::proxy::tls
