#include "proxy/doctor/auth_function.h"

namespace weir::proxy::doctor {

namespace {

// As an identifier in SQL.
std::string quoted_name(std::string_view name) {
  bool plain = !name.empty() && (name[0] < '0' || name[0] > '9');
  std::string text = "\"";
  for (const char byte : name) {
    plain &= (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_';
    text += byte;
    if (byte == '"') text += byte;
  }
  return plain ? std::string{name} : text + "\"";
}

}  // namespace

std::string auth_function(std::string_view role) {
  const std::string whom = quoted_name(role);
  return "CREATE SCHEMA IF NOT EXISTS pgweir;\n"
         "CREATE OR REPLACE FUNCTION pgweir.get_auth(name text)\n"
         "  RETURNS TABLE (usename text, passwd text)\n"
         "  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS\n"
         "$$ SELECT s.usename::text, s.passwd::text FROM pg_shadow s\n"
         "   WHERE s.usename = get_auth.name AND (s.valuntil IS NULL OR s.valuntil > now()) $$;\n"
         "REVOKE ALL ON FUNCTION pgweir.get_auth(text) FROM PUBLIC;\n"
         "GRANT USAGE ON SCHEMA pgweir TO " +
         whom +
         ";\n"
         "GRANT EXECUTE ON FUNCTION pgweir.get_auth(text) TO " +
         whom + ";";
}

}  // namespace weir::proxy::doctor
