"""Programs that the benchmark runs as processes of their own, so that they can be ended.

Each reads one JSON object a line, `{"text", "reference", "zone"}` with the reference as naive local
ISO time, and writes one a line: `{"ready": true}` first, then `{"results": [...]}`.
"""
