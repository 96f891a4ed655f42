"""clang_tidy.py BUILD: clang-tidy over every production source that BUILD compiles, in parallel.

A source that was clean is not read again while it, all it includes, the checks and its command are
the same: their digest is kept in BUILD/clang-tidy. What cannot be read is a failure, not a skip.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRODUCTION = ("protocol/", "pool/", "proxy/")


def program(name):
    found = shutil.which(f"{name}-14") or shutil.which(name)
    if not found:
        sys.exit(f"{name} is not installed\n    cure: ./dev setup")
    return found


def command_of(entry):
    return entry.get("arguments") or shlex.split(entry["command"])


def jobs_in(build):
    """[(path in the tree, compile command entry)]"""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), ROOT)
        if path.startswith(PRODUCTION):
            yield path, entry


def read_by(entry):
    """Every file the compiler reads for this source."""
    words = [word for word in command_of(entry) if os.path.basename(word) != "ccache"]
    kept, skip = [], False
    for word in words:
        if skip or word in ("-o", "-MF", "-MT", "-MQ"):
            skip = not skip
        elif word not in ("-c", "-MD", "-MMD"):
            kept.append(word)
    out = subprocess.run([*kept, "-M"], cwd=entry["directory"], capture_output=True, text=True,
                         check=True).stdout
    return sorted(set(out.replace("\\\n", " ").split(":", 1)[1].split()))


def digest(entry):
    whole = hashlib.sha256()
    whole.update((ROOT / ".clang-tidy").read_bytes())
    whole.update(repr(command_of(entry)).encode())
    for path in read_by(entry):
        whole.update(pathlib.Path(entry["directory"], path).read_bytes())
    return whole.hexdigest()


def read_one(path, entry, build):
    """(path, what clang-tidy said); nothing said is clean."""
    try:
        stamp = build / "clang-tidy" / digest(entry)
    except subprocess.CalledProcessError as fault:
        return path, f"cannot list what it includes:\n{fault.stderr}"
    if stamp.exists():
        return path, ""
    done = subprocess.run([program("clang-tidy"), "--quiet", "-p", str(build),
                           # The build's compiler is g++, which has warnings clang does not know.
                           "--extra-arg=-Wno-unknown-warning-option", str(ROOT / path)],
                          capture_output=True, text=True)
    if done.returncode == 0:
        stamp.write_text(path + "\n")
        return path, ""
    return path, done.stdout + done.stderr


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    jobs = list(jobs_in(build))
    if not jobs:
        sys.exit(f"no production source in {build}/compile_commands.json")
    (build / "clang-tidy").mkdir(exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        said = list(pool.map(lambda job: read_one(*job, build), jobs))
    bad = [(path, text) for path, text in said if text]
    for path, text in bad:
        print(f"{path}:\n{text}")
    print(f"clang-tidy: {len(jobs)} sources, {len(bad)} with complaints")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
