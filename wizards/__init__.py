from . import resolve
