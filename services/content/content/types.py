from typing import Literal

Match = Literal["any", "all"]
"""Whether a speech must carry any or all of the tags."""
