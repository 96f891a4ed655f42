"""papers.py: certificates and SCRAM secrets, made for one run.

Keys are ECDSA P-256, certificates are signed with SHA-256 by openssl(1) and end in a month: nothing
outlives the temporary directory that it is made in.
"""
import base64
import hashlib
import hmac
import pathlib
import subprocess

import rig

SCRAM_ITERATIONS = 4096
CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def scram_secret(password, salt, iterations=SCRAM_ITERATIONS):
    """What PostgreSQL keeps of a password (RFC 5803), for one of printable ASCII."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    salt, stored_key, server_key = (base64.b64encode(b).decode()
                                    for b in (salt, stored_key, server_key))
    return f"SCRAM-SHA-256${iterations}:{salt}${stored_key}:{server_key}"


def md5_secret(password, user):
    return "md5" + hashlib.md5((password + user).encode()).hexdigest()


class Paper:
    """A certificate and its key, as files."""

    def __init__(self, folder, name):
        self.certificate = pathlib.Path(folder) / f"{name}.crt"
        self.key = pathlib.Path(folder) / f"{name}.key"


def client_tls(here, mode):
    """Settings of a pooler that speaks TLS with its clients, with a certificate for loopback."""
    own = Authority(here.folder, "authority").issue("pooler", "localhost",
                                                    "DNS:localhost,IP:127.0.0.1")
    return {"client_tls_sslmode": mode, "client_tls_cert_file": here.give(own.certificate),
            "client_tls_key_file": here.give(own.key)}


class Authority(Paper):
    """Signs certificates; its own is the root that they are verified by."""

    def __init__(self, folder, name):
        super().__init__(folder, name)
        self.folder = folder
        self._openssl("req", "-x509", *CURVE, "-days", "30", "-subj", f"/CN={name}",
                      "-keyout", self.key, "-out", self.certificate)

    def issue(self, name, common_name, alternatives=""):
        """`alternatives`: subjectAltName, as openssl writes it: "DNS:localhost,IP:127.0.0.1"."""
        paper = Paper(self.folder, name)
        request = pathlib.Path(self.folder) / f"{name}.csr"
        extensions = ["-addext", f"subjectAltName={alternatives}"] if alternatives else []
        self._openssl("req", *CURVE, "-subj", f"/CN={common_name}", *extensions,
                      "-keyout", paper.key, "-out", request)
        self._openssl("x509", "-req", "-in", request, "-days", "30", "-copy_extensions", "copy",
                      "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                      "-out", paper.certificate)
        return paper

    @staticmethod
    def _openssl(*words):
        rig.run([rig.program("openssl"), *words], stdin=subprocess.DEVNULL)
