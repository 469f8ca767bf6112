#!/usr/bin/env python3
"""Runs a command beside real servers: S3, DynamoDB, a keyring, a stand-in for Claude, and a second opinion on it.

    tests/services/run.py -- cargo nextest run
    tests/services/run.py --install

The servers are installed on first use into ${WIKO_CACHE:-~/.cache/wiko-station}/services, listen on
free ports of the loopback, and end with the command, however it or this script ends. The command finds
them in its environment: WIKO_TEST_S3_ENDPOINT, WIKO_TEST_DYNAMODB_ENDPOINT, WIKO_TEST_BEDROCK_ENDPOINT,
WIKO_TEST_SECOND_OPINION_ENDPOINT, WIKO_TEST_TLS_ENDPOINT (the stand-in again, by a certificate of
WIKO_TEST_TLS_AUTHORITY), WIKO_TEST_KEYRING=1 with DBUS_SESSION_BUS_ADDRESS. The key in AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY may read and write objects and nothing else, as a station's; the one in
WIKO_TEST_ADMIN_ACCESS_KEY_ID and WIKO_TEST_ADMIN_SECRET_ACCESS_KEY may create buckets and list them. The command's
exit status is ours.

Only the standard library of Python 3.11 is used here.
"""

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
DYNAMODB = "amplify-dynamodb-simulator@2.9.30"  # carries Amazon's own DynamoDB Local
READY_WITHIN_S = 90
START_TRIES = 3
STOP_WITHIN_S = 10
ACCESS_KEY = "AKIAWIKOTEST00000000"
SECRET_KEY = "wiko-test-secret-key-not-for-any-real-account"
ADMIN_ACCESS_KEY = "AKIAWIKOADMIN0000000"
ADMIN_SECRET_KEY = "wiko-test-admin-key-not-for-any-real-account"
REGION = "ap-east-1"
KEYRING_PASSWORD = b"test\n"
# What llm-katan lets in; the same as the tests send to the stand-in.
MODEL_KEYS = "bedrock=AKIDTEST,azure_openai=azure-test-key"


class Trouble(Exception):
    """What went wrong, in words that say what to do."""


# --- installing -----------------------------------------------------------------------------------


def cache_dir() -> pathlib.Path:
    root = os.environ.get("WIKO_CACHE") or pathlib.Path.home() / ".cache" / "wiko-station"
    path = pathlib.Path(root) / "services"
    path.mkdir(parents=True, exist_ok=True)
    return path


def need(program: str, package: str) -> str:
    found = shutil.which(program)
    if not found:
        raise Trouble(f"{program} is missing: install it (Debian, Ubuntu: apt-get install {package})")
    return found


def run_quietly(command: list, what: str, **options) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options
    )
    if done.returncode != 0:
        tail = done.stdout.decode(errors="replace")[-2000:]
        raise Trouble(f"{what} failed:\n{tail}")


def install_python(cache: pathlib.Path) -> pathlib.Path:
    """A virtual environment with requirements.txt; a new one where that or Python changes."""
    requirements = HERE / "requirements.txt"
    mark = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    venv = cache / f"python-{mark}"
    if not (venv / "installed").exists():
        say("installing SeaweedFS, botocore and llm-katan (once)")
        shutil.rmtree(venv, ignore_errors=True)
        run_quietly(
            [sys.executable, "-m", "venv", str(venv)],
            "making a virtual environment (Debian, Ubuntu: apt-get install python3-venv)",
        )
        run_quietly(
            [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "-r", str(requirements)],
            "pip install",
        )
        (venv / "installed").touch()
    return venv


def install_dynamodb(cache: pathlib.Path) -> pathlib.Path:
    """DynamoDB Local, unpacked."""
    home = cache / DYNAMODB.replace("@", "-")
    if not home.exists():
        say("installing DynamoDB Local (once)")
        npm = need("npm", "npm")
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            run_quietly([npm, "pack", "--silent", DYNAMODB], "npm pack", cwd=scratch)
            packed = next(pathlib.Path(scratch).glob("*.tgz"))
            with tarfile.open(packed) as archive:
                archive.extractall(scratch, filter="data") if hasattr(
                    tarfile, "data_filter"
                ) else archive.extractall(scratch)
            (pathlib.Path(scratch) / "package").rename(home)
    return home / "emulator"


