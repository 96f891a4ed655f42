// papers.h: authorities and certificates of a test, and the files that they stand in. What is
// replaced is renamed over, as whoever renews certificates does it.
#pragma once

#include <string>

#include "tests/certs/certs.h"
#include "tests/e2e/harness/pgweir.h"
#include "tests/e2e/harness/scratch.h"

namespace weir::e2e {

class Papers {
 public:
  // Files root.crt, stranger.crt; pooler.crt and pooler.key for pooler.test and 127.0.0.1.
  Papers();

  // What the tests of this executable share and do not change.
  static const Papers& shared();

  std::string path(std::string_view name) const { return folder_.file(name); }
  // A file of mode 600. Gives its path.
  std::string put(const std::string& name, std::string_view text) const;
  // <name>.crt and <name>.key.
  void put(const std::string& name, const certs::Certificate& certificate) const;
  // A client's, of `root` unless said otherwise, in files as above.
  certs::Certificate put_client(const std::string& common_name) const;
  certs::Certificate put_client(const std::string& common_name, const std::string& name,
                                const certs::Authority& of) const;

  // For libpq: sslcert and sslkey of what put() has written.
  std::string shown(const std::string& name) const;
  // client_tls_sslmode and what goes with it: pooler.crt, and root.crt where clients are verified.
  Settings for_clients(Settings settings, const std::string& mode) const;

  certs::Authority root;
  certs::Authority stranger;
  certs::Certificate pooler;

 private:
  Scratch folder_;
};

}  // namespace weir::e2e
