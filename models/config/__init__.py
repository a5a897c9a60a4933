from . import (
    binding,
    credential,
    entity,
    entity_version,
    epoch,
    mapping,
    process,
    system,
    token,
    vocabulary,
)
