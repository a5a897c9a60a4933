from . import mischief
from . import outbound
