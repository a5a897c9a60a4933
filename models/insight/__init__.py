from . import alert, screens, operations, snapshot
