"""Get Odoo 19 Community: the user's own, the one fetched before, Debian's package, or a git clone."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import paths
from .steps import Stop, run_logged, say, step

PACKAGES = [
    "odoo-19",
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
    "fonts-roboto-unhinted",
    "fonts-montserrat",
    "fonts-inconsolata",
    # Odoo's icons are Font Awesome 4; sid has 7, which lacks the files that the web client asks for.
    "fonts-font-awesome/bookworm",
]
# Optional scripts that Debian leaves out; the browser reports an error for each one that is missing.
LEFT_OUT = ["mail/static/lib/selfie_segmentation/selfie_segmentation.js"]
GIT_URL = "https://github.com/odoo/odoo.git"
NEXT = "Name a checkout of Odoo 19.0 with ODOO_PATH=/path/to/odoo and start again."


@dataclass(frozen=True)
class Odoo:
    """:param library: folder that holds the `odoo` package; :param program: the script that starts it"""

    library: Path
    program: Path
    origin: str

    @property
    def addons_path(self):
        """Odoo's own addons folders, as `--addons-path` wants them."""
        found = [self.library / "odoo" / "addons", self.library / "addons"]
        return [str(path) for path in found if (path / "web").is_dir() or (path / "base").is_dir()]


def find():
    """Return the :class:`Odoo` that is here already, or None."""
    if own := os.environ.get("ODOO_PATH"):
        odoo = _at(Path(own).expanduser().resolve(), "ODOO_PATH")
        if not odoo:
            raise Stop(
                f"ODOO_PATH={own} holds no Odoo.",
                "Let it name the folder of a checkout (with odoo-bin).",
            )
        return odoo
    origin = paths.ODOO / "ORIGIN"
    return _at(paths.ODOO, origin.read_text().strip()) if origin.exists() else None


def ensure():
    """Return an :class:`Odoo`, fetching it when there is none yet."""
    if odoo := find():
        return odoo
    for fetch in (_from_debian, _from_git):
        shutil.rmtree(paths.ODOO.with_suffix(".new"), ignore_errors=True)
        try:
            origin = fetch(paths.ODOO.with_suffix(".new"))
        except Stop as refusal:
            say(f"  not this way: {refusal}")
            continue
        shutil.rmtree(paths.ODOO, ignore_errors=True)
        paths.ODOO.with_suffix(".new").rename(paths.ODOO)
        (paths.ODOO / "ORIGIN").write_text(origin + "\n")
        say(f"  Odoo comes from {origin}")
        return find()
    raise Stop("Odoo could not be fetched, neither as a Debian package nor with git.", NEXT)


def _at(folder, origin):
    """Recognise Odoo in `folder`: a checkout, an unpacked Debian package, or an installed library."""
    candidates = [
        (folder, folder / "odoo-bin"),
        (folder / "usr/lib/python3/dist-packages", folder / "usr/bin/odoo"),
        (folder, folder / "setup" / "odoo"),
        (folder, Path("/usr/bin/odoo")),
    ]
    for library, program in candidates:
        if (library / "odoo" / "release.py").is_file() and program.is_file():
            return Odoo(library, program, origin)
    return None


def _from_debian(target):
    """Unpack Debian's package into `target` through an apt state of our own; the machine's apt is not touched."""
    keyring = next(
        (p for p in sorted(Path("/usr/share/keyrings").glob("debian-archive-keyring.*"))), None
    )
    if not (keyring and shutil.which("apt-get") and shutil.which("dpkg")):
        raise Stop("This is no Debian machine.", NEXT)
    apt = paths.STATE / "apt"
    for folder in (apt / "lists/partial", apt / "cache/archives/partial", apt / "debs"):
        folder.mkdir(parents=True, exist_ok=True)
    mirrors = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)"], capture_output=True, text=True
    ).stdout.split()
    mirrors = [m for m in dict.fromkeys(mirrors) if "security" not in m and "/debian" in m]
    if not mirrors:
        raise Stop("The machine's apt names no Debian mirror.", NEXT)
    (apt / "sources.list").write_text(
        "".join(
            f"deb [signed-by={keyring}] {mirrors[0]} {suite} main\n"
            for suite in ("sid", "bookworm")
        )
    )
    (apt / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{apt}/sources.list";\n'
        'Dir::Etc::sourceparts "/dev/null";\n'
        f'Dir::State::Lists "{apt}/lists";\n'
        f'Dir::Cache "{apt}/cache";\n'
        'Dir::State::status "/dev/null";\n'
        'APT::Sandbox::User "root";\n'
        'Acquire::Languages "none";\n'
    )
    env = {**os.environ, "APT_CONFIG": str(apt / "apt.conf")}
    with step("Fetching Odoo 19 from Debian (about 135 MB)"):
        run_logged(["apt-get", "update"], paths.LOGS / "apt.log", NEXT, env=env)
        run_logged(
            ["apt-get", "download", *PACKAGES],
            paths.LOGS / "apt.log",
            NEXT,
            env=env,
            cwd=apt / "debs",
        )
    with step("Unpacking Odoo"):
        for package in sorted((apt / "debs").glob("*.deb")):
            run_logged(["dpkg", "-x", str(package), str(target)], paths.LOGS / "dpkg.log", NEXT)
        for name in LEFT_OUT:
            script = target / "usr/lib/python3/dist-packages/odoo/addons" / name
            script.parent.mkdir(parents=True, exist_ok=True)
            script.write_text("// left out by Debian\n")
        version = next((apt / "debs").glob("odoo-19_*")).name.split("_")[1]
        shutil.rmtree(apt)
    return f"Debian's package odoo-19 {version}"


def _from_git(target):
    """Clone branch 19.0 without its history into `target`."""
    if not shutil.which("git"):
        raise Stop("git is not installed.", NEXT)
    with step("Cloning Odoo 19.0 with git (some minutes)"):
        run_logged(
            ["git", "clone", "--depth=1", "--branch=19.0", GIT_URL, str(target)],
            paths.LOGS / "git.log",
            NEXT,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        )
        revision = subprocess.run(
            ["git", "-C", str(target), "rev-parse", "--short", "HEAD"],
            capture_output=True,
            text=True,
        ).stdout.strip()
    return f"git, branch 19.0 at {revision}"
