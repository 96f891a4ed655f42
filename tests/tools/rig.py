"""rig.py: throwaway servers for the demo and the bench: a PostgreSQL, poolers, a relay.

Everything lives in one temporary directory on free loopback ports, is started by us, ended by its
process id, and gone at the end, also after Ctrl-C. PostgreSQL and pgbouncer refuse to run as root:
then they, and only they, run as user postgres.
"""
import contextlib
import os
import pathlib
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PGWEIR = ROOT / "build/release/pgweir"
START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 10


class Trouble(Exception):
    """A sentence for the person at the terminal."""


def program(name):
    """The full path of a program, looking where Debian keeps PostgreSQL and the daemons."""
    newest_first = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"),
                          key=lambda path: int(path.parent.name), reverse=True)
    places = [*map(str, newest_first), os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]
    found = shutil.which(name, path=os.pathsep.join(places))
    if not found:
        raise Trouble(f"{name} is not installed: ./dev setup bench")
    return found


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def raise_open_files():
    """The soft limit to the hard one, for us and all we start; returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def run(argv, **options):
    """A program that must succeed; returns its standard output."""
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Trouble(f"{' '.join(map(str, argv))} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


class Daemon:
    """One program we started, listening on one port."""

    def __init__(self, name, port, child, log, stop_signal):
        self.name, self.port, self.child, self.log = name, port, child, log
        self.stop_signal = stop_signal

    @property
    def pid(self):
        return self.child.pid

    def wait_until(self, up):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self.child.poll() is None:
            if up():
                return
            time.sleep(0.05)
        raise Trouble(f"{self.name} did not come up on port {self.port}:\n{self.log.read_text()}")

    def stop(self):
        for number in (self.stop_signal, self.stop_signal, signal.SIGKILL):
            if self.child.poll() is not None:
                return
            self.child.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(STOP_SECONDS_MAX)


class Rig(contextlib.AbstractContextManager):
    """The temporary directory and the programs in it."""

    def __init__(self):
        self.account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pgweir-"))
        self.daemons = []
        if self.account:
            os.chown(self.folder, self.account.pw_uid, self.account.pw_gid)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: sys.exit(1))

    def __exit__(self, *_):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # Once is enough: let the cleaning finish.
        for daemon in reversed(self.daemons):
            daemon.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def unprivileged(self):
        """Options for subprocess that take us out of root."""
        if not self.account:
            return {"cwd": self.folder}
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": [],
                "cwd": self.folder}

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return self.give(path)

    def give(self, path):
        """Makes a file readable to those programs, and to nobody else."""
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)
        path.chmod(0o600)
        return path

    def start(self, name, port, argv, stop_signal=signal.SIGTERM, **options):
        """Starts a program in a session of its own: Ctrl-C reaches it only through stop()."""
        log = self.folder / f"{name}.log"
        with log.open("w") as out:
            child = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL,
                                     stdout=out, stderr=out, start_new_session=True, **options)
        daemon = Daemon(name, port, child, log, stop_signal)
        self.daemons.append(daemon)
        daemon.wait_until(lambda: accepts(port))
        return daemon

    def stop(self, daemon):
        daemon.stop()
        self.daemons.remove(daemon)

    def postgres(self, **settings):
        """A new cluster; superuser postgres, trusted on its own socket and on loopback."""
        data, port = self.folder / "data", free_port()
        run([program("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--locale=C", "--no-sync", "--no-instructions"], **self.unprivileged())
        fixed = {"port": port, "listen_addresses": "127.0.0.1", "fsync": "off",
                 "unix_socket_directories": self.folder, "logging_collector": "off"}
        words = [f"-c{key}={value}" for key, value in {**fixed, **settings}.items()]
        daemon = self.start("postgres", port, [program("postgres"), "-D", data, *words],
                            stop_signal=signal.SIGINT, **self.unprivileged())
        ready = [program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        daemon.wait_until(lambda: subprocess.run(ready).returncode == 0)
        return daemon

    def pgweir(self, name, port, **settings):
        return self.start(name, port, [require_pgweir(), self.ini(name, "pgweir", port, settings)])

    def pgbouncer(self, name, port, **settings):
        ini = self.ini(name, "pgbouncer", port, settings)
        return self.start(name, port, [program("pgbouncer"), ini], **self.unprivileged())

    def ini(self, name, section, port, settings):
        """The same file for both poolers; what only one of them knows comes with `settings`."""
        users = self.write("users.txt", '"postgres" ""\n"demo" ""\n')
        fixed = {"listen_addr": "127.0.0.1", "listen_port": port, "unix_socket_dir": "",
                 "auth_type": "trust", "auth_file": users, "pool_mode": "transaction",
                 "default_pool_size": 20, "max_client_conn": 1000,
                 "log_connections": 0, "log_disconnections": 0}
        lines = [f"{key} = {value}" for key, value in {**fixed, **settings}.items()]
        where = f"[databases]\n* = host=127.0.0.1 port={self.daemons[0].port}\n[{section}]\n"
        return self.write(f"{name}.ini", where + "\n".join(lines) + "\n")

    def haproxy(self, name, port):
        text = (f"global\n  maxconn 4000\n  nbthread 1\n"
                f"defaults\n  mode tcp\n  timeout connect 10s\n  timeout client 1h\n"
                f"  timeout server 1h\n"
                f"listen relay\n  bind 127.0.0.1:{port}\n"
                f"  server postgres 127.0.0.1:{self.daemons[0].port}\n")
        config = self.write("haproxy.cfg", text)
        return self.start(name, port, [program("haproxy"), "-db", "-f", config],
                          **self.unprivileged())


def require_pgweir():
    if not PGWEIR.exists():
        raise Trouble("no build/release/pgweir: "
                      "cmake --preset release && cmake --build --preset release")
    return PGWEIR


def build_release():
    """build/release/pgweir, up to date."""
    run(["cmake", "--preset", "release"], cwd=ROOT)
    run(["cmake", "--build", "--preset", "release"], cwd=ROOT)


def cpu_seconds(pid):
    """(user, system) processor time of all living threads. Their sum is the scheduler's, exact; how
    it is split comes from counted ticks."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    user, system = map(int, stat.rpartition(")")[2].split()[11:13])
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    both = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    share = user / max(user + system, 1)
    return both * share, both * (1 - share)


def resident_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise Trouble(f"no VmRSS in /proc/{pid}/status")


def told(main):
    """Runs a main function; a Trouble becomes one sentence and exit status 1."""
    try:
        sys.exit(main())
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
