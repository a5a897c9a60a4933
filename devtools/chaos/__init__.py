"""`./hub chaos`: the hub is broken on purpose while messages flow both ways, and then each one is asked for."""

from .command import chaos
