"""Files as a visitor drags them into a page."""

import base64
from collections.abc import Mapping

from playwright.async_api import Locator

CREATE_TRANSFER = """(files) => {
  const transfer = new DataTransfer();
  for (const [name, content] of Object.entries(files)) {
    const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
    transfer.items.add(new File([bytes], name));
  }
  return transfer;
}"""


async def drop(zone: Locator, files: Mapping[str, bytes]) -> None:
    """Drop files, by name, onto an element."""
    encoded = {name: base64.b64encode(content).decode() for name, content in files.items()}
    transfer = await zone.page.evaluate_handle(CREATE_TRANSFER, encoded)
    for event in ("dragenter", "dragover", "drop"):
        await zone.dispatch_event(event, {"dataTransfer": transfer})
