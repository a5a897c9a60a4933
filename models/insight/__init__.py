from . import alert, operations, screens, snapshot
