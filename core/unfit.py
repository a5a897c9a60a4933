"""A value that a transform cannot take."""


class Unfit(Exception):
    """``expected`` says what would have fitted, as a machine word; the line's field is added later."""

    def __init__(self, expected: str):
        super().__init__(expected)
        self.expected = expected
