"""One module per vendor that carries texts, and what crosses their border (``base``)."""
