"""Damage to files, as disks, transfers and power cuts do it."""


def damaged(data, chance):
    """A bit flipped, the end cut off, nothing left, or a block of zeros as after a power cut."""
    at, kind = chance.randrange(len(data)), chance.random()
    if kind < 0.6:
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
    if kind < 0.8:
        return data[:at]
    return b"" if kind < 0.9 else data[:at] + bytes(len(data[at : at + 512])) + data[at + 512 :]
