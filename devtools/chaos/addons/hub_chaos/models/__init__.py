from . import mischief, outbound
