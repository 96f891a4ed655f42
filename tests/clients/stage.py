"""stage.py DRIVER PGWEIR: runs a driver's program against a pgweir that only speaks TLS.

PostgreSQL asks for SCRAM, md5 or a password in clear text, over TLS; pgweir verifies it, and asks
its own clients for the same. The program finds the stage in the variable STAGE, as JSON, prints TAP
and ends with status 0 when all is well. Status 77: the driver cannot be had here.
"""
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))
import papers  # noqa: E402
import rig  # noqa: E402

SKIPPED = 77
PASSWORD = "tide and weir"
# What npm says when there is no way to its registry.
NO_WAY_OUT = ["ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH",
              "EHOSTUNREACH", "E403"]
LOOPBACK = "DNS:localhost,IP:127.0.0.1"

# Who logs in how, at pgweir and again at PostgreSQL: of user, method in both HBA files, and what
# auth_file holds. `by_query` is known to PostgreSQL alone, `by_cert` shows a certificate to pgweir.
SCRAM = papers.scram_secret(PASSWORD, b"salt of by_scram")
MD5 = papers.md5_secret(PASSWORD, "by_md5")
SECRETS = {"by_scram": SCRAM, "by_md5": MD5, "by_plain": PASSWORD, "by_cert": PASSWORD,
           "asker": PASSWORD}
ROLES = f"""
CREATE ROLE by_scram LOGIN PASSWORD '{SCRAM}';
SET password_encryption = 'md5';
CREATE ROLE by_md5 LOGIN PASSWORD '{PASSWORD}';
SET password_encryption = 'scram-sha-256';
CREATE ROLE by_plain LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE by_cert LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE by_query LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE asker LOGIN SUPERUSER PASSWORD '{PASSWORD}';
CREATE TABLE account (id int PRIMARY KEY, held int NOT NULL);
INSERT INTO account SELECT g, 100 FROM generate_series(1, 20) g;
GRANT SELECT, UPDATE ON account TO PUBLIC;
"""
SERVER_HBA = """
host    all postgres 127.0.0.1/32 trust
hostssl all by_md5   127.0.0.1/32 md5
hostssl all by_plain 127.0.0.1/32 password
hostssl all all      127.0.0.1/32 scram-sha-256
"""
CLIENT_HBA = """
hostssl all by_md5   127.0.0.1/32 md5
hostssl all by_plain 127.0.0.1/32 password
hostssl all all      127.0.0.1/32 scram-sha-256
"""


class Stage:
    """The papers, a PostgreSQL, and two pgweirs: one with an HBA file, one for certificates."""

    def __init__(self, here):
        self.here = here
        self.street = papers.Authority(here.folder, "street")
        self.yard = papers.Authority(here.folder, "yard")
        self.stranger = papers.Authority(here.folder, "stranger")
        self.door = self.street.issue("door", "localhost", LOOPBACK)
        self.client = self.street.issue("client", "by_cert")
        self.other = self.street.issue("other", "somebody")
        for paper in (self.street, self.yard, self.door):
            here.give(paper.certificate)
            here.give(paper.key)
        self.server_port = self._postgres()
        users = here.write("secrets.txt", "".join(f'"{user}" "{secret}"\n'
                                                for user, secret in SECRETS.items()))
        hba = here.write("client_hba.conf", CLIENT_HBA)
        self.port = self._pgweir("doors", users, auth_type="hba", auth_hba_file=hba,
                                 client_tls_sslmode="require", auth_user="asker")
        self.cert_port = self._pgweir("cert", users, auth_type="cert",
                                      client_tls_sslmode="verify-full")

    def _postgres(self):
        server = self.yard.issue("server", "localhost", LOOPBACK)
        hba = self.here.write("server_hba.conf", SERVER_HBA)
        daemon = self.here.postgres(max_connections=100, hba_file=hba, ssl="on",
                                    ssl_cert_file=self.here.give(server.certificate),
                                    ssl_key_file=self.here.give(server.key))
        rig.run([rig.program("psql"), "-Xqv", "ON_ERROR_STOP=1", "-h", "127.0.0.1",
                 "-p", daemon.port, "-U", "postgres", "-c", ROLES, "postgres"])
        return daemon.port

    def _pgweir(self, name, users, **settings):
        port = rig.free_port()
        self.here.pgweir(name, port, auth_file=users, default_pool_size=10,
                         client_tls_cert_file=self.door.certificate,
                         client_tls_key_file=self.door.key,
                         client_tls_ca_file=self.street.certificate,
                         server_tls_sslmode="verify-full",
                         server_tls_ca_file=self.yard.certificate, **settings)
        return port

    def told(self):
        """What a driver's program has to know."""
        return json.dumps({
            "host": "127.0.0.1", "port": self.port, "cert_port": self.cert_port,
            "database": "postgres", "password": PASSWORD,
            "ca": str(self.street.certificate), "stranger_ca": str(self.stranger.certificate),
            "certificate": str(self.client.certificate), "key": str(self.client.key),
            "other_certificate": str(self.other.certificate), "other_key": str(self.other.key),
            "server_port": self.server_port})


def skip(why):
    print(f"1..0 # SKIPPED: {why}")
    sys.exit(SKIPPED)


def psycopg(_):
    if importlib.util.find_spec("psycopg"):
        return ["/usr/bin/python3", HERE / "psycopg_test.py"]
    if shutil.which("dpkg-query"):
        raise rig.Trouble("python3-psycopg is not installed: ./dev setup")
    skip("psycopg is not installed, and this is no Debian")


def node(folder):
    """The packages of the lockfile, and no others, beside a copy of the program."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise rig.Trouble("node and npm are not installed: ./dev setup")
    program = folder / "node"
    shutil.copytree(HERE / "node", program, ignore=shutil.ignore_patterns("node_modules"))
    done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
                           "--prefer-offline"], cwd=program, capture_output=True, text=True)
    if done.returncode != 0 and any(word in done.stderr for word in NO_WAY_OUT):
        skip(f"npm cannot reach its registry:\n{done.stderr}")
    if done.returncode != 0:
        raise rig.Trouble(f"npm ci failed:\n{done.stderr}")
    return ["node", program / "node_test.mjs"]


def main():
    driver, rig.PGWEIR = sys.argv[1], pathlib.Path(sys.argv[2])
    with rig.Rig() as here:
        words = {"psycopg": psycopg, "node": node}[driver](here.folder)
        stage = Stage(here)
        done = subprocess.run([str(word) for word in words], cwd=here.folder,
                              env={**os.environ, "STAGE": stage.told()})
        if done.returncode != 0:
            for name in ("doors.log", "cert.log"):
                print(f"# {name}:\n{(here.folder / name).read_text()}")
        return done.returncode


if __name__ == "__main__":
    rig.told(main)
