from . import (
    binding,
    credential,
    entity,
    entity_version,
    epoch,
    mapping,
    mapping_editor,
    process,
    system,
    token,
    vocabulary,
)
