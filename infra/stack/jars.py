"""Java, Maven and the jars of the local broker: found, or fetched, or named with what installs them."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from infra.stack.errors import StackError

FOLDER = Path(__file__).resolve().parent.parent / "kafka"
LIBS = FOLDER / "target" / "libs"
JAVA_MIN = 17


@cache
def java() -> str:
    """Path of a Java that can run the broker."""
    path = shutil.which("java")
    install = "install it with: apt-get install openjdk-17-jre-headless"
    if path is None:
        raise StackError(f"Java is missing: the local broker needs Java {JAVA_MIN} or newer; {install}")
    said = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    if found is None or int(found.group(1)) < JAVA_MIN:
        version = found.group(1) if found else "of an unknown version"
        raise StackError(f"{path} is Java {version}: the local broker needs Java {JAVA_MIN} or newer; {install}")
    return path


def fetch_jars() -> None:
    """Bring the jars that pom.xml pins, unless they are here. A half-done fetch leaves nothing behind."""
    pom = FOLDER / "pom.xml"
    fetched = LIBS / "fetched.xml"  # the pom that the jars belong to
    if fetched.is_file() and fetched.read_bytes() == pom.read_bytes():
        return
    maven = shutil.which("mvn")
    if maven is None:
        raise StackError("Maven is missing: it fetches the broker's jars; install it with: apt-get install maven")
    shutil.rmtree(LIBS, ignore_errors=True)
    command = [
        maven,
        "--quiet",
        "--batch-mode",
        "--strict-checksums",
        "--file",
        str(pom),
        "dependency:copy-dependencies",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-8:])
        raise StackError(f"Maven could not fetch the broker's jars (network, proxy or ~/.m2/settings.xml?):\n{tail}")
    shutil.copy(pom, fetched)
