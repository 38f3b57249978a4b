"""The SSH data types (RFC 4251, section 5), read without mercy: what is short or long is an error."""


class Malformed(ValueError):
    """The bytes are not what they claim to be."""


class Reader:
    """Takes values from the front of some bytes; reading past their end raises ``Malformed``."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0
        """Bytes taken so far."""

    @property
    def finished(self) -> bool:
        """Whether nothing is left."""
        return self.position == len(self._data)

    def take(self, size: int) -> bytes:
        """Take exactly ``size`` bytes."""
        end = self.position + size
        if end > len(self._data):
            raise Malformed(f"{size} bytes expected, {len(self._data) - self.position} left")
        taken, self.position = self._data[self.position : end], end
        return taken

    def uint32(self) -> int:
        """Take a 32-bit number."""
        return int.from_bytes(self.take(4), "big")

    def uint64(self) -> int:
        """Take a 64-bit number."""
        return int.from_bytes(self.take(8), "big")

    def string(self) -> bytes:
        """Take a string: its length, then its bytes."""
        return self.take(self.uint32())

    def text(self) -> str:
        """Take a string that must be printable ASCII, as all names in the protocol are."""
        taken = self.string()
        if not all(0x20 <= byte < 0x7F for byte in taken):
            raise Malformed("unprintable characters in a name")
        return taken.decode("ascii")


def packed(value: bytes) -> bytes:
    """Write a string: its length, then its bytes."""
    return len(value).to_bytes(4, "big") + value


def printable(value: object, limit: int = 200) -> str:
    """Make words of the far side fit for a message: one line, no control characters, at most ``limit`` characters."""
    text = " ".join("".join(char if char.isprintable() else " " for char in str(value)).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
