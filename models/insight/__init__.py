from . import alert, operations, origins, ownership_matrix, screens, snapshot
