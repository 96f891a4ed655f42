// knock.h: goes to a server as pgweir does, by pgweir's own TLS, and asks how the user would have
// to log in. No secret is sent, and PostgreSQL logs nobody's failure.
#pragma once

#include <vector>

#include "proxy/config/config.h"
#include "proxy/doctor/facts.h"
#include "proxy/io/socket_address.h"
#include "proxy/tls/contexts.h"

namespace weir::proxy::doctor {

// `tls`: as config::Config::server_tls() has it; `contexts` has loaded it.
Knock knock(const Visit& visit, const std::vector<io::SocketAddress>& addresses,
            const config::TlsSettings& tls, tls::Contexts& contexts);

}  // namespace weir::proxy::doctor
