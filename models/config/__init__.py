from . import entity, vocabulary, mapping, credential, system, process
