"""How well dates in texts are read: ours beside Duckling alone and Microsoft's recognizers."""
