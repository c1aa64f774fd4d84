from tests.gateways.wire import wire

__all__ = ["wire"]
