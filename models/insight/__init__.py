from . import alert, snapshot