def install() -> tuple:
    """Installs what is missing, both at once; one run at a time."""
    cache = cache_dir()
    results, troubles = {}, []

    def keep(name, work):
        try:
            results[name] = work(cache)
        except Trouble as trouble:
            troubles.append(str(trouble))
        except (OSError, StopIteration, tarfile.TarError) as error:
            troubles.append(f"installing {name} failed: {error}")

    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        workers = [
            threading.Thread(target=keep, args=("python", install_python)),
            threading.Thread(target=keep, args=("dynamodb", install_dynamodb)),
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    if troubles:
        raise Trouble("\n".join(troubles))
    return results["python"], results["dynamodb"]


# --- running --------------------------------------------------------------------------------------


def die_with_parent() -> None:
    """Asks Linux to end this child when its parent dies, even by SIGKILL."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)


class Service:
    """A running server with its log and its sign of life."""

    def __init__(self, name, command, is_ready, scratch, env=None, cwd=None, stdin=b""):
        self.name, self.is_ready = name, is_ready
        self.log = scratch / f"{name}.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(stdin)
            self.process.stdin.close()

    def wait_until_ready(self, until: float) -> None:
        while not self.is_ready():
            if self.process.poll() is not None:
                raise Trouble(f"{self.name} ended at its start:\n{self.tail()}")
            if time.monotonic() > until:
                raise Trouble(f"{self.name} is not ready after {READY_WITHIN_S} s:\n{self.tail()}")
            time.sleep(0.05)

    def tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-30:])


def stop_group(process: subprocess.Popen, first: int) -> None:
    """Ends a child and whatever it started: politely, then for good."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, first)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_WITHIN_S)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def free_ports(count: int) -> list:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def http(url: str):
    """Status and body, whatever the status; None where nobody answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, b""
    except (OSError, urllib.error.URLError):
        return None


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def seaweedfs(venv: pathlib.Path, scratch: pathlib.Path):
    data = scratch / "s3"
    data.mkdir()
    accounts = [
        {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}
        for name, key, secret, actions in (
            ("station", ACCESS_KEY, SECRET_KEY, ["Read", "Write"]),
            ("admin", ADMIN_ACCESS_KEY, ADMIN_SECRET_KEY, ["Admin", "Read", "List", "Tagging", "Write"]),
        )
    ]
    config = scratch / "s3.json"
    config.write_text(json.dumps({"identities": accounts}))
    ports = dict(
        zip(
            ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port",
             "filer.port.grpc", "s3.port", "s3.port.grpc"),
            free_ports(8),
        )
    )
    command = [
        venv / "bin" / "weed", "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        "-s3", f"-s3.config={config}", "-master.peers=none", "-master.volumeSizeLimitMB=64", "-volume.max=2000",
        # Listeners of fixed ports: a second run on the machine would die of them.
        "-s3.port.iceberg=0", "-s3.port.lance=0", *(f"-{name}={port}" for name, port in ports.items()),
    ]  # fmt: skip

    def is_ready():
        # An assigned file id means that a volume takes writes; the gateway alone answers earlier.
        assigned = http(f"http://127.0.0.1:{ports['master.port']}/dir/assign")
        return bool(assigned and b'"fid"' in assigned[1] and http(f"http://127.0.0.1:{ports['s3.port']}/"))

    env = {**os.environ, "HOME": str(scratch), "WEED_S3_SSE_KEY": "test"}
    service = Service("seaweedfs", command, is_ready, scratch, env=env)
    return service, f"http://127.0.0.1:{ports['s3.port']}"


def dynamodb(home: pathlib.Path, scratch: pathlib.Path):
    [port] = free_ports(1)
    command = [
        need("java", "openjdk-17-jre-headless"), "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m",
        "-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar", "-inMemory", "-sharedDb",
        "-disableTelemetry", "-port", port,
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    return Service("dynamodb", command, lambda: http(url), scratch, cwd=home), url


def certificates(scratch: pathlib.Path) -> tuple:
    """A certificate authority that nobody trusts, as a plant's proxy has one, and a server's key with its certificate
    for localhost."""
    openssl = need("openssl", "openssl")
    authority, key, server = scratch / "authority.pem", scratch / "authority.key", scratch / "server.pem"
    new = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    run_quietly(
        [*new, "-keyout", str(key), "-out", str(authority), "-subj", "/CN=wiko test authority",
         "-addext", "basicConstraints=critical,CA:TRUE"],
        "openssl req",
    )  # fmt: skip
    run_quietly(
        [*new, "-keyout", f"{server}.key", "-out", f"{server}.crt", "-CA", str(authority), "-CAkey", str(key),
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-addext", "basicConstraints=critical,CA:FALSE"],
        "openssl req",
    )  # fmt: skip
    server.write_bytes(pathlib.Path(f"{server}.key").read_bytes() + pathlib.Path(f"{server}.crt").read_bytes())
    return authority, server


def bedrock_standin(venv: pathlib.Path, scratch: pathlib.Path):
    script = HERE / "bedrock_standin.py"
    if not script.exists():
        raise Trouble(f"{script} is missing: check out the whole repository")
    authority, certificate = certificates(scratch)
    port, tls_port = free_ports(2)
    command = [
        venv / "bin" / "python", script, "--port", port, "--tls-port", tls_port, "--certificate", certificate,
    ]  # fmt: skip
    service = Service("bedrock", command, lambda: listens(port) and listens(tls_port), scratch)
    return service, f"http://127.0.0.1:{port}", f"https://localhost:{tls_port}", authority


def second_opinion(venv: pathlib.Path, scratch: pathlib.Path):
    """llm-katan: Bedrock's and Azure's forms as others read them. It answers what it makes of the request's schema,
    or repeats the request."""
    [port] = free_ports(1)
    command = [
        venv / "bin" / "llm-katan", "--host=127.0.0.1", f"--port={port}", "--model=echo", "--backend=echo",
        "--providers=bedrock,azure_openai", "--validate-keys", f"--api-keys={MODEL_KEYS}",
        f"--stats-file={scratch / 'llm-katan.json'}",
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    return Service("llm-katan", command, lambda: http(f"{url}/health"), scratch), url


def session_bus(scratch: pathlib.Path, env: dict):
    path = scratch / "bus"
    address = f"unix:path={path}"
    command = [need("dbus-daemon", "dbus"), "--session", "--nofork", "--nopidfile", f"--address={address}"]
    return Service("dbus", command, path.exists, scratch, env=env), address


def keyring(scratch: pathlib.Path, env: dict):
    ask = [need("dbus-send", "dbus"), "--session", "--print-reply=literal"]

    def answers(*request):
        done = subprocess.run(
            [*ask, *request], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    def is_ready():
        # Asking the bus first: asking the keyring itself would start another one.
        owned = answers(
            "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
            "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets",
        )  # fmt: skip
        if "true" not in owned:
            return False
        collection = answers(
            "--dest=org.freedesktop.secrets", "/org/freedesktop/secrets",
            "org.freedesktop.Secret.Service.ReadAlias", "string:default",
        )  # fmt: skip
        return len(collection) > 1

    command = [
        need("gnome-keyring-daemon", "gnome-keyring"), "--foreground", "--unlock", "--components=secrets",
    ]  # fmt: skip
    return Service("keyring", command, is_ready, scratch, env=env, stdin=KEYRING_PASSWORD)


def start(stack: contextlib.ExitStack, venv, dynamodb_home, scratch) -> dict:
    """Starts everything and returns what the command's environment has more than ours."""
    services = []

    def own(service):
        services.append(service)
        # Nothing of theirs is worth a farewell: SeaweedFS takes its ten seconds to say one.
        stack.callback(stop_group, service.process, signal.SIGKILL)

    until = time.monotonic() + READY_WITHIN_S
    # The keyring alone has a home of its own: the command must find its tools in the real one.
    private = scratch / "home"
    private.mkdir()
    env = {**os.environ, "HOME": str(private), "XDG_RUNTIME_DIR": str(private)}
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "DISPLAY", "WAYLAND_DISPLAY"):
        env.pop(name, None)
    bus, address = session_bus(scratch, env)
    own(bus)
    s3, s3_url = seaweedfs(venv, scratch)
    own(s3)
    table, table_url = dynamodb(dynamodb_home, scratch)
    own(table)
    standin, standin_url, tls_url, authority = bedrock_standin(venv, scratch)
    own(standin)
    katan, katan_url = second_opinion(venv, scratch)
    own(katan)
    bus.wait_until_ready(until)
    own(keyring(scratch, {**env, "DBUS_SESSION_BUS_ADDRESS": address}))
    for service in services:
        service.wait_until_ready(until)

    no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1,localhost"]))
    return {
        "WIKO_TEST_S3_ENDPOINT": s3_url,
        "WIKO_TEST_DYNAMODB_ENDPOINT": table_url,
        "WIKO_TEST_BEDROCK_ENDPOINT": standin_url,
        "WIKO_TEST_SECOND_OPINION_ENDPOINT": katan_url,
        "WIKO_TEST_TLS_ENDPOINT": tls_url,
        "WIKO_TEST_TLS_AUTHORITY": str(authority),
        "WIKO_TEST_KEYRING": "1",
        "DBUS_SESSION_BUS_ADDRESS": address,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "WIKO_TEST_ADMIN_ACCESS_KEY_ID": ADMIN_ACCESS_KEY,
        "WIKO_TEST_ADMIN_SECRET_ACCESS_KEY": ADMIN_SECRET_KEY,
        "AWS_REGION": REGION,
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }


