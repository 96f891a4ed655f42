// questions.h: what is asked of a server once somebody has logged in. Nothing of it needs more than
// any user may see.
#pragma once

#include <string>

#include "proxy/doctor/facts.h"
#include "proxy/doctor/session.h"

namespace weir::proxy::doctor {

ServerFacts ask_server(Session& session);

// auth_query, with this user as its parameter.
InquiryFacts ask_inquiry(Session& session, const std::string& query, const std::string& user);

}  // namespace weir::proxy::doctor
