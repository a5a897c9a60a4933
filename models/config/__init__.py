from . import credential, entity, epoch, mapping, process, system, token, vocabulary