def start_anew(stack: contextlib.ExitStack, venv, dynamodb_home) -> dict:
    """Starts everything; again where a server ended at its start: a port that was free when it was chosen
    may be taken when it is wanted, by another run of this very script."""
    for tries_left in reversed(range(START_TRIES)):
        with contextlib.ExitStack() as attempt:
            scratch = pathlib.Path(tempfile.mkdtemp(prefix="wiko-services-"))
            attempt.callback(shutil.rmtree, scratch, ignore_errors=True)
            try:
                found = start(attempt, venv, dynamodb_home, scratch)
            except Trouble as trouble:
                if tries_left == 0:
                    raise
                say(f"{trouble}\nstarting again")
                continue
            stack.push(attempt.pop_all())
            return found
    raise Trouble("nothing was started")


def run(command: list) -> int:
    began = time.monotonic()
    venv, dynamodb_home = install()
    with contextlib.ExitStack() as stack:
        found = start_anew(stack, venv, dynamodb_home)
        say(f"servers are up after {time.monotonic() - began:.1f} s")
        try:
            child = subprocess.Popen(
                command, env={**os.environ, **found}, start_new_session=True, preexec_fn=die_with_parent
            )
        except OSError as error:
            raise Trouble(f"{command[0]} cannot be run: {error}") from error
        stack.callback(stop_group, child, signal.SIGTERM)
        status = child.wait()
        return status if status >= 0 else 128 - status


def say(text: str) -> None:
    print(f"services: {text}", file=sys.stderr, flush=True)


def main(arguments: list) -> int:
    # A signal unwinds the stack, which stops every server.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    try:
        if arguments == ["--install"]:
            install()
            return 0
        if len(arguments) < 2 or arguments[0] != "--":
            print(__doc__, file=sys.stderr)
            return 2
        return run(arguments[1:])
    except Trouble as trouble:
        say(str(trouble))
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
