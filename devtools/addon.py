"""The addon as Odoo sees it: its manifest, its folder of links, and the hash of what a database depends on."""

import ast
import contextlib
import hashlib

from . import paths

# What no database depends on: changing these needs no new template.
NOT_INSTALLED = {
    "benchmarks", "devtools", "docs", "hub", "pyproject.toml", "readme", "requirements.lock",
    "requirements.txt", "sandbox", "tests",
}  # fmt: skip
NOT_INSTALLED_SUFFIXES = {".md", ".rst", ".pyc", ".png", ".gif", ".html"}


def manifest():
    """Return the addon's manifest as a dict."""
    return ast.literal_eval((paths.ROOT / "__manifest__.py").read_text())


def entries():
    """Return the top-level files and folders of the repository that belong to the addon."""
    return sorted(
        path for path in paths.ROOT.iterdir() if path.name[0] != "." and path.name != "__pycache__"
    )


def link():
    """Bring `.odoo/addons/<module>/` up to date: a real folder with one link for each top-level entry.

    One link to the whole root would lead Odoo's term export into `.odoo/` inside itself, again and again.
    """
    folder = paths.ADDONS / paths.MODULE
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {path.name: path for path in entries()}
    for path in folder.iterdir():
        if (
            path.name in wanted
            and path.is_symlink()
            and path.resolve() == wanted[path.name].resolve()
        ):
            del wanted[path.name]
        elif path.is_symlink():
            path.unlink(missing_ok=True)
    for name, target in wanted.items():
        with contextlib.suppress(FileExistsError):  # a run at the same time was quicker
            (folder / name).symlink_to(target)
    return folder


def fingerprint():
    """Return the hash of all files that shape a database when the addon is installed."""
    digest = hashlib.sha256()
    for entry in entries():
        if entry.name in NOT_INSTALLED:
            continue
        for path in sorted(entry.rglob("*")) if entry.is_dir() else [entry]:
            if path.is_file() and path.suffix not in NOT_INSTALLED_SUFFIXES:
                digest.update(f"{path.relative_to(paths.ROOT)}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
