// environment.h: settings and databases that come from variables of the environment. They win over
// the file, and need none. Empty variables of PgBouncer's images count as unset, as they do there.
#pragma once

#include "proxy/config/expand.h"
#include "proxy/config/loader.h"

namespace weir::proxy::config {

// PGWEIR_<KEY> and PGBOUNCER_<KEY> for every key of [pgweir], the first over the second.
void take_settings(Loader& loader, const Environment& environment);

// DATABASES_<KEY> makes an entry of [databases], PGWEIR_DATABASE_URL or PGBOUNCER_DATABASE_URL
// another.
void take_databases(Loader& loader, const Environment& environment);

// The same where there is no file, with DATABASE_URL, which may otherwise be the program's that
// runs beside us: 127.0.0.1:6432, transaction pooling, 1000 clients. Clients log in by SCRAM with
// the user and password of the database; one without a password means trust, with a warning, which
// the loopback address makes bearable. Without a user it is libpq's default one (see
// default_user()), without a database the one named as the user.
void take_databases_alone(Loader& loader, const Environment& environment);

// Trust that nobody asked for ends at the loopback address. After all settings are known.
void check_trust(Loader& loader);

}  // namespace weir::proxy::config
