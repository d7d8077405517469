"""Colours as params.yaml has them."""

from typing import Annotated

from msgspec import Meta

Channel = Annotated[int, Meta(ge=0, le=255)]
Colour = tuple[Channel, Channel, Channel]  #: red, green, blue
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
